from __future__ import annotations

import numpy as np

from fairlead.graph.builder import serialize
from fairlead.graph.runtime import Session
from fairlead.models.family import FitContext
from fairlead.models.hist_gradient_boosting import HIST_GRADIENT_BOOSTING
from fairlead.testing.cases import compile_estimator


def test_a_column_without_a_value_is_no_reason_to_fail() -> None:
    X = np.column_stack([np.arange(60.0), np.full(60, np.nan)])
    context = FitContext("regression", (), ("a", "b"), {}, 0)
    family = HIST_GRADIENT_BOOSTING
    model = family.build(family.parameters(max_iter=3), context).fit(X, X[:, 0] ** 2)
    rows = np.array([[5.0, np.nan], [5.0, -1.0], [50.0, 1.0]])
    outputs = Session(serialize(compile_estimator(family, model, context))).run(rows)
    assert (outputs["prediction"][:, 0] == model.predict(rows)).all()
    assert outputs["prediction"][0] == outputs["prediction"][1]
