"""What people can follow of a fitted estimator: weights, the top of a tree, a list of rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

SHOWN_DEPTH = 4
"""Tests on the way to the lowest node of a tree that is kept; one page has room for no more."""


@dataclass(frozen=True)
class Weights:
    """Weighted sums of the columns of the design matrix, whose numbers are scaled.

    Attributes:
        columns: names of the matrix's m columns.
        outputs: what each sum is for: a class, or nothing for a number.
        weights: a row of m weights for each output.
        intercepts: what each sum begins with.
    """

    columns: tuple[str, ...]
    outputs: tuple[str, ...]
    weights: tuple[tuple[float, ...], ...]
    intercepts: tuple[float, ...]


@dataclass(frozen=True)
class Node:
    """One node of a tree.

    Attributes:
        rows: training rows that reach it.
        value: share of each class among them, or the mean of the target alone.
        test: what is asked, such as `age <= 30`; None in a leaf, or where what follows is left
            out.
        yes, no: positions of the nodes that follow; None without a test.
        below: nodes that follow and are left out.
    """

    rows: int
    value: tuple[float, ...]
    test: str | None = None
    yes: int | None = None
    no: int | None = None
    below: int = 0


@dataclass(frozen=True)
class Tree:
    """The top of a decision tree.

    Attributes:
        classes: what the shares in the nodes are of; empty for a number.
        nodes: the root first.
        total: nodes of the whole tree.
        depth: tests on the longest way through the whole tree.
    """

    classes: tuple[str, ...]
    nodes: tuple[Node, ...]
    total: int
    depth: int


@dataclass(frozen=True)
class Rule:
    """One rule of a list.

    Attributes:
        when: its condition; None of the last line, for rows that no rule decides.
        predict: what it predicts.
        rows: training rows that it decides.
        right: how many of them are of that class; None for a number.
    """

    when: str | None
    predict: str
    rows: int
    right: int | None = None


@dataclass(frozen=True)
class Rules:
    """A list of rules: the first that holds decides."""

    rules: tuple[Rule, ...]


Explanation = Weights | Tree | Rules
_KINDS: Mapping[str, type[Weights | Tree | Rules]] = {
    "weights": Weights,
    "tree": Tree,
    "rules": Rules,
}


def to_document(explanation: Explanation | None) -> dict[str, Any] | None:
    """An explanation as JSON values."""
    if explanation is None:
        return None
    kind = next(name for name, known in _KINDS.items() if isinstance(explanation, known))
    return {"kind": kind, **asdict(explanation)}


def from_document(document: Mapping[str, Any] | None) -> Explanation | None:
    """The inverse of `to_document`; None for a kind that is not known here."""
    fields = dict(document or {})
    kind = _KINDS.get(fields.pop("kind", ""))
    return None if kind is None else msgspec.convert(fields, kind)


def weights(
    columns: Sequence[str],
    outputs: Sequence[str],
    coefficients: NDArray[np.float64],
    intercept: float | NDArray[np.float64],
) -> Weights:
    """The weights of a linear model.

    Args:
        columns: names of the d columns.
        outputs: k names; one empty name for a number.
        coefficients: shape (d,) or (k, d).
        intercept: one number, or shape (k,).
    """
    rows = np.atleast_2d(coefficients).tolist()
    starts = np.broadcast_to(np.atleast_1d(intercept), len(rows)).tolist()
    return Weights(tuple(columns), tuple(outputs), tuple(map(tuple, rows)), tuple(starts))


def top_of_tree(tree: Any, columns: Sequence[str], classes: Sequence[str]) -> Tree:
    """The nodes of a tree of scikit-learn down to `SHOWN_DEPTH`.

    Args:
        tree: its `tree_`.
        columns: names of the matrix's columns; that of a category is called `column=value`.
        classes: labels in the order of the tree's shares; empty for a number.
    """
    nodes: list[Node | None] = []

    def add(index: int, depth: int) -> int:
        place = len(nodes)
        nodes.append(None)
        rows = int(tree.n_node_samples[index])
        value = tuple(tree.value[index, 0].tolist())
        left, right = int(tree.children_left[index]), int(tree.children_right[index])
        if left < 0:
            nodes[place] = Node(rows, value)
        elif depth == SHOWN_DEPTH:
            nodes[place] = Node(rows, value, below=_below(tree, index))
        else:
            test, swapped = _test(columns[tree.feature[index]], float(tree.threshold[index]))
            yes, no = (right, left) if swapped else (left, right)
            after = add(yes, depth + 1), add(no, depth + 1)
            nodes[place] = Node(rows, value, test, *after)
        return place

    add(0, 0)
    kept = tuple(node for node in nodes if node is not None)
    return Tree(tuple(classes), kept, int(tree.node_count), int(tree.max_depth))


def _test(column: str, threshold: float) -> tuple[str, bool]:
    """The test in words, and whether it holds on the right: that of a category is turned round."""
    if "=" in column and 0 < threshold < 1:
        return column.replace("=", " = ", 1), True
    return f"{column} ≤ {threshold:.6g}", False


def _below(tree: Any, index: int) -> int:
    """Number of the nodes that follow a node."""
    count, front = 0, [index]
    while front:
        node = front.pop()
        after = tree.children_left[node], tree.children_right[node]
        front += [child for child in after if child >= 0]
        count += sum(int(child >= 0) for child in after)
    return count
