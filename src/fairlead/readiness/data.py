"""Data 1 to 7: what a project must show of its features and its data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fairlead.data.report import counted
from fairlead.project.columns import ColumnSpec
from fairlead.readiness.evidence import (
    NO_CHAMPION,
    CheckedRows,
    Evidence,
    claimed,
    probed,
    repeated,
    whole_word,
)
from fairlead.readiness.records import AUTOMATED, Verdict

ABOUT_FEATURES = (
    "target_leakage",
    "dominant_column",
    "missing_values",
    "unknown_categories",
    "out_of_range",
    "constant_column",
    "id_column",
    "redundant_columns",
)
"""Findings of `fairlead check` that forbid a feature, where the project calls them failures."""


def schema(evidence: Evidence) -> Verdict:
    """Every feature is declared with its range or its categories, and the data keep all of it now.

    One point, as every training and every request enforces the same contract. A number with
    neither `min` nor `max` has a type and no expectation: then there is none.
    """
    if isinstance(evidence.rows, str):
        return Verdict(0, evidence.rows, "fairlead check")
    if evidence.rows.problems:
        return Verdict(0, _first(evidence.rows.problems), "fairlead check")
    columns = evidence.spec.data.columns
    loose = [name for name, column in columns.items() if _has_no_expectation(column)]
    if loose:
        return Verdict(0, f"no range is declared for {', '.join(loose)}", "`min` and `max` there")
    checks = counted(len(evidence.spec.data.checks), "check")
    text = f"{counted(len(columns), 'column')} and {checks}, kept by {evidence.rows.rows:,} rows"
    return Verdict(AUTOMATED, f"{text}; every training and request enforces them")


def _has_no_expectation(column: ColumnSpec) -> bool:
    bounded = column.min is not None or column.max is not None
    return column.role == "feature" and column.numeric and not bounded


def beneficial(evidence: Evidence) -> Verdict:
    """Every feature is shown to be needed: shuffled or left out, the champion gets worse.

    One point, as every training measures it on rows the model has not seen. Features that are not
    shown to be needed cost the point: leave them out, or declare by hand why they stay.
    """
    if evidence.champion is None:
        return NO_CHAMPION
    if evidence.importance is None:
        return Verdict(0, "not measured in the champion's training", "fairlead train")
    needed = _needed(evidence.importance) | _needed(evidence.ablation or {})
    measured = [str(each["feature"]) for each in evidence.importance["features"]]
    idle = [name for name in measured if name not in needed]
    if idle:
        text = f"not shown to be needed: {', '.join(idle)}"
        return Verdict(0, text, "leave them out, or say in `score.manual` why they stay")
    rows = int(evidence.importance["rows"])
    return Verdict(AUTOMATED, f"all {len(measured)} are needed, shuffled on {rows:,} unseen rows")


def _needed(document: Mapping[str, Any]) -> set[str]:
    return {str(each["feature"]) for each in document.get("features", ()) if each["is_needed"]}


def affordable(evidence: Evidence) -> Verdict:
    """No feature takes more than 100 µs of a request, which takes 10 ms at most: measured now."""
    return probed(evidence, "feature_cost")


def permitted(evidence: Evidence) -> Verdict:
    """The project calls what no feature may be a failure (`data.quality`), and none is it now.

    A point where CI or DVC runs `fairlead check`, half a point else.
    """
    quality = evidence.spec.data.quality
    rules = [name for name in ABOUT_FEATURES if getattr(quality, name) == "fail"]
    if not rules:
        remedy = "`data.quality: {id_column: fail, constant_column: fail, …}`"
        return Verdict(0, "the project forbids nothing of its features", remedy)
    if not isinstance(evidence.rows, CheckedRows) or evidence.rows.problems:
        return Verdict(0, "`fairlead check` does not pass", "fairlead check")
    return repeated(evidence, "fairlead check", f"none has {', '.join(rules)}")


def private(evidence: Evidence) -> Verdict:
    """Whether personal data is protected is known to people: by hand, or claimed by a test."""
    del evidence
    return Verdict(0, "nothing tells who may see the data", "`score.manual.data_5`")


def extensible(evidence: Evidence) -> Verdict:
    """One derived column more is trained, compiled, proved and scored now, within a minute."""
    return probed(evidence, "new_feature")


def code_tested(evidence: Evidence) -> Verdict:
    """A passing project test claims it, and the tests name every derived column.

    A point where CI or DVC runs `pytest`, half a point else.
    """
    verdict = claimed(evidence, "data_7")
    derived = evidence.spec.data.derived
    untested = [name for name in derived if not whole_word(name, evidence.tests.sources)]
    if verdict.points and untested:
        return Verdict(0, f"no test names {', '.join(untested)}", "a project test of each")
    return verdict


def _first(problems: tuple[str, ...]) -> str:
    more = f", and {len(problems) - 1} more" if problems[1:] else ""
    return f"{problems[0]}{more}"
