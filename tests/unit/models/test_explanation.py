"""What people can follow of a fitted estimator comes back from JSON as it was."""

from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from fairlead.models.explanation import (
    SHOWN_DEPTH,
    Explanation,
    Rules,
    Tree,
    Weights,
    from_document,
    to_document,
    top_of_tree,
    weights,
)
from fairlead.models.family import FitContext
from fairlead.models.linear import LOGISTIC
from fairlead.models.rules import RULES


def again(explanation: Explanation) -> Explanation | None:
    return from_document(json.loads(json.dumps(to_document(explanation))))


def grown(depth: int) -> Tree:
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(400, 3)), rng.normal(size=400)
    tree = DecisionTreeRegressor(max_depth=depth, random_state=0).fit(X, y)
    return top_of_tree(tree.tree_, ("a", "b", "c"), ())


def test_nodes_that_are_left_out_are_counted() -> None:
    tree = grown(8)
    assert tree.depth == 8
    assert len(tree.nodes) <= 2 ** (SHOWN_DEPTH + 1) - 1
    assert len(tree.nodes) + sum(node.below for node in tree.nodes) == tree.total
    assert again(tree) == tree


def test_a_small_tree_is_kept_whole() -> None:
    tree = grown(SHOWN_DEPTH)
    assert len(tree.nodes) == tree.total
    assert not any(node.below for node in tree.nodes)
    for node in tree.nodes:
        if node.yes is not None and node.no is not None:
            assert node.rows == tree.nodes[node.yes].rows + tree.nodes[node.no].rows


def test_a_category_is_asked_for_and_yes_is_where_it_is() -> None:
    X = np.array([[0.0], [0.0], [1.0], [1.0], [1.0]])
    tree = DecisionTreeClassifier(random_state=0).fit(X, [0, 0, 1, 1, 1])
    root, *nodes = top_of_tree(tree.tree_, ("kind=a=b",), ("no", "yes")).nodes
    assert root.test == "kind = a=b"
    assert (root.yes, root.no) == (1, 2)
    assert [(node.rows, node.value) for node in nodes] == [(3, (0.0, 1.0)), (2, (1.0, 0.0))]


def test_weights_have_a_row_for_each_sum() -> None:
    found = weights(("a", "b"), ("",), np.array([1.5, -2.0]), 3.0)
    assert found == Weights(("a", "b"), ("",), ((1.5, -2.0),), (3.0,))
    assert again(found) == found


def test_of_two_classes_the_weights_are_those_of_the_second() -> None:
    context = FitContext("classification", ("no", "yes", "never"), ("a",), {}, 0)
    parameters = LOGISTIC.parameters()
    estimator = LOGISTIC.build(parameters, context)  # type: ignore[arg-type]
    estimator.fit(np.array([[0.0], [1.0], [2.0], [3.0]]), np.array([0, 0, 1, 1]))
    found = LOGISTIC.explain(estimator, context)
    assert found.outputs == ("yes",)
    assert found.weights[0][0] > 0


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_rules_are_told_with_what_each_decides(task: str) -> None:
    classes = ("1", "2") if task == "classification" else ()
    context = FitContext(task, classes, ("a",), {}, 0)  # type: ignore[arg-type]
    parameters = RULES.parameters.model_validate(
        {"rules": [{"when": "a < 1", "predict": "1"}], "otherwise": "2"}
    )
    estimator = RULES.build(parameters, context)
    truth = np.array([0, 1, 1, 1]) if classes else np.array([1.0, 2.0, 2.0, 2.0])
    estimator.fit(np.array([[0.0], [0.5], [2.0], [3.0]]), truth)
    found = RULES.explain(estimator, context)
    told = [(each.when, each.predict, each.rows, each.right) for each in found.rules]
    right = (1, 2) if classes else (None, None)
    assert told == [("a < 1", "1", 2, right[0]), (None, "2", 2, right[1])]
    assert again(found) == found
    assert isinstance(found, Rules)


def test_nothing_is_explained_by_a_kind_that_is_not_known_here() -> None:
    assert to_document(None) is None
    assert from_document(None) is None
    assert from_document({"kind": "tea leaves"}) is None
