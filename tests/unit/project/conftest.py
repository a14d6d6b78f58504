"""A small valid project, to be broken in many ways."""

from __future__ import annotations

import pytest

TEXT = """\
name: flats
task: regression
data:
  path: data/flats.csv
  target: {name: rent, unit: EUR}
  columns:
    area: {type: number, min: 5, max: 500, unit: m2}
    rooms: {type: integer, min: 1}
    heating: {type: category, values: [no, gas, 1]}
    built: {type: integer, nullable: true, missing: median}
  derived:
    area_per_room: area / rooms
  checks: [rows >= 10, rent > 0]
  split: {holdout: 0.25}
candidates:
  line: {family: linear}
  tree: {family: decision_tree, max_depth: 3}
evaluation:
  metric: rmse
  slices: [heating]
promotion:
  gates: [rmse <= 100]
"""


@pytest.fixture
def text() -> str:
    return TEXT
