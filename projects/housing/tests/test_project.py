"""What must hold for housing; `fairlead score` reads what `pytest --junit-xml` writes of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

import fairlead
from fairlead.data.splits import holdout_split
from fairlead.project.derived import extend, parse_derived
from fairlead.training.fitting import Candidate, fit
from fairlead.workflows.read import read

PROJECT = fairlead.load(Path(__file__).resolve().parents[1])
SPEC = PROJECT.spec
Record = Callable[[str, object], None]
TRAINED = (PROJECT.root / ".fairlead" / "results" / "leaderboard.json").is_file()
needs_training = pytest.mark.skipif(not TRAINED, reason="nothing was trained here")
BOUND = 50_000
"""USD; that of the gate in the project file, here for every slice."""


def test_the_derived_columns_are_what_they_are_called(record_property: Record) -> None:
    record_property("ml_test_score", "data_7")
    columns = {name: np.ones(2) for name in SPEC.data.columns}
    columns |= {
        "total_rooms": np.array([20.0, 20.0]),
        "total_bedrooms": np.array([5.0, np.nan]),
        "population": np.array([12.0, 12.0]),
        "households": np.array([4.0, 4.0]),
    }
    derived = extend(columns, parse_derived(SPEC.data.columns, SPEC.data.derived))
    np.testing.assert_array_equal(derived["rooms_per_household"], [5, 5])
    np.testing.assert_array_equal(derived["bedrooms_per_room"], [0.25, np.nan])
    np.testing.assert_array_equal(derived["population_per_household"], [3, 3])


def test_places_are_told_by_sums_and_distances(record_property: Record) -> None:
    record_property("ml_test_score", "data_7")
    columns = {name: np.ones(2) for name in SPEC.data.columns}
    columns |= {
        "longitude": np.array([-122.42, -118.24]),
        "latitude": np.array([37.77, 34.05]),
    }
    derived = extend(columns, parse_derived(SPEC.data.columns, SPEC.data.derived))
    np.testing.assert_allclose(derived["northeast"], [-84.65, -84.19])
    np.testing.assert_allclose(derived["northwest"], [160.19, 152.29])
    # 3.344 is 0.8 times the difference of the longitudes, 3.72 that of the latitudes.
    across = np.hypot(3.344, 3.72)
    np.testing.assert_allclose(derived["from_san_francisco"], [0, across])
    np.testing.assert_allclose(derived["from_los_angeles"], [across, 0])
    np.testing.assert_allclose(derived["from_san_jose"][0], np.hypot(0.8 * 0.53, 0.43))
    np.testing.assert_allclose(derived["from_san_diego"][1], np.hypot(0.8 * 1.08, 1.33))


@pytest.mark.parametrize("name", SPEC.candidates)
def test_a_candidate_learns_what_is_plain(record_property: Record, name: str) -> None:
    record_property("ml_test_score", "infrastructure_2")
    dataset = read(PROJECT)
    train_rows, holdout = holdout_split(SPEC.data.split, dataset)
    some, others = train_rows[::10], holdout[::4]
    candidate = Candidate.of(name, SPEC.candidates[name], SPEC.data.derived, seed=1)
    with threadpool_limits(1):
        model = fit(candidate, dataset.contract, dataset.X[some], dataset.y[some])
    missed = dataset.y[others] - model.predict(dataset.X[others]).values
    # A constant explains nothing of the spread; a third of it is easy.
    assert missed.std() < 0.8 * dataset.y[others].std()


def test_a_trained_model_answers_as_it_must(record_property: Record, tmp_path: Path) -> None:
    record_property("ml_test_score", "infrastructure_3")
    bundle = fairlead.train(
        _small_copy(tmp_path), only=["ridge"], trials=0, register=False
    ).bundle()
    coast, inland = bundle.predict(
        [
            {**row, "median_income": 8.0 - 4 * number, "ocean_proximity": place}
            for number, (row, place) in enumerate(
                zip(bundle.golden()["records"], ("NEAR BAY", "INLAND"), strict=False)
            )
        ]
    )
    assert coast > inland > 0


@needs_training
def test_every_shore_is_valued_within_the_bound(record_property: Record) -> None:
    record_property("ml_test_score", "model_6")
    for each in _slices("ocean_proximity"):
        assert each["estimate"]["value"] <= BOUND, each["value"]


@needs_training
def test_poor_places_are_not_valued_worse_than_others(record_property: Record) -> None:
    record_property("ml_test_score", "model_7")
    poorest, *_ = _slices("median_income")
    assert poorest["value"].startswith("<=")
    assert not poorest["is_worse"]
    assert poorest["estimate"]["value"] <= BOUND


def _slices(column: str) -> list[dict[str, Any]]:
    """How good the candidate put forward is on the slices of a column, of 200 rows or more."""
    chosen = PROJECT.leaderboard().selected
    assert chosen is not None
    file = PROJECT.root / ".fairlead" / "results" / "reports" / f"{chosen.name}.json"
    scores = json.loads(file.read_text())["slices"]["holdout"]
    return [each for each in scores if each["column"] == column and each["rows"] >= 200]


def _small_copy(folder: Path) -> fairlead.Project:
    """The project with every tenth row, in a folder of its own."""
    header, *rows = (PROJECT.root / SPEC.data.path).read_text().splitlines()
    (folder / SPEC.data.path).parent.mkdir(parents=True)
    (folder / SPEC.data.path).write_text("\n".join([header, *rows[::10]]))
    data = SPEC.data.model_copy(update={"source": None, "checks": ()})
    return fairlead.Project.from_spec(SPEC.model_copy(update={"data": data}), folder)
