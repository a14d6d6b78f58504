from __future__ import annotations

import json

import numpy as np
import pytest
import xgboost

from fairlead.errors import CompileError
from fairlead.graph.builder import serialize
from fairlead.graph.runtime import Session
from fairlead.models.family import FitContext
from fairlead.models.xgboost import XGBOOST, XgboostClassifier, parse_trees
from fairlead.testing.cases import compile_estimator

ROWS = 400
X = np.arange(ROWS, dtype=float)[:, None]


def fitted_with_margins(values: np.ndarray) -> XgboostClassifier:
    """A classifier whose margins of row i are about values[i]; one column for two classes."""
    width = max(values.shape[1], 2)
    deep = {"max_depth": 12, "min_child_weight": 0, "reg_lambda": 0, "max_bin": ROWS + 10}
    model = xgboost.XGBClassifier(n_estimators=1, n_jobs=1, base_score=0.5, **deep)
    wrapped = XgboostClassifier(model).fit(X, np.arange(ROWS) * 7 % width)
    booster = model.get_booster()
    leaf = booster.predict(xgboost.DMatrix(X), pred_leaf=True).reshape(ROWS, -1).astype(int)
    document = json.loads(booster.save_raw("json"))
    for target, tree in enumerate(document["learner"]["gradient_booster"]["model"]["trees"]):
        conditions = np.array(tree["split_conditions"])
        conditions[leaf[:, target]] = values[:, target]
        tree["split_conditions"] = conditions.tolist()
    booster.load_model(bytearray(json.dumps(document).encode()))
    return wrapped


@pytest.mark.parametrize("classes", [("no", "yes"), ("low", "mid", "high")])
def test_the_class_is_xgboosts_own_where_margins_are_all_but_equal(classes: tuple[str]) -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=(ROWS, 1)) * 1e-7
    if len(classes) == 3:
        first = rng.normal(size=ROWS)
        near = first + rng.normal(size=ROWS) * 2e-7
        values = np.column_stack([first, near, first - rng.exponential(size=ROWS)])
    model = fitted_with_margins(values)
    context = FitContext("classification", classes, ("x",), {}, 0)
    outputs = Session(serialize(compile_estimator(XGBOOST, model, context))).run(X)
    assert (outputs["scores"] == XGBOOST.scores(model, X).reshape(ROWS, -1)).all()
    assert (outputs["prediction"][:, 0] == model.predict(X)).all()


def test_a_fold_may_lack_a_class() -> None:
    context = FitContext("classification", ("a", "b", "c"), ("x",), {}, 0)
    model = XGBOOST.build(XGBOOST.parameters(n_estimators=2), context)
    model.fit(X, np.where(np.arange(ROWS) < 90, 0, 2))
    assert model.classes_.tolist() == [0, 2]
    assert set(model.predict(X)) == {0, 2}


def test_one_class_alone_is_refused() -> None:
    context = FitContext("classification", ("a", "b"), ("x",), {}, 0)
    model = XGBOOST.build(XGBOOST.parameters(), context)
    with pytest.raises(ValueError, match="at least two classes"):
        model.fit(X, np.zeros(ROWS, int))


def test_categorical_splits_are_refused() -> None:
    features = ["c"]
    data = xgboost.DMatrix(
        X % 5, (X[:, 0] % 5) ** 2, feature_types=features, enable_categorical=True
    )
    booster = xgboost.train({"nthread": 1, "max_cat_to_onehot": 10}, data, 1)
    with pytest.raises(CompileError, match="categorical"):
        parse_trees(booster)
