"""The reference pages name every key and every setting, with its default and its meaning."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from fairlead.data.quality.records import LIMITS
from fairlead.project.spec import ProjectSpec
from fairlead.readiness.assessment import CRITERIA
from fairlead.settings import PREFIX, Settings

REFERENCE = Path(__file__).resolve().parents[2] / "docs" / "reference"


def parts(model: type[BaseModel], path: str) -> Iterator[tuple[str, type[BaseModel]]]:
    yield path, model
    for name, field in model.model_fields.items():
        mapping = getattr(field.annotation, "__origin__", None) is dict
        for kind in (field.annotation, *get_args(field.annotation)):
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                at = f"{path}.{name}.<name>" if mapping else f"{path}.{name}"
                yield from parts(kind, at.removeprefix("."))


def row(name: str, field: FieldInfo) -> str:
    meaning = " ".join((field.description or "see below").split())
    return f"| `{name}` | {default(field)} | {choices(field.annotation)}{meaning} |"


def choices(annotation: Any) -> str:
    literal = [kind for kind in (annotation, *get_args(annotation)) if get_origin(kind) is Literal]
    return " · ".join(f"`{choice}`" for kind in literal for choice in get_args(kind)) + (
        ". " if literal else ""
    )


def default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value: Any = field.default
    if isinstance(value, BaseModel):
        return "see below"
    return "none" if value in (None, (), {}, "") else f"`{json.dumps(value)}`".replace('"', "")


# A part that stands in several places is documented in the first.
PARTS = {
    path: model for model, path in {m: p for p, m in reversed([*parts(ProjectSpec, "")])}.items()
}


def table(text: str, heading: str) -> list[str]:
    section = text.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return [line for line in section.splitlines() if line.startswith("| `")]


@pytest.mark.parametrize("path", PARTS)
def test_every_key_of_the_project_file_is_documented(path: str) -> None:
    page = (REFERENCE / "project-file.md").read_text(encoding="utf-8")
    heading = f"`{path}`" if path else "The whole file"
    rows = [row(name, field) for name, field in PARTS[path].model_fields.items()]
    assert table(page, heading) == rows


def test_every_setting_is_documented() -> None:
    page = (REFERENCE / "settings.md").read_text(encoding="utf-8")
    rows = [row(f"{PREFIX}{name}".upper(), field) for name, field in Settings.model_fields.items()]
    assert table(page, "Variables") == rows


def test_every_finding_is_documented_with_its_limit() -> None:
    page = (REFERENCE / "data.md").read_text(encoding="utf-8")
    told = [line.split(" | ")[:2] for line in table(page, "Findings")]
    assert told == [[f"| `{code}`", str(limit)] for code, limit in LIMITS.items()]


def test_every_test_of_the_score_is_documented_with_its_rule() -> None:
    page = (REFERENCE / "ml-test-score.md").read_text(encoding="utf-8")
    rules = {
        name: " ".join(str(inspect.getdoc(each.rule)).split()) for name, each in CRITERIA.items()
    }
    rows = [f"| `{name}` | {each.title} | {rules[name]} |" for name, each in CRITERIA.items()]
    assert table(page, "Tests") == rows
