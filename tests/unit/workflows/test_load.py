"""A project is checked for all that its file can be checked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from fairlead.errors import ProjectError
from fairlead.workflows.load import load

FILE = """\
name: t
task: regression
data: {path: a.csv, target: {name: y}, columns: {x: {type: number}}}
candidates: {r: {family: ridge}}
evaluation:
  metric: rmse
  also:
    - mae
    - accuracy
    - nonsense
"""


def test_an_unknown_metric_is_told_with_its_own_line(tmp_path: Path) -> None:
    (tmp_path / "fairlead.yaml").write_text(FILE)
    with pytest.raises(ProjectError) as caught:
        load(tmp_path)
    found = [(problem.line, problem.where) for problem in caught.value.problems]
    assert found == [(9, "evaluation.also[1]"), (10, "evaluation.also[2]")]
