"""What features are worth: those that matter are found, those that do not are spared."""

from __future__ import annotations

import json

import numpy as np
from numpy.typing import NDArray

from fairlead.evaluation.features import FeatureEffect, permutation_importance
from fairlead.evaluation.records import Predictions

NAMES = ("strong", "weak", "useless")


def model(seed: int = 0) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Rows and a target that the first column makes up most of, the last one nothing."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(400, 3))
    return X, 3 * X[:, 0] + 0.5 * X[:, 1] + rng.normal(size=400)


def importance(seed: int = 42) -> tuple[FeatureEffect, ...]:
    X, y = model()
    return permutation_importance(
        lambda Z: Predictions(y, 3 * Z[:, 0] + 0.5 * Z[:, 1]), X, NAMES, "rmse", seed=seed
    )


def losses(effects: tuple[FeatureEffect, ...]) -> list[float]:
    return [effect.comparison.difference.value for effect in effects if effect.comparison]


def test_a_column_matters_as_much_as_the_model_leans_on_it() -> None:
    effects = importance()
    strong, weak, useless = losses(effects)
    assert strong > 10 * weak > 0 == useless
    assert [effect.is_needed for effect in effects] == [True, True, False]


def test_the_loss_is_the_mean_over_the_shuffles() -> None:
    for effect in importance():
        assert effect.comparison is not None
        assert len(effect.shuffles) == 5
        assert np.isclose(np.mean(effect.shuffles), effect.comparison.difference.value)


def test_the_same_seed_shuffles_in_the_same_way_and_another_seed_otherwise() -> None:
    assert importance(seed=1) == importance(seed=1)
    assert losses(importance(seed=1)) != losses(importance(seed=2))


def test_the_rows_themselves_are_left_alone() -> None:
    X, y = model()
    before = X.copy()
    permutation_importance(lambda Z: Predictions(y, Z[:, 0]), X, NAMES, "mae")
    assert (before == X).all()


def test_a_loss_of_accuracy_counts_as_a_loss() -> None:
    X, _ = model()
    y = (X[:, 0] > 0).astype(np.int64)
    effects = permutation_importance(
        lambda Z: Predictions(y, (Z[:, 0] > 0).astype(np.int64), None, ("no", "yes")),
        X,
        NAMES,
        "accuracy",
    )
    assert losses(effects)[0] < -0.3
    assert [effect.is_needed for effect in effects] == [True, False, False]


def test_effects_go_into_json() -> None:
    effects = [*importance(), FeatureEffect("only", None, error="it is the only column")]
    again = json.loads(json.dumps([effect.to_dict() for effect in effects], allow_nan=False))
    assert [each["feature"] for each in again] == [*NAMES, "only"]
    assert again[3]["error"] == "it is the only column"
    assert again[3]["is_needed"]
