"""Which rows reach which node of the tree ensembles in a graph."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from fairlead.graph.trees import LT, input_ensembles


@dataclass(frozen=True)
class Witnesses:
    """Tests of trees, each with a row that gets as far as that test.

    Attributes:
        feature: shape (t,), the column that is tested.
        threshold: shape (t,), what it is compared with.
        row: shape (t,), position of a row that reaches the test.
    """

    feature: NDArray[np.int64]
    threshold: NDArray[np.float64]
    row: NDArray[np.int64]


def witnesses(model: onnx.ModelProto, D: NDArray[np.float64]) -> Witnesses:
    """Find a row that reaches each test of each tree; tests that none reaches are left out.

    Args:
        model: a graph whose input is D; trees that do not read it are look-up tables.
        D: shape (n, m), float64.
    """
    features, thresholds, rows = [], [], []
    for node in input_ensembles(model):
        ensemble = _Ensemble(node)
        reached = ensemble.route(D)
        met = np.flatnonzero((reached >= 0) & ensemble.decides)
        features.append(ensemble.feature[met])
        thresholds.append(ensemble.threshold[met].astype(np.float64))
        rows.append(reached[met])
    if not features:
        none = np.empty(0, np.int64)
        return Witnesses(none, np.empty(0), none)
    return Witnesses(np.concatenate(features), np.concatenate(thresholds), np.concatenate(rows))


class _Ensemble:
    """The attributes of one `TreeEnsemble` node as arrays, one element per test."""

    def __init__(self, node: onnx.NodeProto) -> None:
        fields = {attribute.name: attribute for attribute in node.attribute}

        def integers(name: str) -> NDArray[np.int64]:
            return np.array(fields[name].ints, np.int64)

        self.roots = integers("tree_roots")
        self.feature = integers("nodes_featureids")
        self.threshold = numpy_helper.to_array(fields["nodes_splits"].t)
        self._next = integers("nodes_truenodeids"), integers("nodes_falsenodeids")
        self._is_leaf = integers("nodes_trueleafs"), integers("nodes_falseleafs")
        self._missing_true = integers("nodes_missing_value_tracks_true").astype(np.bool_)
        self._strict = bool((numpy_helper.to_array(fields["nodes_modes"].t) == LT).any())

    @property
    def decides(self) -> NDArray[np.bool_]:
        """Tests whose branches differ: that of a tree of one leaf decides nothing."""
        (true, false), (true_leaf, false_leaf) = self._next, self._is_leaf
        differ: NDArray[np.bool_] = (true != false) | (true_leaf != false_leaf)
        return differ

    def route(self, D: NDArray[np.float64]) -> NDArray[np.int64]:
        """The last row that reaches each test, -1 where none does."""
        D = D.astype(self.threshold.dtype)  # as the node reads them
        reached = np.full(len(self.feature), -1, np.int64)
        for root in self.roots:
            rows = np.arange(len(D))
            at = np.full(len(D), root)
            while len(rows):
                reached[at] = rows
                x, threshold = D[rows, self.feature[at]], self.threshold[at]
                passes = x < threshold if self._strict else x <= threshold
                passes |= np.isnan(x) & self._missing_true[at]
                ends = np.where(passes, self._is_leaf[0][at], self._is_leaf[1][at]) == 1
                onward = np.where(passes, self._next[0][at], self._next[1][at])
                rows, at = rows[~ends], onward[~ends]
        return reached
