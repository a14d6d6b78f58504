"""Labels are scored by version, route and slice; too few are told, not guessed."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np

from fairlead.evaluation.records import Estimate
from fairlead.evaluation.report import evaluate
from fairlead.evaluation.slices import Cut
from fairlead.monitoring.labelled import LabelledRows, Seen
from fairlead.monitoring.quality import realised

CLASSES = ("no", "yes")
BASELINES = {
    "1": {"accuracy": Estimate(0.9, 0.01, 0.88, 0.92)},
    "2": {"accuracy": Estimate(0.8, 0.01, 0.78, 0.82)},
}


def labelled(rows: int, versions: list[str], routes: list[str]) -> LabelledRows:
    rng = np.random.default_rng(42)
    label = rng.integers(0, 2, rows)
    wrong = rng.random(rows) < 0.25
    return LabelledRows(
        ids=np.array([f"r{row}" for row in range(rows)], np.str_),
        times=np.arange(rows),
        versions=np.resize(np.array(versions, np.str_), rows),
        routes=np.resize(np.array(routes, np.str_), rows),
        X=np.arange(rows, dtype=np.float64)[:, None],
        columns=("x",),
        prediction=np.where(wrong, 1 - label, label),
        probabilities=np.full((rows, 2), 0.5),
        label=label,
        classes=CLASSES,
    )


def sums(version: str, route: str, rows: int, labelled: int) -> Seen:
    return Seen(version, route, rows, labelled, np.eye(2) * rows / 2, 1.0, 1.0)


def judged(rows: LabelledRows, seen: list[Seen], **options: Any) -> Any:
    given: dict[str, Any] = {"min_rows": 50, "resamples": 200, **options}
    return realised(rows, seen, ["accuracy"], BASELINES, **given)


def test_a_window_is_scored_as_a_whole_by_version_and_by_route() -> None:
    rows = labelled(400, ["1", "2"], ["champion", "challenger"])
    seen = [sums("1", "champion", 900, 200), sums("2", "challenger", 300, 200)]
    found = judged(rows, seen)
    assert [(each.version, each.route, each.rows, each.labelled) for each in found] == [
        (None, None, 1200, 400),
        ("1", None, 900, 200),
        ("2", None, 300, 200),
        (None, "challenger", 300, 200),
        (None, "champion", 900, 200),
    ]
    measured = evaluate(rows.predictions, ["accuracy"], resamples=200)["accuracy"]
    assert found[0].measured == measured
    assert [round(each.baseline.value, 3) for each in found[:3]] == [0.85, 0.9, 0.8]
    assert found[1].drop.value > 0


def test_too_few_labels_are_no_measurement() -> None:
    rows = labelled(40, ["1"], ["champion"])
    found = judged(rows, [sums("1", "champion", 900, 40)], expect=lambda *_: Estimate(0.8))
    assert [(each.measured, each.drop, each.labelled) for each in found] == [(None, None, 40)] * 2
    assert found[0].expected == Estimate(0.8)
    assert json.dumps([each.to_json() for each in found])


def test_no_label_at_all_still_has_a_baseline_and_an_estimate() -> None:
    rows = labelled(0, ["1"], ["champion"])
    found = judged(rows, [sums("1", "champion", 900, 0)], expect=lambda *_: Estimate(0.8))
    assert found[0].baseline == BASELINES["1"]["accuracy"]
    assert found[0].rows == 900


def test_nothing_seen_is_nothing_known() -> None:
    (found,) = judged(labelled(0, ["1"], ["champion"]), [])
    assert (found.rows, found.measured, found.expected) == (0, None, None)
    assert math.isnan(found.baseline.value)


def test_slices_have_their_own_bound() -> None:
    rows = labelled(400, ["1"], ["champion"])
    codes = np.array([0] * 20 + [1] * 380)
    cuts = [Cut("x", ("low", "high", "missing"), codes)]
    seen = [sums("1", "champion", 400, 400)]
    found = judged(rows, seen, cuts=cuts, min_slice_rows=30)[2:]
    assert [(each.slice, each.measured is None) for each in found] == [
        (("x", "low"), True),
        (("x", "high"), False),
    ]


def test_a_version_without_a_bundle_here_has_no_baseline() -> None:
    found = judged(labelled(100, ["9"], ["champion"]), [sums("9", "champion", 100, 100)])
    assert not found[0].baseline.is_defined
    assert found[0].drop is None or not found[0].drop.is_defined
