"""Intervals and sets as graphs: the same bits as their definition."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from fairlead.bundle.conformal import prove_conformal
from fairlead.data.contract import Contract
from fairlead.errors import ParityError
from fairlead.graph.builder import serialize
from fairlead.graph.runtime import Session
from fairlead.project.columns import ColumnSpec, TargetSpec
from fairlead.training.conformal import Intervals, Sets
from fairlead.training.coverage import calibrate
from fairlead.training.fitting import OutOfSample, Prediction

COLUMNS = {
    "a": ColumnSpec(type="number", nullable=True),
    "b": ColumnSpec(type="category", values=("x", "y"), unknown="flag"),
}
CONTRACT = Contract("regression", COLUMNS, TargetSpec(name="t", min=-3, max=5))
thresholds = arrays(np.float64, 3, elements=st.floats(-1, 2) | st.just(np.inf) | st.just(-np.inf))
probabilities = arrays(np.float64, (20, 3), elements=st.floats(0, 1))


def rows() -> NDArray[np.float64]:
    rng = np.random.default_rng(1)
    X = np.column_stack([rng.normal(size=900), rng.integers(-1, 2, 900)])
    X[::9, 0] = np.nan
    return X


def predict(X: NDArray[np.float64]) -> Prediction:
    return Prediction(np.nan_to_num(X[:, 0]) + X[:, 1])


def intervals() -> Intervals:
    X = rows()
    y = predict(X).values + np.random.default_rng(2).normal(size=900) * (2 + X[:, 1])
    found = OutOfSample(np.arange(900), predict(X))
    parts = np.array_split(np.arange(900), 5)
    made = calibrate(0.9, CONTRACT, X, y, found, parts, 42).conformal
    assert isinstance(made, Intervals)
    return made


def test_intervals_are_proved_bit_for_bit_beside_every_threshold() -> None:
    found = prove_conformal(intervals(), CONTRACT, rows(), predict, 42)
    assert (found.proof.output, found.proof.differing) == ("interval", 0)
    assert found.proof.rows > len(rows()) + 5_000 + 8 * 20  # rows beside thresholds among them


class Altered(Intervals):
    """Intervals whose graph has a factor that is one ulp off."""

    def compile(self) -> onnx.ModelProto:
        """Of others."""
        off = float(np.nextafter(self.factor, np.inf))
        return Intervals(**{**vars(self), "factor": off}).compile()


def test_a_graph_that_is_one_ulp_off_is_refused() -> None:
    with pytest.raises(ParityError, match="interval"):
        prove_conformal(Altered(**vars(intervals())), CONTRACT, rows(), predict, 42)


@settings(deadline=None, max_examples=40)
@given(thresholds=thresholds, shares=probabilities)
def test_sets_are_their_definition_and_hold_the_predicted_class(
    thresholds: NDArray[np.float64], shares: NDArray[np.float64]
) -> None:
    made = Sets(0.9, thresholds)
    given_rows = np.vstack(
        [made.inputs(shares, Prediction(shares.argmax(axis=1), shares)), made.edges()]
    )
    members = Session(serialize(made.compile())).run(given_rows)["members"]
    assert members.tobytes() == made.apply(given_rows).tobytes()
    assert members[np.arange(len(members)), given_rows[:, -1].astype(int)].all()
