from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import numpy_helper

from fairlead.bundle.compiling import DESIGN, compile_model, estimator_part
from fairlead.bundle.parity import Difference, compare, prove, random_rows, threshold_rows
from fairlead.data.contract import Contract
from fairlead.data.encoding import violations
from fairlead.errors import ParityError
from fairlead.graph.trees import thresholds
from fairlead.project.columns import ColumnSpec, TargetSpec
from fairlead.project.spec import CandidateSpec
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


def altered(
    model: onnx.ModelProto, name: str, change: Callable[[NDArray[Any]], None]
) -> onnx.ModelProto:
    """The same model with one attribute of its trees changed in place."""
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    node = next(node for node in changed.graph.node if node.op_type == "TreeEnsemble")
    field = next(field for field in node.attribute if field.name == name)
    if field.type == onnx.AttributeProto.TENSOR:
        values = numpy_helper.to_array(field.t).copy()
        change(values)
        field.t.CopyFrom(numpy_helper.from_array(values, name))
    else:
        values = np.array(field.ints)
        change(values)
        field.ints[:] = values.tolist()
    return changed


def lower(at: int) -> Callable[[NDArray[Any]], None]:
    """Takes one ulp away."""

    def change(values: NDArray[Any]) -> None:
        values[at] = np.nextafter(values[at], values.dtype.type(-np.inf))

    return change


@pytest.mark.parametrize("family", ["decision_tree", "random_forest", "hist_gradient_boosting"])
def test_trees_are_proved_bit_for_bit(family: str, X: NDArray[np.float64]) -> None:
    model = fitted(family, X)
    proof = prove(model, compile_model(model), X, 42)
    assert proof.threshold_rows > 100
    assert {output.output for output in proof.outputs} == {"prediction", "design"}
    assert all(output.differing == 0 for output in proof.outputs)


TREES = ["decision_tree", "random_forest", "hist_gradient_boosting", "xgboost", "lightgbm"]
SMALL: dict[str, dict[str, object]] = {
    "decision_tree": {},
    "random_forest": {"n_estimators": 10},
    "hist_gradient_boosting": {"max_iter": 10},
    "xgboost": {"n_estimators": 10},
    "lightgbm": {"n_estimators": 10},
}


@pytest.fixture(scope="module")
def models(X: NDArray[np.float64]) -> dict[str, tuple[Fitted, onnx.ModelProto]]:
    made = {}
    for family in TREES:
        model = fitted(family, X, **SMALL[family])
        made[family] = model, compile_model(model)
    return made


def is_refused(model: Fitted, graph: onnx.ModelProto, X: NDArray[np.float64]) -> bool:
    try:
        prove(model, graph, X, 42)
    except ParityError:
        return True
    return False


Models = dict[str, tuple[Fitted, onnx.ModelProto]]


@pytest.mark.parametrize("test", [1, 3, 10])
@pytest.mark.parametrize("family", TREES)
def test_a_threshold_nudged_by_one_ulp_is_found(
    family: str, test: int, models: Models, X: NDArray[np.float64]
) -> None:
    model, graph = models[family]
    # The first tree may be a single leaf, whose test decides nothing.
    assert is_refused(model, altered(graph, "nodes_splits", lower(test)), X)


@pytest.mark.parametrize("family", TREES)
def test_another_way_for_missing_values_is_found(
    family: str, models: Models, X: NDArray[np.float64]
) -> None:
    model, graph = models[family]
    node = next(node for node in graph.graph.node if node.op_type == "TreeEnsemble")
    fields = {field.name: field.ints for field in node.attribute}
    branches = zip(fields["nodes_truenodeids"], fields["nodes_falsenodeids"], strict=True)
    decides = [true != false for true, false in branches]
    # Below the root, a missing value may have gone elsewhere before: nothing is to be seen then.
    for root in [root for root in fields["tree_roots"] if decides[root]][:3]:

        def turn(values: NDArray[Any], at: int = root) -> None:
            values[at] = 1 - values[at]

        assert is_refused(model, altered(graph, "nodes_missing_value_tracks_true", turn), X)


@pytest.mark.parametrize("leaf", [1, 5, -1])
@pytest.mark.parametrize("family", TREES)
def test_a_leaf_that_is_off_is_found(
    family: str, leaf: int, models: Models, X: NDArray[np.float64]
) -> None:
    def grow(values: NDArray[Any]) -> None:
        values[leaf] *= 1.01

    model, graph = models[family]
    assert is_refused(model, altered(graph, "leaf_weights", grow), X)


