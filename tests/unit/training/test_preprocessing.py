from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from onnx import TensorProto

from fairlead.data.contract import Contract
from fairlead.graph.builder import Graph, serialize
from fairlead.graph.runtime import Session
from fairlead.models.family import Design
from fairlead.project.columns import ColumnSpec, TargetSpec
from fairlead.project.neighbours import NeighboursSpec
from fairlead.training.preprocessing import Features, Preprocessing, fit_preprocessing

COLUMNS = {
    "a": ColumnSpec(type="number", min=-5, max=5, outliers="clip"),
    "b": ColumnSpec(type="number", nullable=True, missing="median"),
    "c": ColumnSpec(type="category", values=("x", "y", "z"), nullable=True, unknown="flag"),
    "d": ColumnSpec(type="number", nullable=True),
    "e": ColumnSpec(type="category", values=("no", "yes"), nullable=True, missing="mode"),
    "f": ColumnSpec(type="boolean", nullable=True, missing="constant", fill=1.0),
}
CONTRACT = Contract("regression", COLUMNS, TargetSpec(name="t"))
DERIVED = {"ratio": "a / d", "twice": "ratio * 2", "far": "abs(a) > 3"}

numbers = st.one_of(st.floats(-100, 100), st.sampled_from([0.0, -0.0, 5.0, -5.0, np.nan]))
rows = st.lists(
    st.tuples(
        st.floats(-100, 100),
        numbers,
        st.sampled_from([-1.0, 0.0, 1.0, 2.0, np.nan]),
        numbers,
        st.sampled_from([0.0, 1.0, np.nan]),
        st.sampled_from([0.0, 1.0, np.nan]),
    ),
    min_size=1,
    max_size=12,
)
designs = st.builds(
    Design,
    categories=st.sampled_from(["one_hot", "drop_first", "code"]),
    fill_missing=st.booleans(),
    scale=st.booleans(),
)


def compiled(preprocessing: Preprocessing, X: NDArray[np.float64]) -> Any:
    graph = Graph(len(COLUMNS))
    value = preprocessing.compile(graph)
    model = graph.model({"D": (value, TensorProto.DOUBLE, len(preprocessing.columns))})
    return Session(serialize(model)).run(X)["D"]


@settings(max_examples=60, deadline=None)
@given(train=rows, fresh=rows, design=designs)
def test_the_graph_gives_the_bits_of_the_transform(
    train: list[Any], fresh: list[Any], design: Design
) -> None:
    preprocessing = fitted(np.array(train), design)
    X = np.array(fresh)
    assert np.array_equal(compiled(preprocessing, X), preprocessing.transform(X), equal_nan=True)


def fitted(X: NDArray[np.float64], design: Design | None = None) -> Preprocessing:
    return fit_preprocessing(Features(DERIVED), CONTRACT, design or Design(), X, X[:, 0])[0]


@settings(max_examples=60, deadline=None)
@given(
    train=st.lists(rows.map(lambda few: few[0]), min_size=4, max_size=40),
    fresh=rows,
    design=designs,
    columns=st.sampled_from([{"a": 1.0}, {"a": 0.3, "b": 1.7}, {"a": 1.0, "b": 0.1, "f": 5.0}]),
)
def test_the_graph_finds_the_same_neighbours(
    train: list[Any], fresh: list[Any], design: Design, columns: dict[str, float]
) -> None:
    near = NeighboursSpec(
        columns=columns, k=(1, 3), mean=("t", "d", "ratio", "f"), ratio={"t": "d", "f": "ratio"}
    )
    X = np.array(train)
    features = Features(DERIVED, ("a", "c", "twice"), near)
    preprocessing, D = fit_preprocessing(features, CONTRACT, design, X, X.sum(axis=1))
    assert D.shape == (len(X), len(preprocessing.columns))
    assert not {"a", "c", "twice", "c=x"} & set(preprocessing.columns)
    queries = np.vstack([np.array(fresh), X])
    expected = preprocessing.transform(queries)
    assert np.array_equal(compiled(preprocessing, queries), expected, equal_nan=True)


ROW = np.array([[1.0, 2.0, 0.0, 4.0, 1.0, 0.0]])


def test_values_beyond_the_bounds_are_moved_before_anything_is_derived() -> None:
    row = ROW.copy()
    row[0, 0] = 99.0
    D = dict(zip(fitted(ROW).columns, fitted(ROW).transform(row)[0], strict=True))
    assert (D["a"], D["ratio"], D["far"]) == (5.0, 1.25, 1.0)


def test_missing_values_are_filled_as_declared() -> None:
    train = np.vstack([ROW, ROW, ROW])
    train[:, 1] = [1.0, 2.0, 9.0]
    missing = np.full((1, 6), np.nan)
    missing[0, 0] = 0.0
    preprocessing = fitted(train)
    D = dict(zip(preprocessing.columns, preprocessing.transform(missing)[0], strict=True))
    assert (D["b"], D["f"], D["e=yes"]) == (2.0, 1.0, 1.0)
    assert np.isnan(D["d"])
    assert (D["c=x"], D["c=y"], D["c=z"]) == (0.0, 0.0, 0.0)


