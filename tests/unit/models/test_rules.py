from __future__ import annotations

import numpy as np
import pytest

from fairlead.errors import TrainingError
from fairlead.models.family import FitContext
from fairlead.models.rules import RULES

CONTEXT = FitContext(
    task="classification",
    classes=("setosa", "versicolor", "virginica"),
    columns=("length", "wild"),
    categories={},
    seed=0,
    booleans=("wild",),
)
PARAMETERS = RULES.parameters.model_validate(
    {
        "rules": [
            {"when": "length < 2.5", "predict": "setosa"},
            {"when": "length < 5 and wild", "predict": "versicolor"},
        ],
        "otherwise": "virginica",
    }
)
X = np.array([[1.0, 0], [2.0, 1], [4.0, 1], [4.0, 0], [6.0, 1], [np.nan, 1]])
Y = np.array([0, 0, 1, 2, 2, 2])


def test_the_first_rule_that_holds_decides() -> None:
    model = RULES.build(PARAMETERS, CONTEXT)
    assert model.predict(X).tolist() == [0, 0, 1, 2, 2, 2]


def test_probabilities_are_smoothed_shares_of_the_rows_that_a_rule_decided() -> None:
    model = RULES.build(PARAMETERS, CONTEXT).fit(X, Y)
    expected = np.array([[3, 1, 1], [1, 2, 1], [1, 1, 4]]) / [[5], [4], [6]]
    assert (model.predict_proba(X) == expected[[0, 0, 1, 2, 2, 2]]).all()


def test_a_regression_predicts_the_written_numbers() -> None:
    context = FitContext("regression", (), ("length",), {}, 0)
    parameters = RULES.parameters.model_validate(
        {"rules": [{"when": "length > 1", "predict": 0.1}], "otherwise": -3}
    )
    model = RULES.build(parameters, context).fit(X[:, :1], Y)
    assert model.predict(np.array([[2.0], [1.0], [np.nan]])).tolist() == [0.1, -3.0, -3.0]


def test_a_label_that_the_data_has_not_is_refused_with_its_rule() -> None:
    context = FitContext("classification", ("a", "b"), ("length", "wild"), {}, 0, ("wild",))
    with pytest.raises(TrainingError, match=r"rules\[0\].predict: found `setosa`"):
        RULES.build(PARAMETERS, context)
