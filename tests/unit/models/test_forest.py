from __future__ import annotations

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier

from fairlead.models.family import FitContext
from fairlead.models.forest import EXTRA_TREES, RANDOM_FOREST
from fairlead.models.tree import DECISION_TREE

RNG = np.random.default_rng(0)
X = RNG.normal(size=(120, 3))
NUMBERS, CODES = X[:, 0] * 5, (X[:, 0] > 0).astype(int)
REGRESSION = FitContext("regression", (), ("a", "b", "c"), {}, 0)
CLASSES = FitContext("classification", ("no", "yes"), ("a", "b", "c"), {}, 0)


def test_out_of_bag_probabilities_are_scikit_learns() -> None:
    model = RANDOM_FOREST.build(RANDOM_FOREST.parameters(n_estimators=40), CLASSES).fit(X, CODES)
    plain = RandomForestClassifier(40, random_state=0, oob_score=True).fit(X, CODES)
    assert (RANDOM_FOREST.out_of_bag(model) == plain.oob_decision_function_).all()


@pytest.mark.parametrize(("context", "y"), [(REGRESSION, NUMBERS), (CLASSES, CODES)])
def test_rows_that_every_tree_drew_have_no_out_of_bag_prediction(
    context: FitContext, y: np.ndarray
) -> None:
    model = RANDOM_FOREST.build(RANDOM_FOREST.parameters(n_estimators=2), context).fit(X, y)
    votes = RANDOM_FOREST.out_of_bag(model)
    drawn = [set(rows) for rows in model.estimators_samples_]
    always = [row for row in range(len(X)) if all(row in rows for rows in drawn)]
    assert always
    lost = np.isnan(votes if votes.ndim == 1 else votes[:, 0])
    assert np.flatnonzero(lost).tolist() == always


def test_without_bootstrap_nothing_is_out_of_bag() -> None:
    whole = RANDOM_FOREST.parameters(n_estimators=2, bootstrap=False)
    assert RANDOM_FOREST.out_of_bag(RANDOM_FOREST.build(whole, REGRESSION).fit(X, NUMBERS)) is None
    extra = EXTRA_TREES.build(EXTRA_TREES.parameters(n_estimators=2), REGRESSION).fit(X, NUMBERS)
    assert EXTRA_TREES.out_of_bag(extra) is None
    tree = DECISION_TREE.build(DECISION_TREE.parameters(), REGRESSION).fit(X, NUMBERS)
    assert DECISION_TREE.out_of_bag(tree) is None
