"""The best of several kinds of evidence counts; the weakest section is the score."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.project.spec import ProjectSpec
from fairlead.readiness.assessment import CRITERIA, assess
from fairlead.readiness.evidence import Evidence, ProjectTests
from fairlead.readiness.records import Outcome, Score, Verdict

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
TODAY = NOW.date()


def spec(**manual: Any) -> ProjectSpec:
    return ProjectSpec.model_validate(
        {
            "name": "flats",
            "task": "regression",
            "data": {"path": "a", "target": {"name": "y"}, "columns": {"a": {"type": "number"}}},
            "candidates": {"one": {"family": "linear"}},
            "evaluation": {"metric": "rmse"},
            "score": {"manual": manual},
        }
    )


def manual(evidence: str, day: date) -> dict[str, Any]:
    return {"evidence": evidence, "date": day.isoformat(), "note": "looked"}


def verdict(root: Path, test: str, **parts: Any) -> Verdict:
    evidence = Evidence(**{"spec": spec(), "spec_digest": "d", "now": NOW, **parts})
    (found,) = [each for each in assess(evidence, root).outcomes if each.id == test]
    return found.verdict


def test_there_are_28_tests_of_four_sections(tmp_path: Path) -> None:
    score = assess(Evidence(spec(), "d", NOW), tmp_path)
    assert list(score.sections) == ["data", "model", "infrastructure", "monitoring"]
    assert [len(score.of(section)) for section in score.sections] == [7] * 4
    assert score.points == 0
    assert score.reading.startswith("research")


@pytest.mark.parametrize("place", ["notes.md", "notes.md#privacy", "https://example.org/notes"])
def test_what_was_done_by_hand_is_half_a_point(tmp_path: Path, place: str) -> None:
    (tmp_path / "notes.md").touch()
    found = verdict(tmp_path, "data_5", spec=spec(data_5=manual(place, TODAY)))
    assert (found.points, found.text) == (0.5, f"by hand on 2026-11-25, {place}: looked")


@pytest.mark.parametrize(
    ("place", "day", "told"),
    [
        ("missing.md", TODAY, "there is no missing.md"),
        ("https://example.org", TODAY + timedelta(days=1), "has not come yet"),
        ("https://example.org", TODAY - timedelta(days=366), "over a year ago"),
    ],
)
def test_what_was_done_by_hand_counts_for_a_year_where_it_can_be_read(
    tmp_path: Path, place: str, day: date, told: str
) -> None:
    found = verdict(tmp_path, "data_5", spec=spec(data_5=manual(place, day)))
    assert found.points == 0
    assert told in found.text


def test_a_project_test_may_claim_what_no_rule_can_see(tmp_path: Path) -> None:
    tests = ProjectTests({"model_7": ("test_men_and_women",)}, passed=1)
    by_hand = verdict(tmp_path, "model_7", tests=tests)
    by_itself = verdict(tmp_path, "model_7", tests=tests, pipeline={"pytest": "ci.yml"})
    assert (by_hand.points, by_itself.points) == (0.5, 1)
    assert "test_men_and_women" in by_itself.text


def test_a_claim_of_a_run_that_failed_is_none(tmp_path: Path) -> None:
    tests = ProjectTests({"model_7": ("a",)}, 1, ("b",), trouble="b failed")
    assert verdict(tmp_path, "model_7", tests=tests, pipeline={"pytest": "ci.yml"}).points == 0


def test_what_was_done_by_hand_does_not_hide_what_a_system_does(tmp_path: Path) -> None:
    tests = ProjectTests({"model_7": ("a",)}, passed=1)
    declared = spec(model_7=manual("https://example.org", TODAY))
    parts: dict[str, Any] = {"tests": tests, "spec": declared}
    assert verdict(tmp_path, "model_7", **parts, pipeline={"pytest": "ci.yml"}).points == 1


@given(st.lists(st.sampled_from([0, 0.5, 1]), min_size=28, max_size=28))
def test_the_score_is_the_weakest_section(points: list[float]) -> None:
    outcomes = tuple(
        Outcome(name, "title", Verdict(each, "text"))
        for name, each in zip(CRITERIA, points, strict=True)
    )
    score = Score("flats", None, outcomes)
    assert score.points == min(sum(points[start : start + 7]) for start in range(0, 28, 7))
    assert json.loads(json.dumps(score.to_json()))["score"] == score.points


@pytest.mark.parametrize(
    ("points", "reading"),
    [(0, "research"), (0.5, "not untested"), (1.5, "a first pass"), (3, "reasonably"),
     (3.5, "strongly"), (5, "strongly"), (5.5, "exceptionally")],
)  # fmt: skip
def test_a_score_is_read_as_the_paper_reads_it(points: float, reading: str) -> None:
    each = [1.0] * int(points) + [points % 1] + [0.0] * (6 - int(points))
    verdicts = [Verdict(number, "text") for number in each * 4]
    outcomes = tuple(map(Outcome, CRITERIA, ["title"] * 28, verdicts))
    assert Score("flats", None, outcomes).reading.startswith(reading)


def test_markdown_has_a_badge_and_a_line_for_each_test(tmp_path: Path) -> None:
    text = assess(Evidence(spec(), "d", NOW), tmp_path).markdown()
    assert "ML_Test_Score-0-red" in text
    assert text.count(" | 0 | ") == 28
