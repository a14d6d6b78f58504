from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto

from fairlead.graph.builder import Graph, serialize
from fairlead.graph.runtime import Session
from fairlead.graph.trees import Tree, constant_tree, merged, thresholds, tree_ensemble

WIDTH = 3


def random_tree(rng: np.random.Generator, depth: int, leaves: int) -> Tree:
    """A full tree whose leaves take few distinct values, so that some tests decide nothing."""
    inner = 2**depth - 1
    nodes = 2 * inner + 1
    left = np.append(2 * np.arange(inner) + 1, np.full(nodes - inner, -1))
    return Tree(
        feature=rng.integers(0, WIDTH, nodes),
        threshold=np.round(rng.normal(size=nodes), 1),
        left=left,
        right=np.where(left < 0, -1, left + 1),
        missing_left=rng.random(nodes) < 0.5,
        value=rng.integers(0, leaves, nodes).astype(float) / 7,
        target=0,
    )


def walk(tree: Tree, row: np.ndarray, *, strict: bool = False) -> float:
    """What the tree gives, node by node."""
    node = 0
    while tree.left[node] >= 0:
        x, threshold = row[tree.feature[node]], tree.threshold[node]
        passes = x < threshold if strict else x <= threshold
        passes = bool(tree.missing_left[node]) if np.isnan(x) else passes
        node = tree.left[node] if passes else tree.right[node]
    return float(tree.value[node])


def rows_of(rng: np.random.Generator, count: int = 60) -> np.ndarray:
    rows = np.round(rng.normal(size=(count, WIDTH)), 1)
    rows[rng.random(rows.shape) < 0.1] = np.nan
    return rows


def run(trees: list[Tree], rows: np.ndarray, **options: object) -> np.ndarray:
    graph = Graph(WIDTH)
    sums = tree_ensemble(graph, graph.X, trees, targets=1, **options)
    return Session(serialize(graph.model({"y": (sums, TensorProto.DOUBLE, 1)}))).run(rows)["y"][
        :, 0
    ]


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), depth=st.integers(0, 5), test=st.sampled_from(["<=", "<"]))
def test_an_ensemble_adds_what_a_walk_through_each_tree_finds(
    seed: int, depth: int, test: str
) -> None:
    rng = np.random.default_rng(seed)
    trees = [constant_tree(0.1), *(random_tree(rng, depth, 50) for _ in range(3))]
    rows = rows_of(rng)
    expected = np.zeros(len(rows))
    for tree in trees:
        expected += [walk(tree, row, strict=test == "<") for row in rows]
    assert (run(trees, rows, test=test) == expected).all()


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), leaves=st.integers(1, 3))
def test_a_merged_tree_is_the_same_function(seed: int, leaves: int) -> None:
    rng = np.random.default_rng(seed)
    tree = random_tree(rng, 4, leaves)
    small = merged(tree)
    rows = rows_of(rng)
    assert [walk(small, row) for row in rows] == [walk(tree, row) for row in rows]


def test_a_tree_with_equal_leaves_merges_to_one_leaf() -> None:
    small = merged(random_tree(np.random.default_rng(0), 4, 1))
    assert small.left.tolist() == [-1]


def test_a_merged_tree_leaves_the_original_alone() -> None:
    tree = random_tree(np.random.default_rng(0), 3, 1)
    before = tree.left.copy()
    merged(tree)
    assert (tree.left == before).all()


def test_thresholds_are_those_of_trees_that_read_the_input() -> None:
    graph = Graph(WIDTH)
    tree = random_tree(np.random.default_rng(3), 2, 50)
    direct = tree_ensemble(graph, graph.X, [constant_tree(1.0), tree], targets=1)
    look_up = tree_ensemble(graph, graph.column(direct, 0), [tree], targets=1)
    model = graph.model({"y": (look_up, TensorProto.DOUBLE, 1)})
    expected = {
        int(feature): sorted(set(tree.threshold[:3][tree.feature[:3] == feature]))
        for feature in set(tree.feature[:3])
    }
    assert {feature: list(values) for feature, values in thresholds(model).items()} == expected


@pytest.mark.slow
def test_a_hundred_deep_trees_are_appended_within_seconds() -> None:
    rng = np.random.default_rng(0)
    trees = [random_tree(rng, 13, 10_000) for _ in range(100)]
    graph = Graph(WIDTH)
    started = time.perf_counter()
    tree_ensemble(graph, graph.X, trees, targets=1)
    assert time.perf_counter() - started < 10


def test_a_tree_of_one_leaf_reads_a_column_that_there_is() -> None:
    # scikit-learn writes -2 where a leaf has no feature: read as a column, it is foreign memory.
    leaf = replace(constant_tree(0.25), feature=np.array([-2]))
    graph = Graph(1)
    sums = tree_ensemble(graph, graph.X, [leaf], targets=1)
    model = graph.model({"y": (sums, TensorProto.DOUBLE, 1)})
    fields = {field.name: field for field in model.graph.node[0].attribute}
    assert list(fields["nodes_featureids"].ints) == [0]
    assert Session(serialize(model)).run(np.array([[np.nan]]))["y"].tolist() == [[0.25]]
