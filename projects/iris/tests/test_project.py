"""What must hold for iris; `fairlead score` reads what `pytest --junit-xml` writes of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

import fairlead
from fairlead.project.derived import extend, parse_derived
from fairlead.training.fitting import Candidate, fit
from fairlead.workflows.read import read

PROJECT = fairlead.load(Path(__file__).resolve().parents[1])
SPEC = PROJECT.spec
Record = Callable[[str, object], None]
TRAINED = (PROJECT.root / ".fairlead" / "results" / "leaderboard.json").is_file()


def test_the_petal_area_is_length_times_width(record_property: Record) -> None:
    record_property("ml_test_score", "data_7")
    columns = {name: np.ones(2) for name in SPEC.data.columns}
    columns |= {"petal_length": np.array([1.4, np.nan]), "petal_width": np.array([0.5, 1.0])}
    derived = extend(columns, parse_derived(SPEC.data.columns, SPEC.data.derived))
    np.testing.assert_array_equal(derived["petal_area"], [0.7, np.nan])


@pytest.mark.parametrize("name", SPEC.candidates)
def test_a_candidate_learns_what_is_plain(record_property: Record, name: str) -> None:
    record_property("ml_test_score", "infrastructure_2")
    dataset = read(PROJECT)
    half = slice(None, None, 2)
    candidate = Candidate.of(name, SPEC.candidates[name], SPEC.data.derived, seed=1)
    with threadpool_limits(1):
        model = fit(candidate, dataset.contract, dataset.X[half], dataset.y[half])
    right = model.predict(dataset.X[1::2]).values == dataset.y[1::2]
    assert right.mean() > 0.85


def test_a_trained_model_answers_as_it_must(record_property: Record, tmp_path: Path) -> None:
    record_property("ml_test_score", "infrastructure_3")
    result = fairlead.train(_copy(tmp_path), only=["decision_tree"], trials=0, register=False)
    setosa = {"sepal_length": 5.1, "sepal_width": 3.5, "petal_length": 1.4, "petal_width": 0.2}
    assert result.bundle().predict([setosa]).tolist() == ["setosa"]


@pytest.mark.skipif(not TRAINED, reason="nothing was trained here")
def test_no_species_is_left_out(record_property: Record) -> None:
    record_property("ml_test_score", "model_7")
    chosen = PROJECT.leaderboard().selected
    assert chosen is not None
    file = PROJECT.root / ".fairlead" / "results" / "reports" / f"{chosen.name}.json"
    metrics = json.loads(file.read_text())["metrics"]["cv"]
    for species in SPEC.data.target.classes:
        assert metrics[f"recall[{species}]"]["value"] >= 0.9, species


def _copy(folder: Path) -> fairlead.Project:
    """The project in a folder of its own: its versions and results stay as they are."""
    for name in (PROJECT.path.name, SPEC.data.path):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes((PROJECT.root / name).read_bytes())
    return fairlead.load(folder)
