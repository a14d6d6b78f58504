from __future__ import annotations

import numpy as np
import pytest

from fairlead.data.contract import Contract
from fairlead.errors import TrainingError
from fairlead.project.columns import ColumnSpec, TargetSpec
from fairlead.project.spec import CandidateSpec
from fairlead.training.ablation import without
from fairlead.training.fitting import Candidate

COLUMNS = {name: ColumnSpec(type="number") for name in ("a", "b", "c")}
DERIVED = {"ratio": "a / b", "double": "ratio * 2", "square": "c ** 2"}
CONTRACT = Contract("regression", COLUMNS, TargetSpec(name="t"))
CANDIDATE = Candidate.of("line", CandidateSpec(family="linear"), DERIVED, 42)
X = np.arange(6.0).reshape(2, 3)


@pytest.mark.parametrize(
    ("feature", "columns", "derived"),
    [
        ("a", ["b", "c"], ["square"]),
        ("c", ["a", "b"], ["ratio", "double"]),
        ("ratio", ["a", "b", "c"], ["square"]),
        ("double", ["a", "b", "c"], ["ratio", "square"]),
    ],
)
def test_a_feature_goes_with_what_is_computed_from_it(
    feature: str, columns: list[str], derived: list[str]
) -> None:
    candidate, contract, matrix = without(feature, CANDIDATE, CONTRACT, X)
    assert list(contract.columns) == columns
    assert list(candidate.features.derived) == derived
    assert matrix.tolist() == X[:, [list(COLUMNS).index(name) for name in columns]].tolist()


def test_the_only_column_cannot_go() -> None:
    only = Contract("regression", {"a": COLUMNS["a"]}, TargetSpec(name="t"))
    candidate = Candidate.of("line", CandidateSpec(family="linear"), {}, 42)
    with pytest.raises(TrainingError, match="its only column"):
        without("a", candidate, only, X[:, :1])
