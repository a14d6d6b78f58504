"""An index over points: a tree of boxes, each with a list that holds the nearest of all within."""

from __future__ import annotations

import heapq
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fairlead.graph.trees import NO_CHILD, Tree

Matrix = NDArray[np.float64]
Indices = NDArray[np.int64]
MOST_BOXES = 4_096
SLACK = 1.0 + 1e-9
"""Distances are rounded: a list is a hair longer than it must be."""


@dataclass(frozen=True)
class Index:
    """For every place in the box around some points, a list with its nearest points.

    Attributes:
        tree: place -> number of a box.
        lists: shape (boxes, m), positions of points, rising; filled up with the number of points.
    """

    tree: Tree
    lists: Indices

    def boxes(self, places: Matrix) -> Indices:
        """The box that each place is in, shape (n,)."""
        node = np.zeros(len(places), np.int64)
        tree = self.tree
        while (inner := np.flatnonzero(tree.left[node] != NO_CHILD)).size:
            at = node[inner]
            left = places[inner, tree.feature[at]] <= tree.threshold[at]
            node[inner] = np.where(left, tree.left[at], tree.right[at])
        return tree.value[node].astype(np.int64)


def index_points(points: Matrix, count: int) -> Index:
    """Index points so that a place's `count` nearest ones are in the list of its box.

    Boxes are halved, the one with the longest list first, until lists are short or boxes many. A
    point is in a box's list unless `count` others are nearer to every place in the box.

    Args:
        points: shape (p, c), finite; p > 0.
        count: how many neighbours will be asked for.
    """
    nodes = _Nodes(points.shape[1])
    low, high = points.min(axis=0), points.max(axis=0)
    heap = [_box(0, low, high, np.arange(len(points)), points, count)]
    boxes: list[_Box] = []
    enough = count + max(4, count // 8)
    while heap:
        box = heapq.heappop(heap)
        low, high = box.low, box.high
        axis = int(np.argmax(high - low))
        middle = low[axis] / 2 + high[axis] / 2
        if len(boxes) + len(heap) >= MOST_BOXES or len(box.near) <= enough:
            boxes += [box, *heap]
            break
        if not low[axis] < middle < high[axis]:
            boxes.append(box)
            continue
        left, right = nodes.split(box.node, axis, middle)
        upper, lower = high.copy(), low.copy()
        upper[axis] = lower[axis] = middle
        heapq.heappush(heap, _box(left, low, upper, box.near, points, count))
        heapq.heappush(heap, _box(right, lower, high, box.near, points, count))
    boxes.sort(key=lambda box: box.node)
    lists = np.full((len(boxes), max(len(box.near) for box in boxes)), len(points))
    for number, box in enumerate(boxes):
        nodes.value[box.node] = number
        lists[number, : len(box.near)] = box.near
    return Index(nodes.tree(), lists)


@dataclass(frozen=True)
class _Box:
    node: int
    low: Matrix
    high: Matrix
    near: Indices

    def __lt__(self, other: _Box) -> bool:
        """The longer list first."""
        return (-len(self.near), self.node) < (-len(other.near), other.node)


def _box(node: int, low: Matrix, high: Matrix, near: Indices, points: Matrix, count: int) -> _Box:
    """A box with those of the points in `near`, the list of what it was cut from, that it needs."""
    own = points[near]
    outside = np.maximum(np.maximum(low - own, own - high), 0.0)
    across = np.maximum(np.abs(own - low), np.abs(own - high))
    nearest, farthest = (outside**2).sum(axis=1), (across**2).sum(axis=1)
    if len(near) > count:
        near = near[nearest <= np.partition(farthest, count - 1)[count - 1] * SLACK]
    return _Box(node, low, high, near)


class _Nodes:
    """A tree that grows."""

    def __init__(self, columns: int) -> None:
        self.feature, self.threshold = [0], [0.0]
        self.left, self.right, self.value = [NO_CHILD], [NO_CHILD], [0.0]
        self.columns = columns

    def split(self, node: int, axis: int, threshold: float) -> tuple[int, int]:
        left = len(self.feature)
        self.feature[node], self.threshold[node] = axis, threshold
        self.left[node], self.right[node] = left, left + 1
        for _ in range(2):
            self.feature.append(0)
            self.threshold.append(0.0)
            self.left.append(NO_CHILD)
            self.right.append(NO_CHILD)
            self.value.append(0.0)
        return left, left + 1

    def tree(self) -> Tree:
        return Tree(
            feature=np.array(self.feature, np.int64),
            threshold=np.array(self.threshold),
            left=np.array(self.left, np.int64),
            right=np.array(self.right, np.int64),
            missing_left=np.zeros(len(self.left), np.bool_),
            value=np.array(self.value),
        )
