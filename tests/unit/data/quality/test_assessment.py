"""The report as a whole."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from fairlead.data.quality.records import QualityReport

Assessor = Callable[..., QualityReport]
Rows = dict[str, np.ndarray[Any, Any]]


def test_an_assessment_can_be_repeated(assessed: Assessor, noise: Rows) -> None:
    rows = noise | {"c": np.exp(noise["a"]), "y": noise["a"] + 0.2 * noise["b"]}
    assert assessed(rows) == assessed(rows)


def test_the_report_is_json(assessed: Assessor, noise: Rows) -> None:
    report = assessed(noise | {"y": noise["a"]}, derived={"c": "a * b"})
    document = json.loads(json.dumps(report.to_json(), allow_nan=False))
    assert document["passed"] is True
    assert document["findings"][0]["code"] == "target_leakage"
    assert document["findings"][0]["threshold"] == 0.9
    assert [column["name"] for column in document["derived"]] == ["c"]
    assert {power["column"] for power in document["powers"]} == {"a", "b", "c"}


def test_rows_that_cannot_be_split_fail(assessed: Assessor, noise: Rows) -> None:
    rows = noise | {"y": ["p"] * 199 + ["q"]}
    report = assessed(rows, task="classification", split={"kind": "stratified"})
    (first, *_) = report.findings
    assert (first.code, report.passed, report.split) == ("unsplittable", False, "no holdout")
    assert "1 row of class q" in first.found


def test_the_terminal_shows_each_finding_with_what_to_do(assessed: Assessor, noise: Rows) -> None:
    report = assessed(noise | {"y": noise["a"], "b": 1.0})
    console = Console(width=90, color_system=None)
    with console.capture() as capture:
        console.print(report.render())
    text = " ".join(capture.get().split())
    assert "quality 2 warnings random split: 160 rows to train on, 40 held out" in text
    for finding in report.findings:
        assert finding.code in text
        assert f"{finding.found} {finding.measured} {finding.advice}" in text


def test_findings_of_one_kind_are_shown_with_one_advice(assessed: Assessor, noise: Rows) -> None:
    report = assessed(noise | {"a": 1.0, "b": 2.0})
    ((first, second),) = [group for group in report.grouped if len(group) > 1]
    assert first.code == "constant_column"
    assert (first.columns, second.columns, first.advice) == (("a",), ("b",), second.advice)


def test_a_report_without_findings_says_so(assessed: Assessor, noise: Rows) -> None:
    assert assessed(noise).counts == "nothing found"


@pytest.mark.parametrize("n", [2, 3, 7])
def test_very_few_rows_are_assessed(assessed: Assessor, noise: Rows, n: int) -> None:
    few = {name: x[:n] for name, x in noise.items()}
    assert assessed(few, {"a": {"type": "number"}}).passed


def test_columns_of_every_type_are_assessed(assessed: Assessor, noise: Rows) -> None:
    rows = noise | {
        "a": [None, 1e308, -1e308, 5e-324] * 50,
        "c": ["p", "q"] * 100,
        "d": ["true", "false"] * 100,
        "e": ["2024-01-01", "2025-01-01T12:00:00Z"] * 100,
        "f": ["x", "y"] * 100,
    }
    declared = {
        "a": {"type": "number", "nullable": True},
        "c": {"type": "category", "values": ["p", "q"]},
        "d": {"type": "boolean"},
        "e": {"type": "datetime"},
        "f": {"type": "text", "role": "ignore"},
    }
    report = assessed(rows, declared, derived={"g": "a * 10", "h": "a > 0"})
    json.dumps(report.to_json(), allow_nan=False)


@pytest.mark.parametrize(
    "values", [[1e308, -1e308], [1e308, 1e308], [-1e-308, 5e-324], [0.0, -0.0]]
)
def test_numbers_at_the_ends_of_what_there_is_are_assessed(
    assessed: Assessor, noise: Rows, values: list[float]
) -> None:
    rows = {"a": values * 100, "b": noise["b"], "y": values[::-1] * 100}
    json.dumps(assessed(rows).to_json(), allow_nan=False)
