"""The published JSON Schema says what the loader says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from fairlead.project.document import read_document
from fairlead.project.schema import project_schema
from fairlead.workflows.schema import schema as present_schema

ROOT = Path(__file__).resolve().parents[3]
PUBLISHED = ROOT / "docs" / "reference" / "fairlead.schema.json"


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    return present_schema()


def faults(schema: dict[str, Any], text: str) -> list[str]:
    validator = Draft202012Validator(schema)
    return [error.message for error in validator.iter_errors(read_document(text).values)]


def test_the_published_schema_is_the_present_one(schema: dict[str, Any]) -> None:
    published = json.loads(PUBLISHED.read_text(encoding="utf-8"))
    assert published == schema, "run `make schema`"


def test_the_schema_is_valid_itself(schema: dict[str, Any]) -> None:
    Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize("name", ["housing", "iris", "obesity"])
def test_a_reference_project_is_valid(schema: dict[str, Any], name: str) -> None:
    text = (ROOT / "projects" / name / "fairlead.yaml").read_text(encoding="utf-8")
    assert faults(schema, text) == []


def test_a_small_project_is_valid(schema: dict[str, Any], text: str) -> None:
    assert faults(schema, text) == []


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("max: 500", "mx: 500"),
        ("type: number", "type: numbr"),
        ("max_depth: 3", "max_dept: 3"),
        ("max_depth: 3", "max_depth: deep"),
        ("family: linear", "family: liner"),
        ("family: linear", "alpha: 1"),
        ("  metric: rmse\n", ""),
        ("holdout: 0.25", "holdout: 2"),
        ("nullable: true", "nullable: yes"),
    ],
)
def test_what_the_loader_refuses_the_schema_refuses(
    schema: dict[str, Any], text: str, right: str, wrong: str
) -> None:
    assert faults(schema, text.replace(right, wrong, 1))


def test_definitions_of_two_families_do_not_meet() -> None:
    one = {
        "type": "object",
        "properties": {"a": {"$ref": "#/$defs/A"}},
        "$defs": {"A": {"const": 1}},
    }
    two = {
        "type": "object",
        "properties": {"a": {"$ref": "#/$defs/A"}},
        "$defs": {"A": {"const": 2}},
    }
    schema = project_schema({"one": one, "two": two})
    part = {"$ref": "#/$defs/CandidateSpec", "$defs": schema["$defs"]}
    assert Draft202012Validator(part).is_valid({"family": "two", "a": 2})
    assert not Draft202012Validator(part).is_valid({"family": "one", "a": 2})
