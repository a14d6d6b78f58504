"""The gates: what passes, what fails, and what they cannot decide."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairlead.data.contract import Contract
from fairlead.evaluation.records import Predictions
from fairlead.evaluation.slices import Cut
from fairlead.project.columns import ColumnSpec, TargetSpec
from fairlead.project.spec import ProjectSpec
from fairlead.registry.comparisons import Rows
from fairlead.registry.decisions import GateResult, Outcome, overall
from fairlead.registry.gates import Evidence, judge

REGRESSION: dict[str, Any] = {
    "name": "flats",
    "task": "regression",
    "data": {
        "path": "flats.csv",
        "target": {"name": "rent", "unit": "EUR"},
        "columns": {"area": {"type": "number"}},
    },
    "candidates": {"ridge": {"family": "ridge"}},
    "evaluation": {"metric": "rmse"},
}
CONTRACT = Contract("regression", {"area": ColumnSpec(type="number")}, TargetSpec(name="rent"))
COSTS = {"latency_p99_ms": 0.02, "size_mb": 1.5}
OUTCOMES = st.sampled_from(("pass", "fail", "inconclusive"))


def spec(**promotion: Any) -> ProjectSpec:
    return ProjectSpec.model_validate({**REGRESSION, "promotion": promotion})


def rows(
    own: float, theirs: float | None = 1.0, *, source: str = "holdout", n: int = 400, seed: int = 1
) -> Rows:
    """A truth of zero, missed with these spreads, half of it in common."""
    rng = np.random.default_rng(seed)
    shared, mine, other = rng.normal(size=(3, n))
    truth = np.zeros(n)
    sides = [
        (Predictions(truth, spread * (shared + noise)),)
        for spread, noise in ((own, mine), (theirs, other))
        if spread is not None
    ]
    return Rows(source, sides[0], sides[1] if len(sides) > 1 else ())


def evidence(**given: Any) -> Evidence:
    return Evidence(**{"contract": CONTRACT, "champion": CONTRACT, "costs": COSTS, **given})


def outcomes(found: tuple[GateResult, ...]) -> dict[str, Outcome]:
    return {gate.name: gate.outcome for gate in found}


@pytest.mark.parametrize(
    ("spread", "outcome"), [(0.5, "pass"), (1.0, "inconclusive"), (2.0, "fail")]
)
def test_the_champion_must_be_beaten(spread: float, outcome: str) -> None:
    found = judge(spec(), evidence(holdout=rows(spread)))
    assert outcomes(found)["beats_champion"] == outcome
    assert overall(found) == outcome


def test_the_confidence_is_that_of_the_project() -> None:
    near = evidence(holdout=rows(0.9))
    said = {
        level: outcomes(judge(spec(beats={"champion": level}), near))["beats_champion"]
        for level in (0.6, 0.999)
    }
    assert said == {0.6: "pass", 0.999: "inconclusive"}


def test_the_first_champion_has_nobody_to_beat() -> None:
    found = judge(spec(gates=["rmse <= 2"]), evidence(champion=None, holdout=rows(1.0, None)))
    assert overall(found) == "pass"
    assert found[0].found == "no champion yet"


def test_without_rows_nothing_is_decided() -> None:
    found = judge(spec(gates=["rmse <= 2"]), evidence(why_no_holdout="it was trained elsewhere"))
    assert outcomes(found)["beats_champion"] == outcomes(found)["rmse <= 2"] == "inconclusive"
    assert found[0].why == "it was trained elsewhere"


def test_a_champion_that_cannot_be_loaded_is_neither_beaten_nor_absent() -> None:
    broken = evidence(
        champion=None, champion_fault="model.onnx is damaged", holdout=rows(1.0, None)
    )
    found = outcomes(judge(spec(), broken))
    assert found["beats_champion"] == found["contract"] == "inconclusive"


@pytest.mark.parametrize(
    ("gate", "outcome"),
    [
        ("rmse <= 2", "pass"),
        ("rmse <= 1", "fail"),
        ("rmse <= 1.41 and size_mb < 2", "fail"),
        ("latency_p99_ms <= 0.02", "pass"),
        ("memory_mb <= 100", "inconclusive"),
        ("slice_drop <= 0.1", "pass"),
        ("mae < rmse", "pass"),
    ],
)
def test_the_figure_itself_must_keep_the_bound(gate: str, outcome: str) -> None:
    (found,) = [
        each for each in judge(spec(gates=[gate]), evidence(holdout=rows(1.0))) if each.name == gate
    ]
    assert found.outcome == outcome


@settings(max_examples=25, deadline=None)
@given(bound=st.floats(0.1, 3), raised_by=st.floats(0, 3))
def test_raising_a_bound_never_keeps_a_version_out(bound: float, raised_by: float) -> None:
    low, high = (
        outcomes(judge(spec(gates=[gate]), evidence(champion=None, holdout=SMALL)))[gate]
        for gate in (f"rmse <= {bound}", f"rmse <= {bound + raised_by}")
    )
    assert low == "fail" or high == "pass"


SMALL = rows(1.0, None, n=20)


def test_enough_recent_rows_decide_and_the_holdout_guards() -> None:
    both = evidence(holdout=rows(1.0), recent=rows(0.5, source="recent"))
    found = judge(spec(), both)
    assert outcomes(found)["beats_champion"] == "pass"
    assert outcomes(found)["holdout_guard"] == "pass"
    assert found[0].why == "paired, on 400 recent labelled rows"


def test_too_few_recent_rows_are_told_and_do_not_decide() -> None:
    both = evidence(holdout=rows(1.0), recent=rows(0.5, source="recent", n=50))
    found = judge(spec(), both)
    assert outcomes(found)["beats_champion"] == "inconclusive"
    assert "holdout_guard" not in outcomes(found)
    assert found[0].why.endswith("50 recent labelled rows are too few to decide")


def test_who_is_worse_on_the_holdout_is_held_back_while_it_stands() -> None:
    found = judge(spec(), evidence(holdout=rows(1.3), recent=rows(0.5, source="recent")))
    assert outcomes(found)["holdout_guard"] == "fail"


def test_a_holdout_that_the_world_has_left_behind_holds_nobody_back() -> None:
    moved = evidence(holdout=rows(1.3), recent=rows(0.5, 3.0, source="recent"))
    (guard,) = [each for each in judge(spec(), moved) if each.name == "holdout_guard"]
    assert guard.outcome == "pass"
    assert "the world has moved on" in guard.why


def test_a_champion_that_half_follows_the_world_does_not_bring_the_holdout_back() -> None:
    """It is as good on both: by itself it says that nothing has changed."""
    half = {"holdout": rows(1.3), "recent": rows(0.5, source="recent")}
    before = (rows(1.0, None), rows(3.0, None, source="recent"))
    (guard,) = [
        each for each in judge(spec(), evidence(**half, settled=before)) if "guard" in each.name
    ]
    assert guard.outcome == "pass"
    assert guard.why.startswith("the last champion that has learned from the project's data alone")


def test_where_the_world_is_as_it_was_a_retrained_champion_is_guarded_too() -> None:
    half = {"holdout": rows(1.3), "recent": rows(0.5, source="recent")}
    before = (rows(1.0, None), rows(1.0, None, source="recent"))
    found = judge(spec(), evidence(**half, settled=before))
    assert outcomes(found)["holdout_guard"] == "fail"


def cut_in_two(found: Rows) -> Rows:
    codes = (np.arange(found.rows) >= found.rows // 2).astype(np.int64)
    return replace(found, cuts=(Cut("floor", ("low", "high"), codes),))


def test_a_slice_that_is_surely_worse_is_named() -> None:
    first, second = rows(0.2), rows(2.0, seed=2)
    joined = Rows(
        "holdout",
        *(
            (Predictions(np.zeros(800), np.concatenate([a[0].y_pred, b[0].y_pred])),)
            for a, b in ((first.challenger, second.challenger), (first.champion, second.champion))
        ),
    )
    (found,) = [
        each
        for each in judge(spec(), evidence(holdout=cut_in_two(joined)))
        if each.name == "slices"
    ]
    assert found.outcome == "fail"
    assert found.found.startswith("floor high +")
    tolerant = judge(spec(slice_drop=2), evidence(holdout=cut_in_two(joined)))
    assert outcomes(tolerant)["slices"] == "pass"


def test_small_slices_are_counted_and_not_judged() -> None:
    found = judge(spec(), evidence(holdout=cut_in_two(rows(0.9, n=58))))
    (slices,) = [each for each in found if each.name == "slices"]
    assert (slices.outcome, slices.why) == ("pass", "not asked")


def classified(own: list[int], shares: float) -> Rows:
    """300 rows of each of two classes; per class, how many the version gets wrong."""
    truth = np.repeat([0, 1], 300)
    wrong = np.concatenate([np.arange(300) < own[0], np.arange(300) < own[1]])
    mine = np.where(wrong, 1 - truth, truth)
    theirs = np.where(np.arange(600) % 10 == 0, 1 - truth, truth)
    sides = []
    for predicted, share in ((mine, shares), (theirs, 0.8)):
        prob = np.full((600, 2), 1 - share)
        prob[np.arange(600), predicted] = share
        sides.append((Predictions(truth, predicted, prob, ("no", "yes")),))
    return Rows("holdout", *sides)


CLASSES = ProjectSpec.model_validate(
    {**REGRESSION, "task": "classification", "evaluation": {"metric": "accuracy"}}
)


def test_a_class_that_is_missed_more_often_is_named_although_the_whole_is_better() -> None:
    found = judge(CLASSES, evidence(holdout=classified([0, 35], 0.8)))
    (classes,) = [each for each in found if each.name == "classes"]
    assert classes.outcome == "pass"
    found = judge(CLASSES, evidence(holdout=classified([0, 58], 0.8)))
    (classes,) = [each for each in found if each.name == "classes"]
    assert classes.outcome == "fail"
    assert classes.found.startswith("yes -9.3")


def test_probabilities_that_are_far_off_fail() -> None:
    good, bad = (judge(CLASSES, evidence(holdout=classified([5, 5], s))) for s in (0.9, 0.51))
    assert outcomes(good)["calibration"] == "pass"
    assert outcomes(bad)["calibration"] == "fail"


def test_a_contract_that_takes_less_fails_with_each_break_and_what_it_would_refuse() -> None:
    narrower = replace(CONTRACT, columns={"area": ColumnSpec(type="number", min=5)})
    found = judge(spec(), evidence(contract=narrower, holdout=rows(0.5), refused=(7, 1000)))
    (contract,) = [each for each in found if each.name == "contract"]
    assert contract.outcome == overall(found) == "fail"
    assert contract.found == "area: smallest value (any) becomes 5"
    assert contract.why.endswith("of 1,000 rows that were sent it refuses 7")


def test_data_that_fails_its_rules_fails() -> None:
    found = judge(spec(), evidence(holdout=rows(0.5), quality=(False, "area is constant")))
    assert outcomes(found)["data_quality"] == "fail"


@given(first=st.lists(OUTCOMES), more=st.lists(OUTCOMES))
def test_no_further_gate_makes_the_outcome_better(
    first: list[Outcome], more: list[Outcome]
) -> None:
    order = ("pass", "inconclusive", "fail")
    few, many = (
        overall([GateResult("g", each, "", "") for each in said]) for said in (first, first + more)
    )
    assert order.index(many) >= order.index(few)
