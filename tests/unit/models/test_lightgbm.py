from __future__ import annotations

import re

import lightgbm
import numpy as np
import pytest

from fairlead.errors import CompileError
from fairlead.graph.builder import serialize
from fairlead.graph.runtime import Session
from fairlead.models.family import FitContext
from fairlead.models.lightgbm import LIGHTGBM, parse_trees
from fairlead.testing.cases import compile_estimator

LEAVES = 1000


def fitted_with_scores(values: np.ndarray) -> tuple[lightgbm.LGBMClassifier, np.ndarray]:
    """A classifier whose scores of row i are values[:, i]; one row of values for two classes."""
    X = np.arange(LEAVES, dtype=float)[:, None]
    model = lightgbm.LGBMClassifier(
        n_estimators=1,
        num_leaves=LEAVES,
        min_child_samples=1,
        min_child_weight=0.0,
        max_bin=LEAVES + 10,
        min_data_in_bin=1,
        n_jobs=1,
        verbosity=-1,
    ).fit(X, np.arange(LEAVES) * 7 % max(len(values), 2))
    leaf = model.booster_.predict(X, pred_leaf=True).reshape(LEAVES, -1)
    rows = iter(zip(leaf.T, values, strict=True))

    def rewritten(_: re.Match[str]) -> str:
        places, row = next(rows)
        leaves = np.zeros(places.max() + 1)
        leaves[places] = row
        return "leaf_value=" + " ".join(f"{value:.17g}" for value in leaves)

    text = re.sub(r"leaf_value=.*", rewritten, model.booster_.model_to_string())
    model._Booster = lightgbm.Booster(model_str=re.sub(r"tree_sizes=.*\n", "", text))
    return model, X


@pytest.mark.parametrize("classes", [("no", "yes"), ("low", "mid", "high")])
def test_the_class_is_lightgbms_own_where_scores_are_all_but_equal(classes: tuple[str]) -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=(1, LEAVES)) * 2e-16
    if len(classes) == 3:
        first = rng.normal(size=LEAVES)
        near = first + rng.normal(size=LEAVES) * 3e-16
        values = np.array([first, near, first - rng.exponential(size=LEAVES)])
    model, X = fitted_with_scores(values)
    context = FitContext("classification", classes, ("x",), {}, 0)
    outputs = Session(serialize(compile_estimator(LIGHTGBM, model, context))).run(X)
    assert (outputs["scores"] == model.predict(X, raw_score=True).reshape(LEAVES, -1)).all()
    assert (outputs["prediction"][:, 0] == model.predict(X)).all()


def test_a_feature_complete_in_training_takes_missing_as_zero() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 2))
    context = FitContext("regression", (), ("a", "b"), {}, 0)
    model = LIGHTGBM.build(LIGHTGBM.parameters(n_estimators=5), context).fit(X, X[:, 0] - X[:, 1])
    rows = np.array([[np.nan, 0.5], [0.0, 0.5], [0.5, np.nan], [np.nan, np.nan]])
    outputs = Session(serialize(compile_estimator(LIGHTGBM, model, context))).run(rows)
    assert (outputs["prediction"][:, 0] == model.predict(rows)).all()
    assert outputs["prediction"][0] == outputs["prediction"][1]


def test_a_constant_target_is_predicted() -> None:
    X = np.arange(50.0)[:, None]
    context = FitContext("regression", (), ("a",), {}, 0)
    model = LIGHTGBM.build(LIGHTGBM.parameters(n_estimators=3), context).fit(X, np.full(50, 0.1))
    outputs = Session(serialize(compile_estimator(LIGHTGBM, model, context))).run(X)
    assert (outputs["prediction"][:, 0] == model.predict(X)).all()


def test_categorical_splits_are_refused() -> None:
    X = np.arange(200.0)[:, None] % 5
    model = lightgbm.LGBMRegressor(n_estimators=1, verbosity=-1, min_data_per_group=1, n_jobs=1)
    model.fit(X, X[:, 0] ** 2, categorical_feature=[0])
    with pytest.raises(CompileError, match="categorical"):
        parse_trees(model.booster_.model_to_string(), 1)


def test_numbers_that_lightgbm_takes_for_zero_pass_its_tests_as_zero() -> None:
    # Its threshold below zero is -1e-35 (float32), which as a value counts as 0.
    zero = float(np.float32(1e-35))
    X = np.repeat([-1.0, 0.0, 1.0], 30)[:, None]
    context = FitContext("regression", (), ("a",), {}, 0)
    model = LIGHTGBM.build(LIGHTGBM.parameters(n_estimators=5), context).fit(X, X[:, 0])
    assert f"{-zero:.17g}" in model.booster_.model_to_string()
    near = np.array([0.0, 1e-300, zero, np.nextafter(zero, 1), np.nextafter(zero, 0)])
    rows = np.append(near, -near)[:, None]
    outputs = Session(serialize(compile_estimator(LIGHTGBM, model, context))).run(rows)
    assert (outputs["prediction"][:, 0] == model.predict(rows)).all()
