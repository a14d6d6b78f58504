from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fairlead.bundle.compiling import compile_model
from fairlead.data.contract import Contract
from fairlead.errors import TrainingError
from fairlead.graph.builder import serialize
from fairlead.graph.runtime import Session
from fairlead.models.candidates import check_candidates
from fairlead.project.columns import ColumnSpec, TargetSpec
from fairlead.project.spec import CandidateSpec, ProjectSpec
from fairlead.training.ablation import without
from fairlead.training.fitting import Candidate, fit

ROWS = 300
NUMBER = ColumnSpec(type="number", nullable=True)
TREES = {
    "decision_tree": {},
    "random_forest": {"n_estimators": 10},
    "extra_trees": {"n_estimators": 10},
    "hist_gradient_boosting": {"max_iter": 20, "min_samples_leaf": 5},
    "lightgbm": {"n_estimators": 20, "min_child_samples": 5},
    "xgboost": {"n_estimators": 20},
}
MONOTONE = {"monotone": {"x": "increasing", "z": "decreasing", "steep": "decreasing"}}


@pytest.fixture
def X() -> NDArray[np.float64]:
    rng = np.random.default_rng(3)
    X = rng.normal(size=(ROWS, 3))
    X[rng.random((ROWS, 3)) < 0.1] = np.nan
    return X


def candidate(family: str, **parameters: Any) -> Candidate:
    spec = CandidateSpec.model_validate({"family": family, **parameters})
    return Candidate.of(family, spec, {"steep": "z * z * z"}, 42)


def contract(*classes: str) -> Contract:
    task = "classification" if classes else "regression"
    return Contract(task, dict.fromkeys(("x", "y", "z"), NUMBER), TargetSpec(name="t"), classes)  # type: ignore[arg-type]


