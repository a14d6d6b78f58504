from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from onnx import TensorProto

from fairlead.bundle.compiling import compile_model
from fairlead.bundle.parity import beside, prove
from fairlead.data.contract import Contract
from fairlead.graph.builder import Graph, serialize
from fairlead.graph.expressions import EXACT, GraphOps
from fairlead.graph.runtime import Session
from fairlead.project.columns import ColumnSpec, TargetSpec
from fairlead.project.spec import CandidateSpec
from fairlead.training.calibration import Calibration, Isotonic, Sigmoid, learn_calibration
from fairlead.training.fitting import Candidate, Prediction, fit

ROWS = 300
LABELS = ("p", "q", "r")
METHODS = ("sigmoid", "isotonic")


def simulated(classes: int, power: float, rows: int = 4000) -> tuple[Any, NDArray[np.int64]]:
    """Probabilities too timid (power < 1) or too sure, and classes drawn from the truth."""
    rng = np.random.default_rng(1)
    truth = rng.dirichlet(np.ones(classes), rows)
    y = (truth.cumsum(axis=1) > rng.random((rows, 1))).argmax(axis=1)
    told = truth**power
    return told / told.sum(axis=1, keepdims=True), y


def log_loss(shares: NDArray[np.float64], y: NDArray[np.int64]) -> float:
    return float(-np.log(np.maximum(shares[np.arange(len(y)), y], 1e-15)).mean())


def calibrated(calibration: Calibration, shares: NDArray[np.float64]) -> NDArray[np.float64]:
    columns = [shares[:, [number]] for number in range(shares.shape[1])]
    return np.hstack(calibration.calibrate(EXACT, columns))


def in_graph(calibration: Calibration, shares: NDArray[np.float64]) -> NDArray[np.float64]:
    classes = shares.shape[1]
    graph = Graph(classes)
    columns = [graph.column(graph.X, number) for number in range(classes)]
    whole = graph.op("Concat", *calibration.calibrate(GraphOps(graph), columns), axis=1)
    model = graph.model({"shares": (whole, TensorProto.DOUBLE, classes)})
    session = Session(serialize(model))
    together: NDArray[np.float64] = session.run(shares)["shares"]
    alone = np.vstack([session.run(row[None])["shares"] for row in shares[:20]])
    assert alone.tobytes() == together[:20].tobytes()
    return together


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("power", [0.3, 3.0])
def test_it_undoes_what_was_done_to_the_truth(method: Any, classes: int, power: float) -> None:
    shares, y = simulated(classes, power)
    half = len(y) // 2
    learned = learn_calibration(method, Prediction(y[:half], shares[:half]), y[:half])
    truth, _ = simulated(classes, 1.0)
    found = calibrated(learned, shares[half:])
    before, after, ideal = (
        log_loss(each, y[half:]) for each in (shares[half:], found, truth[half:])
    )
    assert before > ideal + 0.05
    assert after < ideal + 0.03
    assert np.allclose(found.sum(axis=1), 1)


@given(
    slope=st.floats(0.0, 20.0), offset=st.floats(-5, 5), classes=st.integers(2, 4), data=st.data()
)
@settings(max_examples=30, deadline=None)
def test_the_sigmoid_is_the_same_bits_in_the_graph(
    slope: float, offset: float, classes: int, data: Any
) -> None:
    shares = np.random.default_rng(data.draw(st.integers(0, 999))).dirichlet([0.3] * classes, 50)
    shares[:classes] = np.eye(classes)
    calibration = Sigmoid(slope, offset if classes == 2 else 0.0, 1e-4)
    expected = calibrated(calibration, shares)
    assert in_graph(calibration, shares).tobytes() == expected.tobytes()
    assert np.allclose(expected.sum(axis=1), 1)


@pytest.mark.parametrize("classes", [2, 3, 7])
def test_isotonic_steps_are_the_same_bits_on_and_beside_every_knot(classes: int) -> None:
    shares, y = simulated(classes, 2.0, 500)
    learned = learn_calibration("isotonic", Prediction(y, shares), y)
    assert isinstance(learned, Isotonic)
    knots = np.concatenate([steps.x for steps in learned.steps])
    near = beside(knots).ravel()
    rows = np.random.default_rng(3).choice(near, (2000, classes))
    rows = np.vstack([rows, shares, np.eye(classes), np.zeros((1, classes))])
    expected = calibrated(learned, rows)
    assert in_graph(learned, rows).tobytes() == expected.tobytes()
    assert ((expected >= 0) & (expected <= 1)).all()
    for steps in learned.steps:
        line = np.linspace(-0.5, 1.5, 5000)[:, None]
        assert (np.diff(steps.at(EXACT, line), axis=0) >= -1e-15).all()


def test_a_temperature_keeps_the_predicted_class() -> None:
    shares, y = simulated(5, 0.4)
    learned = learn_calibration("sigmoid", Prediction(y, shares), y)
    assert (calibrated(learned, shares).argmax(axis=1) == shares.argmax(axis=1)).all()


@pytest.mark.parametrize("method", METHODS)
def test_separable_classes_have_a_calibration(method: Any) -> None:
    y = np.arange(60) % 2
    shares = np.where(y[:, None] == [0, 1], 1.0, 0.0)
    learned = learn_calibration(method, Prediction(y, shares), y)
    found = calibrated(learned, shares)
    assert (found.argmax(axis=1) == y).all()
    assert np.isfinite(found).all()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("family", "classes"),
    [("random_forest", 3), ("hist_gradient_boosting", 2), ("xgboost", 3), ("logistic", 3)],
)
def test_a_calibrated_model_is_proved(method: Any, family: str, classes: int) -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(ROWS, 2))
    score = X[:, 0] + rng.normal(size=ROWS)
    y = np.digitize(score, np.quantile(score, np.arange(1, classes) / classes))
    columns = {name: ColumnSpec(type="number") for name in ("a", "b")}
    contract = Contract("classification", columns, TargetSpec(name="t"), LABELS[:classes])
    small = {"logistic": {}, "hist_gradient_boosting": {"max_iter": 10}}
    keys = small.get(family, {"n_estimators": 10})
    spec = CandidateSpec.model_validate({"family": family, "calibrate": method, **keys})
    model = fit(Candidate.of("it", spec, {}, 42), contract, X, y)
    proof = prove(model, compile_model(model), X, 42)
    names = {output.output for output in proof.outputs}
    assert {"prediction", "probabilities", "(uncalibrated)/prediction"} <= names
    if family == "random_forest":
        assert all(output.differing == 0 for output in proof.outputs)
    prediction = model.predict(X)
    assert prediction.probabilities is not None
    assert (prediction.values == prediction.probabilities.argmax(axis=1)).all()
    assert model.learned()["calibration"]["method"] == method
    assert model.out_of_bag() is None


@pytest.mark.parametrize("method", METHODS)
def test_a_class_that_is_not_in_training_keeps_probability_zero(method: Any) -> None:
    shares, y = simulated(2, 1.0, 200)
    wide = np.column_stack([shares[:, 0], np.zeros(200), shares[:, 1]])
    learned = learn_calibration(method, Prediction(y * 2, wide), y * 2)
    found = calibrated(learned, wide)
    assert not found[:, 1].any()
    assert in_graph(learned, wide).tobytes() == found.tobytes()