def test_a_derived_value_that_is_not_finite_counts_as_missing() -> None:
    row = ROW.copy()
    row[0, 3] = 0.0
    D = dict(zip(fitted(ROW).columns, fitted(ROW).transform(row)[0], strict=True))
    assert np.isnan(D["ratio"])
    assert np.isnan(D["twice"])


def test_what_a_family_cannot_take_is_filled_with_the_median() -> None:
    train = np.vstack([ROW, ROW, ROW])
    train[:, 3] = [2.0, 4.0, np.nan]
    D = fitted(train, Design(fill_missing=True)).transform(train)
    assert not np.isnan(D).any()
    assert D[2, fitted(train).columns.index("d")] == 3.0


def test_scaling_gives_mean_zero_and_leaves_a_constant_column_alone() -> None:
    train = np.vstack([ROW, ROW])
    train[1, 0] += 2
    D = fitted(train, Design(scale=True)).transform(train)
    assert D[:, 0].tolist() == [-1.0, 1.0]
    assert D[:, 1].tolist() == [0.0, 0.0]


@pytest.mark.parametrize(
    ("categories", "expected"),
    [("one_hot", ("c=x", "c=y", "c=z", "e=no", "e=yes")), ("drop_first", ("c=y", "c=z", "e=yes"))],
)
def test_categories_become_columns(categories: Any, expected: tuple[str, ...]) -> None:
    columns = fitted(ROW, Design(categories=categories)).columns
    assert tuple(name for name in columns if "=" in name) == expected


def test_codes_keep_their_categories_for_the_family() -> None:
    preprocessing = fitted(ROW, Design(categories="code"))
    assert preprocessing.columns == (*COLUMNS, *DERIVED)
    assert preprocessing.categories == {"c": ("x", "y", "z"), "e": ("no", "yes")}


def test_a_scale_that_is_one_in_single_precision_still_divides() -> None:
    # onnxruntime 1.31 drops such a division unless it is told not to.
    contract = Contract("regression", {"a": ColumnSpec(type="number")}, TargetSpec(name="t"))
    half = 0.99999999
    X = np.array([[-half], [half]])
    preprocessing, _ = fit_preprocessing(Features({}), contract, Design(scale=True), X, X[:, 0])
    assert preprocessing.scale is not None
    assert preprocessing.scale[0] == half
    graph = Graph(1)
    model = graph.model({"D": (preprocessing.compile(graph), TensorProto.DOUBLE, 1)})
    assert Session(serialize(model)).run(X)["D"].tolist() == [[-1.0], [1.0]]


def one_column(kind: str, X: NDArray[np.float64], design: Design, **spec: Any) -> Preprocessing:
    contract = Contract("regression", {"a": ColumnSpec(type=kind, **spec)}, TargetSpec(name="t"))
    return fit_preprocessing(Features({}), contract, design, X, X[:, 0])[0]


@pytest.mark.parametrize("value", [0.1, 1e300, -7.0, 1e-310])
def test_a_constant_column_is_zero_whatever_its_mean_is_rounded_to(value: float) -> None:
    X = np.full((149, 1), value)
    preprocessing = one_column("number", X, Design(scale=True))
    assert preprocessing.scale is not None
    assert preprocessing.scale.tolist() == [1.0]
    assert not preprocessing.transform(X).any()


def test_numbers_whose_sum_overflows_are_left_as_they_are() -> None:
    X = np.array([[1.5e308], [1.2e308], [-3.0]])
    assert (one_column("number", X, Design(scale=True)).transform(X) == X).all()


@pytest.mark.parametrize("categories", ["drop_first", "one_hot"])
def test_a_missing_category_is_the_most_frequent_one_where_it_may_not_stay(
    categories: Any,
) -> None:
    X = np.array([[0.0], [1.0], [2.0], [2.0], [-1.0], [-1.0], [-1.0], [np.nan]])
    spec = {"values": ("x", "y", "z"), "nullable": True, "unknown": "flag"}
    design = Design(categories=categories, fill_missing=True)
    D = one_column("category", X, design, **spec).transform(X)
    assert D[-1].tolist() == D[2].tolist()
    assert not D[-2].any()


def test_a_missing_truth_value_is_the_more_frequent_one_and_never_half() -> None:
    X = np.array([[0.0], [1.0], [np.nan]])
    D = one_column("boolean", X, Design(fill_missing=True), nullable=True).transform(X)
    assert D.tolist() == [[0.0], [1.0], [0.0]]


def test_nothing_is_learned_from_other_rows() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(30, 6))
    X[:, 2], X[:, 4], X[:, 5] = 1.0, 0.0, 1.0
    design = Design(categories="drop_first", fill_missing=True, scale=True)
    alone = fitted(X[:20], design).transform(X[:20])
    X[20:] = 1e6
    assert np.array_equal(fitted(X[:20], design).transform(X)[:20], alone)
