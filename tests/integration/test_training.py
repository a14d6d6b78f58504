"""The reference projects, trained for real: their figures and their graphs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from fairlead.bundle.reading import verify_bundle
from fairlead.project.loading import Project
from fairlead.workflows.load import load
from fairlead.workflows.train import TrainingResult, train

pytestmark = pytest.mark.slow

EXACT_FAMILIES = {
    "rules",
    "decision_tree",
    "random_forest",
    "extra_trees",
    "hist_gradient_boosting",
    "xgboost",
    "lightgbm",
}


@pytest.fixture(scope="module")
def iris(reference_project: Callable[[str], Path]) -> tuple[Project, TrainingResult]:
    project = load(reference_project("iris"))
    return project, train(project, trials=0)


@pytest.fixture(scope="module")
def housing(reference_project: Callable[[str], Path]) -> tuple[Project, TrainingResult]:
    project = load(reference_project("housing"))
    return project, train(project, only=["linear", "decision_tree", "boosting", "near"], trials=0)


@pytest.fixture(scope="module")
def obesity(reference_project: Callable[[str], Path]) -> tuple[Project, TrainingResult]:
    project = load(reference_project("obesity"))
    return project, train(project, only=["logistic", "lightgbm", "lightgbm_without_bmi"], trials=0)


Trained = tuple[Project, TrainingResult]


def figures(trained: Trained, metric: str, source: str = "cv") -> dict[str, float]:
    entries = trained[1].leaderboard.entries
    return {entry.name: getattr(entry, source)[metric].value for entry in entries}


def test_iris_leave_one_out_matches_the_reference(iris: Trained) -> None:
    accuracy = figures(iris, "accuracy")
    assert accuracy["rules"] >= 0.96
    assert accuracy["decision_tree"] >= 0.96
    assert max(accuracy.values()) >= 0.973


def test_housing_boosting_matches_the_reference(housing: Trained) -> None:
    assert figures(housing, "rmse")["boosting"] <= 46_600
    assert figures(housing, "rmse", "holdout")["boosting"] <= 45_800
    assert figures(housing, "r2", "holdout")["boosting"] >= 0.84


def test_neighbours_make_housing_better_among_known_places_and_worse_beyond(
    housing: Trained,
) -> None:
    assert figures(housing, "rmse")["near"] <= 39_500
    assert figures(housing, "rmse", "holdout")["near"] <= 39_500
    entries = {entry.name: entry for entry in housing[1].leaderboard.entries}
    (near,), (boosting,) = (entries[name].validations for name in ("near", "boosting"))
    assert near.method == "5-fold by blocks of 1 × 1 (longitude, latitude)"
    assert near.mean > boosting.mean > entries["boosting"].cv["rmse"].value


def test_intervals_of_housing_hold_what_they_promise_in_every_slice(housing: Trained) -> None:
    for name in ("boosting", "near"):
        coverage = housing[1].bundle(name).manifest["coverage"]
        whole, *slices = coverage["measured"]["holdout"]
        assert 0.88 <= whole["coverage"]["value"] <= 0.92
        large = [each for each in slices if each["rows"] >= 200]
        assert len(large) >= 8
        assert min(each["coverage"]["value"] for each in large) >= 0.85


def test_obesity_is_known_by_its_body_mass_index(obesity: Trained) -> None:
    accuracy, macro_f1 = figures(obesity, "accuracy"), figures(obesity, "macro_f1")
    assert accuracy["lightgbm"] >= 0.989
    assert macro_f1["lightgbm"] >= 0.988
    assert figures(obesity, "accuracy", "holdout")["lightgbm"] >= 0.975
    assert accuracy["lightgbm_without_bmi"] < accuracy["lightgbm"] - 0.02
    scores = obesity[1].bundle("lightgbm_without_bmi").manifest["slices"]["cv"]
    (people,) = [s for s in scores if (s["column"], s["value"]) == ("whole_answers", "true")]
    assert people["is_worse"]
    assert people["rows"] > 300


@pytest.mark.parametrize("name", ["iris", "housing", "obesity"])
def test_every_graph_was_proved_equal_to_its_estimator(
    name: str, request: pytest.FixtureRequest
) -> None:
    _, result = request.getfixturevalue(name)
    for candidate in result.bundles:
        manifest = result.bundle(candidate).manifest
        worst = {output["output"]: output["worst"] for output in manifest["parity"]["outputs"]}
        exact = manifest["family"] in EXACT_FAMILIES
        assert worst["prediction"] <= (0.0 if exact else 1e-12), candidate
        assert worst.get("scores", 0.0) <= (0.0 if exact else 1e-12), candidate


@pytest.mark.parametrize("name", ["iris", "housing", "obesity"])
def test_every_bundle_is_sound_and_predicts_for_the_raw_file(
    name: str, request: pytest.FixtureRequest
) -> None:
    project, result = request.getfixturevalue(name)
    frame = pl.read_csv(project.root / project.spec.data.path, infer_schema_length=None).head(200)
    for folder in result.bundles.values():
        bundle = verify_bundle(folder)
        together = bundle.predict(frame)
        alone = np.concatenate([bundle.predict(frame[row]) for row in range(20)])
        assert (together[:20] == alone).all()


def test_out_of_bag_figures_are_there_for_forests(iris: Trained) -> None:
    oob = {entry.name: entry.oob for entry in iris[1].leaderboard.entries if entry.oob}
    assert set(oob) == {"random_forest"}
    assert oob["random_forest"]["accuracy"].value > 0.9


@pytest.mark.parametrize("name", ["iris", "housing", "obesity"])
def test_every_candidate_is_shown_to_be_better_than_the_baseline(
    name: str, request: pytest.FixtureRequest
) -> None:
    board = request.getfixturevalue(name)[1].leaderboard
    assert board.baseline is not None
    assert not board.unproven
    assert all(entry.against_baseline is not None for entry in board.entries)


def test_a_baseline_of_balanced_classes_is_right_in_one_of_three(iris: Trained) -> None:
    baseline = iris[1].leaderboard.baseline
    assert baseline is not None
    assert baseline.cv["accuracy"].value == pytest.approx(1 / 3)


def test_the_two_best_of_iris_are_even_and_on_housing_every_other_is_worse(
    iris: Trained, housing: Trained
) -> None:
    _, second, *_ = iris[1].leaderboard.ranked
    assert second.against_best is not None
    assert second.against_best.verdict == "inconclusive"
    compared = [entry.against_best for entry in housing[1].leaderboard.ranked[1:]]
    assert {found and found.verdict for found in compared} == {"worse"}
    simplest = iris[1].leaderboard.simplest
    assert simplest is not None
    assert simplest.interpretability == "high"


def test_a_single_split_of_iris_says_anything(iris: Trained) -> None:
    for entry in iris[1].leaderboard.entries:
        folds, split = entry.validations
        assert split.high - split.low >= 0.06
        assert split.spread > 2 * folds.spread


def test_slices_stand_in_manifest_card_and_report(housing: Trained) -> None:
    project, result = housing
    bundle = result.bundle("boosting")
    scores = {score["value"]: score for score in bundle.manifest["slices"]["holdout"]}
    assert scores["ISLAND"]["estimate"]["value"] is None
    assert scores["INLAND"]["rows"] > 1_000
    assert not scores["INLAND"]["is_worse"]
    report = project.root / ".fairlead" / "results" / "reports" / "boosting.json"
    assert json.loads(report.read_bytes())["slices"] == bundle.manifest["slices"]
    assert "ocean_proximity: INLAND" in (bundle.path / "card.md").read_text("utf-8")


def test_the_place_and_the_income_are_what_houses_are_judged_by(housing: Trained) -> None:
    effects = {effect.feature: effect for effect in housing[1].studies.importance}
    for feature in ("longitude", "latitude", "median_income"):
        assert effects[feature].is_needed


def test_costs_are_measured(iris: Trained) -> None:
    for entry in iris[1].leaderboard.entries:
        assert entry.latency_p50_us is not None
        assert 0 < entry.latency_p50_us < 10_000
        assert entry.size_bytes is not None
        assert entry.size_bytes > 1_000
