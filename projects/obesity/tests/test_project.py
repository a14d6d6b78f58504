"""What must hold for obesity; `fairlead score` reads what `pytest --junit-xml` writes of it."""

from __future__ import annotations

import json
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

PROJECT = fairlead.load(Path(__file__).resolve().parents[1])
SPEC = PROJECT.spec
Record = Callable[[str, object], None]


REPORTS = sorted((PROJECT.root / ".fairlead" / "results" / "reports").glob("*.json"))


def test_the_bmi_is_weight_by_height_squared(record_property: Record) -> None:
    record_property("ml_test_score", "data_7")
    columns = {name: np.ones(2) for name in SPEC.data.columns}
    columns |= {"Weight": np.array([80.0, np.nan]), "Height": np.array([2.0, 1.7])}
    derived = extend(columns, parse_derived(SPEC.data.columns, SPEC.data.derived))
    np.testing.assert_array_equal(derived["bmi"], [20, np.nan])


@pytest.mark.parametrize("name", SPEC.candidates)
def test_a_candidate_learns_what_is_plain(record_property: Record, name: str) -> None:
    record_property("ml_test_score", "infrastructure_2")
    dataset = read(PROJECT)
    train_rows, holdout = holdout_split(SPEC.data.split, dataset)
    some = train_rows[::2]
    candidate = Candidate.of(name, SPEC.candidates[name], SPEC.data.derived, seed=1)
    with threadpool_limits(1):
        model = fit(candidate, dataset.contract, dataset.X[some], dataset.y[some])
    right = model.predict(dataset.X[holdout]).values == dataset.y[holdout]
    # Seven classes of nearly equal size: whoever guesses is right once in six times.
    assert right.mean() > 0.7


def test_a_trained_model_answers_as_it_must(record_property: Record, tmp_path: Path) -> None:
    record_property("ml_test_score", "infrastructure_3")
    bundle = fairlead.train(
        _small_copy(tmp_path), only=["logistic"], trials=0, register=False
    ).bundle()
    tall = {**bundle.golden()["records"][0], "Height": 1.8}
    light, heavy = bundle.predict([{**tall, "Weight": 50.0}, {**tall, "Weight": 150.0}])
    assert light in SPEC.data.target.classes[:2]
    assert str(heavy).startswith("Obesity")


@pytest.mark.skipif(not REPORTS, reason="nothing was trained here")
def test_women_and_men_are_served_alike(record_property: Record) -> None:
    record_property("ml_test_score", "model_7")
    for report in REPORTS:
        scores = json.loads(report.read_text())["slices"]["holdout"]
        right = {
            each["value"]: each["estimate"]["value"]
            for each in scores
            if each["column"] == "Gender" and each["rows"] >= SPEC.evaluation.min_slice_rows
        }
        assert abs(right["Female"] - right["Male"]) < 0.05, report.stem


def _small_copy(folder: Path) -> fairlead.Project:
    """The project with every third row, in a folder of its own."""
    header, *rows = (PROJECT.root / SPEC.data.path).read_text().splitlines()
    (folder / SPEC.data.path).parent.mkdir(parents=True)
    (folder / SPEC.data.path).write_text("\n".join([header, *rows[::3]]))
    data = SPEC.data.model_copy(update={"source": None, "checks": ()})
    return fairlead.Project.from_spec(SPEC.model_copy(update={"data": data}), folder)
