"""What must hold for housing; `fairlead score` reads what `pytest --junit-xml` writes of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

import fairlead
from fairlead.data.splits import holdout_split
from fairlead.project.derived import extend, parse_derived
from fairlead.training.fitting import Candidate, fit
from fairlead.workflows.read import read
from fairlead.workflows.train import train

PROJECT = fairlead.load(Path(__file__).resolve().parents[1])
SPEC = PROJECT.spec
Record = Callable[[str, object], None]


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
    bundle = train(_small_copy(tmp_path), only=["ridge"], jobs=1).bundle()
    coast, inland = bundle.predict(
        [
            {**row, "median_income": 8.0 - 4 * number, "ocean_proximity": place}
            for number, (row, place) in enumerate(
                zip(bundle.golden()["records"], ("NEAR BAY", "INLAND"), strict=False)
            )
        ]
    )
    assert coast > inland > 0


def _small_copy(folder: Path) -> fairlead.Project:
    """The project with every tenth row, in a folder of its own."""
    header, *rows = (PROJECT.root / SPEC.data.path).read_text().splitlines()
    (folder / SPEC.data.path).parent.mkdir(parents=True)
    (folder / SPEC.data.path).write_text("\n".join([header, *rows[::10]]))
    data = SPEC.data.model_copy(update={"source": None, "checks": ()})
    return fairlead.Project.from_spec(SPEC.model_copy(update={"data": data}), folder)
