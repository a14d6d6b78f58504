from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from fairlead.bundle.compiling import compile_model
from fairlead.bundle.parity import prove
from fairlead.data.contract import Contract
from fairlead.errors import TrainingError
from fairlead.graph.builder import serialize
from fairlead.graph.expressions import EXACT
from fairlead.graph.runtime import Session
from fairlead.project.columns import ColumnSpec, TargetSpec
from fairlead.project.spec import CandidateSpec
from fairlead.training.fitting import Candidate, FittedModel, fit
from fairlead.training.targets import restored, transformed

KINDS = ("log", "log1p", "sqrt")


@pytest.fixture
def X() -> NDArray[np.float64]:
    return np.random.default_rng(1).normal(size=(200, 2))


def fitted(X: NDArray[np.float64], kind: str, family: str = "decision_tree") -> FittedModel:
    columns = {name: ColumnSpec(type="number") for name in ("a", "b")}
    contract = Contract("regression", columns, TargetSpec(name="t"))
    spec = CandidateSpec.model_validate({"family": family, "transform_target": kind})
    return fit(Candidate.of("it", spec, {}, 42), contract, X, np.exp(X[:, 0] + 5))


@pytest.mark.parametrize("kind", KINDS)
@given(y=st.floats(1e-6, 1e12))
def test_the_inverse_gives_the_target_back(kind: Any, y: float) -> None:
    back = restored(EXACT, kind, transformed("it", kind, np.array([y])))
    assert back[0] == pytest.approx(y, rel=1e-9)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("family", ["decision_tree", "hist_gradient_boosting", "ridge"])
def test_predictions_are_of_the_target_and_proved(
    kind: str, family: str, X: NDArray[np.float64]
) -> None:
    model = fitted(X, kind, family)
    proof = prove(model, compile_model(model), X, 42)
    if family != "ridge":
        assert all(output.differing == 0 for output in proof.outputs)
    error = model.predict(X).values / np.exp(X[:, 0] + 5) - 1
    assert np.median(np.abs(error)) < 0.3
    session = Session(serialize(compile_model(model)))
    assert session.run(X[:1])["prediction"].tobytes() == session.run(X)["prediction"][:1].tobytes()


def test_out_of_bag_predictions_are_of_the_target_too(X: NDArray[np.float64]) -> None:
    out_of_bag = fitted(X, "log", "random_forest").out_of_bag()
    assert out_of_bag is not None
    assert out_of_bag.prediction.values.min() > 1


def test_a_root_below_zero_is_zero() -> None:
    assert restored(EXACT, "sqrt", np.array([-3.0, 2.0])).tolist() == [0.0, 4.0]


@pytest.mark.parametrize(
    ("kind", "y", "said"),
    [
        ("log", 0.0, "needs targets > 0; 1 of 2 are not, such as 0"),
        ("log", np.nan, "needs targets > 0"),
        ("log1p", -1.0, "needs targets > -1"),
        ("sqrt", -0.5, "needs targets >= 0"),
    ],
)
def test_a_target_without_a_transform_is_refused(kind: str, y: float, said: str) -> None:
    columns = {"a": ColumnSpec(type="number")}
    contract = Contract("regression", columns, TargetSpec(name="t"))
    spec = CandidateSpec.model_validate({"family": "linear", "transform_target": kind})
    with pytest.raises(TrainingError, match=said):
        fit(Candidate.of("it", spec, {}, 42), contract, np.eye(2)[:, :1], np.array([y, 1.0]))


@pytest.mark.parametrize("family", ["linear", "random_forest", "xgboost"])
def test_predictions_keep_to_the_bounds_of_the_target(family: str, X: NDArray[np.float64]) -> None:
    columns = {name: ColumnSpec(type="number") for name in ("a", "b")}
    contract = Contract("regression", columns, TargetSpec(name="t", min=-0.5, max=0.25))
    spec = CandidateSpec.model_validate({"family": family})
    y = np.clip(X[:, 0], -0.5, 0.25)
    model = fit(Candidate.of("it", spec, {}, 42), contract, X, y)
    prove(model, compile_model(model), X, 42)
    found = model.predict(X * 10).values
    assert (found.min(), found.max()) == (-0.5, 0.25) or family != "linear"
    assert found.min() >= -0.5
    assert found.max() <= 0.25
    graph = Session(serialize(compile_model(model)))
    assert graph.run(X * 10)["prediction"][:, 0] == pytest.approx(found)
