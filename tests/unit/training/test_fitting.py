from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fairlead.data.contract import Contract
from fairlead.errors import TrainingError
from fairlead.project.columns import ColumnSpec, TargetSpec, Task
from fairlead.project.spec import CandidateSpec, CrossValidationSpec
from fairlead.training.cross_validation import folds
from fairlead.training.fitting import (
    Candidate,
    OutOfSample,
    Trained,
    cross_validate,
    fit,
    train_all,
)

COLUMNS = {"a": ColumnSpec(type="number"), "b": ColumnSpec(type="number", nullable=True)}


def contract(task: Task, *classes: str) -> Contract:
    return Contract(task, COLUMNS, TargetSpec(name="t"), classes)


def candidate(family: str, **parameters: object) -> Candidate:
    spec = CandidateSpec.model_validate({"family": family, **parameters})
    return Candidate.of(family, spec, {"c": "a * b"}, 42)


@pytest.fixture
def X() -> NDArray[np.float64]:
    X = np.random.default_rng(0).normal(size=(60, 2))
    X[::9, 1] = np.nan
    return X


@pytest.mark.parametrize("family", ["random_forest", "logistic", "hist_gradient_boosting"])
def test_a_declared_class_without_a_row_has_probability_zero(
    family: str, X: NDArray[np.float64]
) -> None:
    y = np.where(X[:, 0] > 0, 2, 0)
    fitted = fit(candidate(family), contract("classification", "x", "y", "z"), X, y)
    prediction = fitted.predict(X)
    assert prediction.probabilities is not None
    assert prediction.probabilities.shape == (60, 3)
    assert not prediction.probabilities[:, 1].any()
    assert set(prediction.values) <= {0, 2}


def test_out_of_bag_votes_name_the_classes_by_their_codes(X: NDArray[np.float64]) -> None:
    y = np.where(X[:, 0] > 0, 2, 1)
    fitted = fit(candidate("random_forest"), contract("classification", "x", "y", "z"), X, y)
    out_of_bag = fitted.out_of_bag()
    assert out_of_bag is not None
    prediction = out_of_bag.prediction
    assert prediction.probabilities is not None
    assert prediction.probabilities.shape == (len(out_of_bag.rows), 3)
    assert (prediction.values == y[out_of_bag.rows]).mean() > 0.8


def test_rows_that_every_tree_drew_have_no_out_of_bag_vote(X: NDArray[np.float64]) -> None:
    fitted = fit(candidate("random_forest", n_estimators=1), contract("regression"), X, X[:, 0])
    out_of_bag = fitted.out_of_bag()
    assert out_of_bag is not None
    assert 0 < len(out_of_bag.rows) < 60
    assert np.isfinite(out_of_bag.prediction.values).all()


def trained(X: NDArray[np.float64], jobs: int, *names: str) -> dict[str, Any]:
    layout = folds(CrossValidationSpec(folds=3, repeats=2), X[:, 0])
    candidates = [candidate(name) for name in names]
    return train_all(candidates, contract("regression"), X, X[:, 0], layout, jobs=jobs)


@pytest.mark.filterwarnings("ignore:overflow", "ignore:invalid value")
def test_a_candidate_that_cannot_be_fitted_does_not_stop_the_others(
    X: NDArray[np.float64],
) -> None:
    X[7, 0] = 1e300  # beyond float32, which scikit-learn's trees read
    results = trained(X, 1, "decision_tree", "hist_gradient_boosting")
    assert isinstance(results["decision_tree"], TrainingError)
    assert "too large for dtype('float32')" in str(results["decision_tree"])
    assert isinstance(results["hist_gradient_boosting"], Trained)


@pytest.mark.filterwarnings("ignore:overflow", "ignore:invalid value")
def test_nor_does_one_that_refuses_the_rows_it_shall_score(X: NDArray[np.float64]) -> None:
    fitted = fit(candidate("decision_tree"), contract("regression"), X, X[:, 0])
    with pytest.raises(TrainingError, match="candidate decision_tree cannot be trained"):
        fitted.predict(np.array([[1e300, 0.0]]))


@pytest.mark.filterwarnings("ignore:overflow", "ignore:invalid value")
def test_the_result_does_not_depend_on_the_number_of_processes(X: NDArray[np.float64]) -> None:
    X[7, 0] = 1e300
    names = ("hist_gradient_boosting", "extra_trees")
    one, two = trained(X, 1, *names), trained(X, 2, *names)
    assert str(one["extra_trees"]) == str(two["extra_trees"])
    parts: list[tuple[OutOfSample, OutOfSample]] = list(
        zip(*(each[names[0]].out_of_fold for each in (one, two)), strict=True)
    )
    assert len(parts) == 2
    assert all((a.prediction.values == b.prediction.values).all() for a, b in parts)
    assert all(a.rows.tolist() == list(range(60)) for a, _ in parts)


def test_cross_validation_alone_gives_the_predictions_of_training(X: NDArray[np.float64]) -> None:
    layout = folds(CrossValidationSpec(folds=3, repeats=2), X[:, 0])
    tree = candidate("decision_tree")
    alone = cross_validate([tree], contract("regression"), X, X[:, 0], layout)["decision_tree"]
    whole = trained(X, 1, "decision_tree")["decision_tree"]
    assert isinstance(alone, tuple)
    for one, other in zip(alone, whole.out_of_fold, strict=True):
        assert (one.rows == other.rows).all()
        assert (one.prediction.values == other.prediction.values).all()
