"""The report speaks of the last training, from what it left behind, and says what is gone."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from fairlead.errors import DataInvalidError, DataMissingError
from fairlead.workflows.load import load
from fairlead.workflows.report import Report, report
from fairlead.workflows.train import train
from fairlead.workflows.training_record import last_training

SPEC = """
name: flats
task: TASK
description: Some <b>flats</b> & houses.
data:
  path: flats.csv
  target: {name: y}
  columns:
    size: {type: number, nullable: true, missing: median}
    kind: {type: category, values: [<1, b|c, $x$]}
    good: {type: boolean}
  derived: {double: size * 2}
  split: {kind: random, holdout: 0.4}
candidates:
  tree: {family: decision_tree, max_depth: 6}
  MORE
evaluation: {metric: METRIC, cv: {folds: 3}, slices: [kind], min_slice_rows: 5, coverage: 0.8}
"""


def project(root: Path, task: str = "regression") -> Path:
    root.mkdir(exist_ok=True)
    rng = np.random.default_rng(3)
    size, kind = rng.normal(size=240).round(3), rng.integers(0, 3, 240)
    y = (size + kind + rng.normal(scale=0.3, size=240)).round(3)
    told = np.where(y > 1, "yes", "no") if task == "classification" else y
    names = ["<1", "b|c", "$x$"]
    rows = [
        f"{'' if n % 9 == 0 else size[n]},{names[kind[n]]},{'true' if n % 2 else 'false'},{told[n]}"
        for n in range(240)
    ]
    (root / "flats.csv").write_text("\n".join(["size,kind,good,y", *rows]))
    more, metric = ("line: {family: linear}", "rmse")
    if task == "classification":
        more, metric = ("line: {family: logistic}", "accuracy")
    text = SPEC.replace("TASK", task).replace("MORE", more).replace("METRIC", metric)
    (root / "fairlead.yaml").write_text(text)
    return root


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = project(tmp_path_factory.mktemp("whole") / "flats")
    train(load(root), jobs=1, learning_curve=True, ablation=True)
    return root


@pytest.fixture(scope="module")
def page(whole: Path) -> str:
    return made(whole).html()


@pytest.fixture
def trained(whole: Path, tmp_path: Path) -> Path:
    return shutil.copytree(whole, tmp_path / "flats")


def made(root: Path) -> Report:
    return report(load(root))


def test_it_has_every_section_and_needs_no_other_file(page: str) -> None:
    headings = re.findall("<h2>(.*?)</h2>", page)
    assert headings == [
        "Question and verdict",
        "Data",
        "Candidates side by side",
        "The candidate put forward",
        "The other candidates",
        "Reproducibility",
        "Conclusions",
    ]
    assert "Some &lt;b&gt;flats&lt;/b&gt; &amp; houses." in page
    assert "://" not in page
    assert "<script" not in page
    assert all('alt="' in tag for tag in re.findall("<img[^>]*>", page))
    assert "<code>max_depth: 6</code>" in page
    for part in ("Slices", "Permutation importance", "Partial dependence", "Ablation",
                 "Learning curve", "Its tree", "Its weights"):  # fmt: skip
        assert part in page, part


def test_it_is_written_beside_the_leaderboard_and_the_same_each_time(
    trained: Path, page: str
) -> None:
    results = trained / ".fairlead" / "results"
    assert made(trained).write() == (results / "report.html", results / "report.md")
    assert (results / "report.html").read_text() == page


def test_the_summary_finds_the_pictures_from_wherever_it_is(whole: Path, tmp_path: Path) -> None:
    found = made(whole)
    for folder in (None, tmp_path / "deep"):
        links = re.findall(r"\]\(([^)]+)\)", found.markdown(folder))
        assert len(links) == 7
        start = folder or found.folder
        assert all((start / link).resolve().is_file() for link in links)


def test_a_classification_is_reported_with_probabilities(tmp_path: Path) -> None:
    root = project(tmp_path / "flats", "classification")
    train(load(root), jobs=1)
    page = made(root).html()
    assert "Reliability diagram" in page
    assert "one of 2 classes" in page
    assert "fairlead train --ablation" in page
    assert "fairlead train --learning-curve" in page


def test_without_the_data_the_rest_is_there(trained: Path) -> None:
    (trained / "flats.csv").unlink()
    found = made(trained).results
    assert found.data.data is None
    assert "The data of the training cannot be shown" in str(found.data.absent)
    assert len(found.dependences) == 3


def test_data_that_has_changed_since_is_not_shown_as_that_of_the_training(trained: Path) -> None:
    with (trained / "flats.csv").open("a") as file:
        file.write("\n1.5,<1,true,2.5")
    absent = made(trained).results.data.absent
    assert "The data has changed since the training" in str(absent)


def test_a_project_file_that_has_changed_since_is_named_and_not_used(trained: Path) -> None:
    file = trained / "fairlead.yaml"
    file.write_text(file.read_text().replace("max_depth: 6", "max_depth: 2"))
    found = made(trained).results
    assert not found.is_current
    assert found.spec.candidates["tree"].parameters == {"max_depth": 6}


def test_a_bundle_and_pictures_that_are_gone_are_named(trained: Path) -> None:
    shutil.rmtree(trained / ".fairlead" / "bundles")
    results = trained / ".fairlead" / "results"
    for path in [*results.rglob("*.png"), *results.glob("predictions/*")]:
        path.unlink()
    page = made(trained).html()
    assert "its bundle is gone" in page
    assert "The bundle is gone, and with it what it was made of." in page
    assert "The pictures are gone" in page


def test_a_study_of_an_earlier_training_is_not_taken_for_one_of_this(trained: Path) -> None:
    path = trained / ".fairlead" / "results" / "ablation.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "created_at": "2020-01-01"}))
    assert made(trained).results.ablation == ()


def test_where_nothing_was_trained_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(DataMissingError, match="run `fairlead train`"):
        made(project(tmp_path / "flats"))


def test_a_training_that_was_stopped_is_not_reported(trained: Path) -> None:
    board = trained / ".fairlead" / "results" / "leaderboard.json"
    board.write_text(board.read_text() + "\n")
    with pytest.raises(DataInvalidError, match="was stopped"):
        made(trained)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 1}', '{"format": 2}'])
def test_a_damaged_record_is_named(text: str, trained: Path) -> None:
    path = trained / ".fairlead" / "results" / "training.json"
    path.write_text(text)
    with pytest.raises(DataInvalidError, match=r"training\.json"):
        made(trained)


@pytest.mark.parametrize("name", ["importance.json", "reports/tree.json"])
def test_a_damaged_result_is_named(name: str, trained: Path) -> None:
    (trained / ".fairlead" / "results" / name).write_text("{")
    with pytest.raises(DataInvalidError, match=name):
        made(trained)


def test_the_project_file_comes_back_as_it_was(trained: Path) -> None:
    loaded = load(trained)
    record = last_training(loaded)
    assert record.spec == loaded.spec
    assert set(record.bundles) == {"tree", "line"}


def test_a_candidate_that_failed_is_listed_with_its_reason(tmp_path: Path) -> None:
    root = project(tmp_path / "flats")
    file = root / "fairlead.yaml"
    # Beyond float32, which scikit-learn's trees read.
    (root / "flats.csv").write_text((root / "flats.csv").read_text() + "\n1e300,<1,true,2.5")
    file.write_text(file.read_text().replace("line: {family: linear}", "dummy: {family: dummy}"))
    with np.errstate(over="ignore", invalid="ignore"):
        train(load(root), jobs=1)
    assert "It failed: " in made(root).html()


def test_intervals_are_shown_by_slice(page: str) -> None:
    assert "<h3>Prediction intervals</h3>" in page
    assert "80 % intervals" in page
    assert "Coverage of the intervals of" in page