@pytest.mark.parametrize("family", TREES)
def test_a_leaf_under_the_wrong_branch_is_found(
    family: str, models: Models, X: NDArray[np.float64]
) -> None:
    def swap(values: NDArray[Any]) -> None:
        values[[1, 2]] = values[[2, 1]]

    model, graph = models[family]
    assert is_refused(model, altered(graph, "leaf_weights", swap), X)


@pytest.mark.parametrize("family", TREES)
def test_a_test_of_another_column_is_found(
    family: str, models: Models, X: NDArray[np.float64]
) -> None:
    def other(values: NDArray[Any]) -> None:
        values[1] = (values[1] + 1) % 6

    model, graph = models[family]
    assert is_refused(model, altered(graph, "nodes_featureids", other), X)


ODD_COLUMNS = {
    "a": ColumnSpec(type="number", min=-3, max=3, outliers="clip"),
    "b": ColumnSpec(type="number", nullable=True, missing="median"),
    "c": ColumnSpec(type="category", values=("x", "y", "z", "w"), unknown="flag"),
    "d": ColumnSpec(type="number", nullable=True),
}


# Of what is scaled later, the last bit may vanish in the subtraction.
@pytest.mark.parametrize(("family", "by"), [("decision_tree", 0.0), ("ridge", 1e-9)])
def test_every_number_in_the_preprocessing_is_proved(family: str, by: float) -> None:
    rng = np.random.default_rng(1)
    X = rng.normal(size=(200, 4)) * 3
    X[:, 2] = rng.integers(0, 3, 200)  # `w` is declared, and has no row
    X[::7, 1] = X[::5, 3] = np.nan
    spec = CandidateSpec.model_validate({"family": family})
    candidate = Candidate.of("it", spec, {"e": "(a * 1.5 + b) / d"}, 42)
    contract = Contract("regression", ODD_COLUMNS, TargetSpec(name="t"))
    model = fit(candidate, contract, X, X[:, 0] + X[:, 2])
    graph = compile_model(model)
    prove(model, graph, X, 42)
    changed = list(changed_numbers(graph, by))
    assert len(changed) > 6
    assert all(is_refused(model, graph, X) for graph in changed)


def changed_numbers(model: onnx.ModelProto, by: float) -> Iterator[onnx.ModelProto]:
    """Models in which one number that the preprocessing reads is larger, by one ulp at least."""
    names = [node.output[0] for node in model.graph.node]
    read = {name for node in model.graph.node[: names.index(DESIGN) + 1] for name in node.input}
    for number, initializer in enumerate(model.graph.initializer):
        values = numpy_helper.to_array(initializer)
        if initializer.name not in read or values.dtype != np.float64:
            continue
        for place in np.flatnonzero(np.isfinite(values)):
            changed = onnx.ModelProto()
            changed.CopyFrom(model)
            other = values.copy()
            other.flat[place] = np.nextafter(other.flat[place] + by, np.inf)
            new = numpy_helper.from_array(other, initializer.name)
            changed.graph.initializer[number].CopyFrom(new)
            yield changed


@pytest.mark.parametrize("family", ["linear", "ridge"])
def test_a_coefficient_that_is_a_little_off_is_found(family: str, X: NDArray[np.float64]) -> None:
    model = fitted(family, X)
    graph = compile_model(model)
    model.estimator.coef_[0] *= 1 + 1e-10  # type: ignore[attr-defined]
    assert is_refused(model, graph, X)


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


def test_a_difference_that_vanishes_beside_huge_outputs_is_still_one() -> None:
    expected = np.array([1e300, -1e300, 0.0])
    found = compare("prediction", np.array([1e300, -1e300, 1e-30]), expected, 0.0)
    assert found.worst == 0.0
    assert not found.is_allowed
    assert Difference("prediction", 3, 1, 1e-13, 1e-12).is_allowed


def test_a_column_that_training_left_out_is_tried_all_the_same() -> None:
    columns = {
        "c": ColumnSpec(type="category", values=("x", "y", "z")),
        "f": ColumnSpec(type="boolean"),
    }
    contract = Contract("regression", columns, TargetSpec(name="t"))
    rows = random_rows(contract, np.zeros((5, 2)), np.random.default_rng(0))
    assert set(rows[:, 0]) == {0.0, 1.0, 2.0}
    assert set(rows[:, 1]) == {0.0, 1.0}


def test_one_training_row_is_enough_to_prove_a_tree() -> None:
    columns = {"a": ColumnSpec(type="number")}
    contract = Contract("regression", columns, TargetSpec(name="t"))
    candidate = Candidate.of("it", CandidateSpec(family="decision_tree"), {}, 42)
    row = np.array([[2.0]])
    model = fit(candidate, contract, row, np.array([0.5]))
    proof = prove(model, compile_model(model), row, 42)
    assert (proof.training_rows, proof.threshold_rows) == (1, 0)
