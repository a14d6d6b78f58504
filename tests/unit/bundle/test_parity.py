from __future__ import annotations

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import numpy_helper

from fairlead.bundle.compiling import compile_model, estimator_part
from fairlead.bundle.parity import compare, prove, random_rows, threshold_rows
from fairlead.data.contract import Contract
from fairlead.data.encoding import violations
from fairlead.errors import ParityError
from fairlead.graph.trees import thresholds
from fairlead.project.spec import CandidateSpec, ColumnSpec, TargetSpec
from fairlead.training.fitting import Candidate, Fitted, fit

COLUMNS = {
    "a": ColumnSpec(type="number", min=-4, max=4),
    "b": ColumnSpec(type="number", nullable=True),
    "c": ColumnSpec(type="category", values=("x", "y", "z"), unknown="flag"),
}
CONTRACT = Contract("regression", COLUMNS, TargetSpec(name="t"))


@pytest.fixture(scope="module")
def X() -> NDArray[np.float64]:
    rng = np.random.default_rng(1)
    X = np.column_stack(
        [rng.uniform(-4, 4, 400), rng.normal(size=400), rng.integers(0, 3, 400).astype(float)]
    )
    X[::17, 1] = np.nan
    return X


def fitted(family: str, X: NDArray[np.float64], **parameters: object) -> Fitted:
    spec = CandidateSpec.model_validate({"family": family, **parameters})
    candidate = Candidate.of("it", spec, {"product": "a * b"}, 42)
    y = X[:, 0] ** 2 + np.nan_to_num(X[:, 1]) + X[:, 2]
    return fit(candidate, CONTRACT, X, y)


def nudged(model: onnx.ModelProto, test: int, *, single: bool) -> onnx.ModelProto:
    """The same model with one threshold of one tree moved by one ulp of what it compares."""
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    node = next(node for node in changed.graph.node if node.op_type == "TreeEnsemble")
    splits = next(field for field in node.attribute if field.name == "nodes_splits")
    values = numpy_helper.to_array(splits.t).copy()
    if single:
        # From the largest float32 that passes the test to the one below it.
        rounded = np.float32(values[test])
        passes = rounded if rounded <= values[test] else np.nextafter(rounded, np.float32(-np.inf))
        values[test] = np.nextafter(passes, np.float32(-np.inf))
    else:
        values[test] = np.nextafter(values[test], -np.inf)
    splits.t.CopyFrom(numpy_helper.from_array(values, "nodes_splits"))
    return changed


@pytest.mark.parametrize("family", ["decision_tree", "random_forest", "hist_gradient_boosting"])
def test_trees_are_proved_bit_for_bit(family: str, X: NDArray[np.float64]) -> None:
    model = fitted(family, X)
    proof = prove(model, compile_model(model), X, 42)
    assert proof.threshold_rows > 100
    assert [(output.differing, output.worst) for output in proof.outputs] == [(0, 0.0)]


@pytest.mark.parametrize("test", [1, 3, 10])
@pytest.mark.parametrize(
    ("family", "single"),
    # A forest's features are float32: only a float32 ulp can be seen.
    [("hist_gradient_boosting", False), ("decision_tree", True), ("random_forest", True)],
)
def test_a_threshold_nudged_by_one_ulp_is_found(
    family: str,
    single: bool,
    test: int,
    X: NDArray[np.float64],
) -> None:
    model = fitted(family, X)
    with pytest.raises(ParityError, match="differs from the fitted estimator"):
        prove(model, nudged(compile_model(model), test, single=single), X, 42)


def test_threshold_rows_stand_on_and_one_ulp_beside_every_threshold(
    X: NDArray[np.float64],
) -> None:
    model = fitted("hist_gradient_boosting", X, max_iter=3)
    D = model.preprocessing.transform(X)
    part = estimator_part(compile_model(model), D.shape[1])
    met = threshold_rows(part, D)
    for feature, found in thresholds(part).items():
        wanted = {t for f in found for t in (f, np.nextafter(f, -np.inf), np.nextafter(f, np.inf))}
        assert wanted <= set(met[:, feature])


def test_random_rows_keep_the_contract_and_try_missing_and_unknown(
    X: NDArray[np.float64],
) -> None:
    rows = random_rows(CONTRACT, X, np.random.default_rng(0))
    assert violations(CONTRACT.declarations, rows) == []
    assert np.isnan(rows[:, 1]).any()
    assert (rows[:, 2] == -1).any()


def test_a_difference_is_relative_to_the_size_of_the_output() -> None:
    expected = np.array([1e6, -1e6, 0.0])
    found = compare("prediction", expected + np.array([1.0, 0.0, 0.0]), expected, 0.0)
    assert found.differing == 1
    assert found.worst == pytest.approx(1e-6)


def test_missing_outputs_are_equal_and_a_number_is_not_a_missing_one() -> None:
    nan = np.array([np.nan, 1.0])
    assert compare("prediction", nan, nan.copy(), 0.0).differing == 0
    assert compare("prediction", np.array([0.0, 1.0]), nan, 0.0).worst == np.inf
