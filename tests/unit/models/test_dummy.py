"""The baseline says the same of every row."""

from __future__ import annotations

import numpy as np
import pytest

from fairlead.graph.builder import serialize
from fairlead.graph.runtime import Session
from fairlead.models.family import FitContext, family
from fairlead.testing.cases import compile_estimator

X = np.array([[1.0], [np.nan], [-3.0], [4.0]])


def answers(
    context: FitContext, y: list[float] | list[int], **parameters: str
) -> dict[str, list[list[float]]]:
    dummy = family("dummy")
    estimator = dummy.build(dummy.parameters.model_validate(parameters), context)
    estimator.fit(X, np.array(y))
    outputs = Session(serialize(compile_estimator(dummy, estimator, context))).run(X[:2])
    return {name: values.tolist() for name, values in outputs.items()}


@pytest.mark.parametrize(("statistic", "value"), [("mean", 4.0), ("median", 2.0)])
def test_a_number_is_the_mean_or_the_median_of_the_targets(statistic: str, value: float) -> None:
    context = FitContext("regression", (), ("a",), {}, 0)
    found = answers(context, [1.0, 2.0, 2.0, 11.0], statistic=statistic)
    assert found == {"prediction": [[value], [value]]}


def test_a_class_is_the_most_frequent_one_with_the_shares_as_probabilities() -> None:
    context = FitContext("classification", ("x", "y", "z"), ("a",), {}, 0)
    found = answers(context, [2, 0, 2, 2])
    assert found == {
        "prediction": [[2], [2]],
        "probabilities": [[0.25, 0.0, 0.75], [0.25, 0.0, 0.75]],
    }