def wavy(X: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rises and falls with x and with z."""
    X = np.nan_to_num(X)
    noise = np.random.default_rng(4).normal(size=ROWS)
    values: NDArray[np.float64] = X[:, 0] + 3 * np.sin(4 * X[:, 0]) + np.cos(5 * X[:, 2]) + noise
    return values


def paths(X: NDArray[np.float64], column: int) -> NDArray[np.float64]:
    """100 rows, one after another, each with 200 rising values of one column."""
    rows = np.repeat(X[:100], 200, axis=0)
    rows[:, column] = np.tile(np.linspace(-4, 4, 200), 100)
    return rows


@pytest.mark.parametrize("family", TREES)
@pytest.mark.parametrize("classes", [(), ("no", "yes")])
def test_the_graph_never_falls_with_an_increasing_column(
    family: str, classes: tuple[str, ...], X: NDArray[np.float64]
) -> None:
    y = (wavy(X) > 0).astype(np.int64) if classes else wavy(X)
    steps = {}
    for name, parameters in (("free", {}), ("bound", MONOTONE)):
        model = fit(candidate(family, **TREES[family], **parameters), contract(*classes), X, y)  # type: ignore[arg-type]
        session = Session(serialize(compile_model(model)))
        for column in (0, 2):
            outputs = session.run(paths(X, column))
            found = outputs["probabilities"][:, 1:] if classes else outputs["prediction"]
            steps[name, column] = np.diff(found.reshape(100, 200), axis=1)
    # The exponential of a probability may be off by its last bit.
    assert steps["bound", 0].min() >= (-1e-15 if classes else 0.0)
    assert steps["bound", 2].max() <= (1e-15 if classes else 0.0)
    assert min(steps["free", 0].min(), -steps["free", 2].max()) < -0.01


def test_an_ablation_takes_the_constraint_along(X: NDArray[np.float64]) -> None:
    whole = candidate("hist_gradient_boosting", **MONOTONE)
    less, columns, matrix = without("x", whole, contract(), X)
    model = fit(less, columns, matrix, wavy(X))
    assert model.estimator.monotonic_cst == [0, -1, -1]  # type: ignore[attr-defined]


@pytest.mark.parametrize("family", TREES)
def test_a_constraint_is_refused_where_the_data_has_three_classes(
    family: str, X: NDArray[np.float64]
) -> None:
    y = np.arange(ROWS) % 3
    with pytest.raises(TrainingError, match="two classes, there are 3"):
        fit(candidate(family, **MONOTONE), contract("a", "b", "c"), X, y)


WEIGHTED = {**TREES, "logistic": {}}


@pytest.mark.parametrize("family", WEIGHTED)
def test_a_class_that_counts_more_is_predicted_more_often(
    family: str, X: NDArray[np.float64]
) -> None:
    y = (wavy(X) > 2).astype(np.int64)
    # Leaves of few rows would know every training row by heart.
    small = {"decision_tree": {"max_depth": 3}}.get(family, {})
    if "forest" in family or family == "extra_trees":
        small = {"max_depth": 3}
    shares = []
    for weight in (None, {"yes": 20.0}, "balanced"):
        whole = candidate(family, **WEIGHTED[family], **small, class_weight=weight)  # type: ignore[arg-type]
        prediction = fit(whole, contract("no", "yes"), X, y).predict(X)
        assert prediction.probabilities is not None
        shares.append(prediction.probabilities[:, 1].mean())
    assert shares[1] > shares[0] + 0.05
    assert shares[2] > shares[0]


@pytest.mark.parametrize("family", WEIGHTED)
def test_weights_go_by_the_name_of_the_class_where_another_is_absent(
    family: str, X: NDArray[np.float64]
) -> None:
    y = np.where(wavy(X) > 2, 2, 0)
    shares = {}
    for heavy in ("low", "mid", "high"):
        whole = candidate(family, **WEIGHTED[family], class_weight={heavy: 9.0})  # type: ignore[arg-type]
        prediction = fit(whole, contract("low", "mid", "high"), X, y).predict(X)
        assert prediction.probabilities is not None
        assert not prediction.probabilities[:, 1].any()
        shares[heavy] = float(prediction.probabilities[:, 2].mean())
    assert shares["high"] >= shares["mid"] >= shares["low"]


def test_the_weight_of_a_class_that_is_not_in_the_data_is_refused(X: NDArray[np.float64]) -> None:
    whole = candidate("logistic", class_weight={"maybe": 2.0})
    with pytest.raises(TrainingError, match="maybe is no class; there are no, yes"):
        fit(whole, contract("no", "yes"), X, np.arange(ROWS) % 2)


def project(task: str = "regression", classes: tuple[str, ...] = (), **keys: Any) -> ProjectSpec:
    return ProjectSpec.model_validate(
        {
            "name": "flats",
            "task": task,
            "data": {
                "path": "flats.csv",
                "target": {"name": "rent", **({"classes": classes} if classes else {})},
                "columns": {
                    "area": {"type": "number"},
                    "kind": {"type": "category", "values": ["old", "new"]},
                    "block": {"type": "integer", "role": "ignore"},
                },
                "derived": {"root": "sqrt(area)"},
            },
            "candidates": {"model": keys},
            "evaluation": {"metric": "accuracy" if classes else "rmse"},
        }
    )


@pytest.mark.parametrize(
    ("keys", "where", "said"),
    [
        ({"monotone": {"aera": "increasing"}}, "monotone.aera", "did you mean that?"),
        ({"monotone": {"kind": "increasing"}}, "monotone.kind", "a category"),
        ({"monotone": {"block": "increasing"}}, "monotone.block", "`area`, `root`"),
        ({"monotone": {"area": "rising"}}, "monotone.area", "'increasing' or 'decreasing'"),
        ({"monotone": {"area": "increasing"}, "loss": "absolute_error"}, "monotone", "another"),
        ({"class_weight": "balanced"}, "class_weight", "for classification only"),
    ],
)
def test_what_cannot_be_is_a_problem(keys: dict[str, Any], where: str, said: str) -> None:
    (found,) = check_candidates(project(family="hist_gradient_boosting", **keys))
    assert found.where == f"candidates.model.{where}"
    assert said.replace("'", "`") in str(found)


@pytest.mark.parametrize(
    ("keys", "where", "said"),
    [
        ({"class_weight": {"c": 1, "d": 2}}, "class_weight.d", "one of `a`, `b`, `c`"),
        ({"class_weight": {"a": 0}}, "class_weight.a", "a value > 0"),
        ({"class_weight": "balance"}, "class_weight", "`balanced`"),
        ({"monotone": {"root": "decreasing"}}, "monotone", "two classes"),
    ],
)
def test_so_is_what_cannot_be_of_three_classes(keys: dict[str, Any], where: str, said: str) -> None:
    spec = project("classification", ("a", "b", "c"), family="xgboost", **keys)
    (found,) = check_candidates(spec)
    assert found.where == f"candidates.model.{where}"
    assert said in str(found)
