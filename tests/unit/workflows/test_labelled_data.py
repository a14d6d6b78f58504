from __future__ import annotations

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from fairlead.bundle.reading import Bundle, load_bundle
from fairlead.data.further import CHOICE, GATES, RECIPES, TRAINED, Further
from fairlead.errors import DataInvalidError, ReproductionError
from fairlead.project.loading import Project
from fairlead.workflows.experiment import Experiment
from fairlead.workflows.labelled_data import LabelledData, for_gates, usable, write_labelled
from fairlead.workflows.read import read
from fairlead.workflows.reproduce import reproduce
from fairlead.workflows.train import build


def loaded(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


prices = loaded(Path(__file__).parent / "rising_prices.py")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return prices.project_in(tmp_path_factory.mktemp("prices"))


@pytest.fixture(scope="module")
def champion(project: Project) -> Bundle:
    return load_bundle(build(project, "ridge", jobs=1))


@pytest.fixture(scope="module")
def data(project: Project, champion: Bundle) -> LabelledData:
    return write_labelled(project, read(project), prices.labelled_rows(), champion, prices.NOW)


def further_of(data: LabelledData, recipe: str) -> Further:
    level = data.base_level if recipe == "levelled" else 1.0
    assert level is not None
    return Further(data.rows, recipe, level)  # type: ignore[arg-type]


def test_the_same_predictions_are_the_same_file(
    project: Project, champion: Bundle, data: LabelledData
) -> None:
    rows = prices.labelled_rows()
    order = np.random.default_rng(0).permutation(len(rows))
    again = write_labelled(project, read(project), rows.take(order), champion, prices.NOW)
    assert again.path == data.path
    assert again.rows.y.tolist() == data.rows.y.tolist()


def test_the_level_follows_the_prices(data: LabelledData) -> None:
    assert data.base_level == pytest.approx(1.02**8, rel=0.03)
    assert data.rows.level[0] == pytest.approx(1.02**7, rel=0.03)
    assert data.rows.level[-1] == 1.0


def test_a_changed_file_is_refused(project: Project, data: LabelledData, tmp_path: Path) -> None:
    from fairlead.data.further import read_further

    copy = tmp_path / data.path.name
    copy.write_bytes(data.path.read_bytes() + b" ")
    with pytest.raises(DataInvalidError, match="expected what was written"):
        read_further(copy, read(project).contract)


def test_the_holdout_is_the_same_rows_for_ever(project: Project, data: LabelledData) -> None:
    dataset = read(project)
    plain = Experiment(project, dataset)
    for recipe in RECIPES:
        grown = Experiment(project, dataset, further_of(data, recipe))
        assert grown.holdout.tolist() == plain.holdout.tolist()
        assert grown.dataset.y[grown.holdout].tolist() == plain.dataset.y[plain.holdout].tolist()


def test_what_is_kept_back_is_never_trained_on(project: Project, data: LabelledData) -> None:
    for recipe in RECIPES:
        grown = Experiment(project, read(project), further_of(data, recipe))
        kept = grown.base_rows + np.flatnonzero(data.rows.part != TRAINED)
        assert not np.isin(kept, grown.train).any()
        assert np.isin(grown.recent, kept).all()


def test_about_a_tenth_is_kept_to_choose_and_a_fifth_for_the_gates(data: LabelledData) -> None:
    shares = np.bincount(data.rows.part) / len(data.rows)
    assert shares[CHOICE] == pytest.approx(0.1, abs=0.03)
    assert shares[GATES] == pytest.approx(0.2, abs=0.03)


def test_the_gates_get_what_no_version_is_trained_on(project: Project, data: LabelledData) -> None:
    kept = for_gates(prices.labelled_rows(), read(project).contract)
    rows = data.rows.newest(GATES)
    assert kept.ids.tolist() == data.rows.ids[rows].tolist()


def test_a_version_with_labelled_rows_is_made_again_to_the_byte(
    project: Project, data: LabelledData
) -> None:
    made = build(project, "ridge", further=further_of(data, "levelled"), jobs=1)
    again = reproduce(project, str(made), jobs=1)
    assert again.graphs.then == again.graphs.now
    assert [each for each in again.metrics if each.then != each.now] == []
    assert {each.source for each in again.metrics} == {"cv", "holdout", "recent"}


def test_without_the_file_of_its_rows_it_says_what_is_missing(
    project: Project, data: LabelledData
) -> None:
    made = build(project, "ridge", further=further_of(data, "all"), jobs=1)
    aside = data.path.rename(data.path.with_suffix(".aside"))
    try:
        with pytest.raises(ReproductionError, match=data.path.name):
            reproduce(project, str(made), jobs=1)
    finally:
        aside.rename(data.path)


def test_levelled_rows_are_learned_as_they_would_be_now(
    project: Project, data: LabelledData
) -> None:
    values = {}
    for recipe in RECIPES:
        made = build(project, "ridge", further=further_of(data, recipe), jobs=1)
        values[recipe] = load_bundle(made).manifest["metrics"]["recent"]["rmse"]["value"]
    assert values["levelled"] < values["all"]
    assert values["recent"] < values["all"]


def test_what_was_masked_or_is_out_of_range_is_left_out_and_told(project: Project) -> None:
    contract, rows = read(project).contract, prices.labelled_rows(100)
    rows.X[:3, 0] = np.nan
    rows.label[3:5] = -1.0
    found = usable(rows, contract)
    assert found.rows == 95
    assert found.unusable == {
        "size is missing": 3,
        "the label is outside the range of the target": 2,
    }
    hidden = usable(replace(rows, absent=("kind",)), contract)
    assert hidden.rows == 0
    assert hidden.unusable["kind was not logged"] == 97


@pytest.mark.parametrize(
    ("cv", "columns", "others"),
    [
        ("{kind: leave_one_out}", "", {}),
        ("{kind: blocks, blocks: {size: 20}, folds: 3}", "", {}),
        (
            "{kind: group, folds: 3}",
            "town: {type: text, role: group}",
            {"town": [f"t{number % 20}" for number in range(400)]},
        ),
        (
            "{kind: time, folds: 3}",
            "day: {type: number, role: time}",
            {"day": list(range(400))},
        ),
    ],
    ids=["leave_one_out", "blocks", "group", "time"],
)
def test_every_kind_of_folds_works_with_labelled_rows(
    tmp_path: Path, champion: Bundle, cv: str, columns: str, others: dict[str, list[object]]
) -> None:
    project = prices.project_in(tmp_path, cv=cv, columns=columns, others=others)
    data = write_labelled(project, read(project), prices.labelled_rows(700), champion, prices.NOW)
    made = build(project, "ridge", further=further_of(data, "all"), jobs=1)
    assert load_bundle(made).manifest["provenance"]["labelled"]["sha256"] == data.rows.digest
