"""The project's rule among candidates that have no bundles."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from fairlead.data.contract import Contract
from fairlead.errors import EvaluationError
from fairlead.project.columns import ColumnSpec, TargetSpec
from fairlead.project.spec import CandidateSpec, CrossValidationSpec
from fairlead.training.fitting import Candidate, OutOfSample, Prediction
from fairlead.workflows.choice import Choice
from fairlead.workflows.sample import Sample

X = np.arange(40.0).reshape(-1, 1)
SAMPLE = Sample(
    contract=Contract("regression", {"a": ColumnSpec(type="number")}, TargetSpec(name="t")),
    X=X,
    y=X[:, 0] % 7,
    groups=None,
    times=None,
    cv=CrossValidationSpec(),
    metric="rmse",
)
FAMILIES = {
    "line": {"family": "linear"},
    "tree": {"family": "decision_tree", "max_depth": 3},
    "deep": {"family": "decision_tree"},
    "forest": {"family": "extra_trees", "n_estimators": 3},
}


def chosen(select: Any, errors: dict[str, float], sample: Sample = SAMPLE) -> str:
    candidates = {
        name: Candidate.of(name, CandidateSpec.model_validate(FAMILIES[name]), {}, 42)
        for name in errors
    }
    luck = np.random.default_rng(0).choice([-1.0, 1.0], len(sample.y))
    parts = {
        name: OutOfSample(np.arange(len(sample.y)), Prediction(sample.y + error * luck))
        for name, error in errors.items()
    }
    return Choice(sample, candidates, parts, select).put_forward().candidate.name


def test_the_best_is_taken() -> None:
    assert chosen("best", {"line": 2.0, "tree": 1.5, "forest": 1.0}) == "forest"


def test_of_equals_the_smaller_is_taken() -> None:
    assert chosen("best", {"forest": 1.0, "deep": 1.0, "tree": 1.0}) == "tree"


def test_the_simplest_within_one_error_is_taken_where_the_project_says_so() -> None:
    same = {"forest": 1.0, "tree": 1.0, "line": 3.0}
    assert chosen("simplest", same) == "tree"
    assert chosen("simplest", {"forest": 1.0, "line": 3.0}) == "forest"


def test_a_metric_that_nobody_has_is_told() -> None:
    flat = SAMPLE.take(np.zeros(5, np.int64))
    undefined = Sample(**{**vars(flat), "metric": "r2"})
    with pytest.raises(EvaluationError, match="r2 undefined for every candidate"):
        chosen("best", {"line": 1.0}, undefined)
