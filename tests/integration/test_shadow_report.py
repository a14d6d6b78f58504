"""Shadow and champion side by side, from the prediction log."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("duckdb")

from fairlead.adapters.duckdb_log import DuckdbLog
from fairlead.bundle.golden import Scores
from fairlead.data.contract import Contract
from fairlead.monitoring.agreement_figure import agreement_png
from fairlead.monitoring.labels import Label, import_labels
from fairlead.monitoring.records import Window
from fairlead.project.columns import ColumnSpec, TargetSpec
from fairlead.serving.prediction_log import PredictionLog
from fairlead.workflows.shadow_report import ShadowReport, shadow_report

HOUSES = Contract(
    task="regression",
    columns={"age": ColumnSpec(type="number"), "label": ColumnSpec(type="number")},
    target=TargetSpec(name="price"),
)
PETS = Contract(
    task="classification",
    columns={"age": ColumnSpec(type="number")},
    target=TargetSpec(name="pet"),
    classes=("cat", "dog"),
)


def report(folder: Path, model: str, rows: int = 2) -> ShadowReport:
    now = datetime.now(UTC) + timedelta(seconds=1)
    return shadow_report(
        folder,
        model,
        Window(now - timedelta(hours=1), now),
        DuckdbLog(),
        metric="rmse" if model == "houses" else "accuracy",
        is_regression=model == "houses",
        rows=rows,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten pets, of which the shadow takes two for the other; lists of houses, one lost."""
    folder = tmp_path_factory.mktemp("log")
    log = PredictionLog(folder, mask=frozenset({"label"}))
    pets = {version: log.target("pets", version, version, PETS) for version in "12"}
    for number in range(10):
        X = np.array([[float(number)]])
        for version, route, cat in (("1", "champion", 0.9), ("2", "shadow", 0.1 * number)):
            chances = np.array([[cat, 1 - cat]])
            said = np.array(["cat" if cat > 0.75 else "dog"], object)
            log.add(pets[version], f"p{number}", route, X, Scores(said, chances), 0.001, None)
    log.add(pets["1"], "alone", "champion", X, Scores(said, chances), 0.001, None)
    houses = {version: log.target("houses", version, version, HOUSES) for version in "34"}
    X = np.array([[1.0, 5.0], [2.0, 6.0], [3.0, 7.0]])
    for version, route, prices in (
        ("3", "champion", [10.0, 20.0, np.nan]),
        ("4", "shadow", [11.0, 17.0, np.nan]),
    ):
        scores = Scores(np.array(prices))
        log.add(houses[version], "h", route, X, scores, 0.001, range(3))
    log.close()
    return folder


def test_classes_are_compared_as_a_matrix(folder: Path) -> None:
    (agreement,) = report(folder, "pets").agreements
    assert (agreement.primary, agreement.shadow) == ("1", "2")
    assert (agreement.rows, agreement.agreed) == (10, 2)
    assert agreement.confusion == (("cat", "cat", 2), ("cat", "dog", 8))
    assert agreement.of_class("cat") == (10, 2)
    assert agreement.quality is None


def test_the_rows_that_differ_most_come_first_with_their_values(folder: Path) -> None:
    (agreement,) = report(folder, "pets").agreements
    assert [row["id"] for row in agreement.farthest] == ["p0", "p1"]
    first = agreement.farthest[0]
    assert (first["primary"], first["shadow"], first["features"]) == ("cat", "dog", {"age": 0.0})
    assert first["difference"] == pytest.approx(0.9)


def test_numbers_are_compared_by_their_differences_and_masked_values_stay_hidden(
    folder: Path,
) -> None:
    (agreement,) = report(folder, "houses").agreements
    assert (agreement.rows, agreement.agreed) == (3, 1)
    assert agreement.differences is not None
    assert agreement.differences.mean == pytest.approx(-1.0)
    assert agreement.differences.mean_absolute == pytest.approx(2.0)
    assert agreement.differences.quantiles["1"] == 3.0
    first = agreement.farthest[0]
    assert first["id"] == "h-1"
    assert first["features"]["age"] == 2.0
    assert {*first["features"].values()} == {2.0, None}


def test_a_report_is_json_and_a_picture(folder: Path) -> None:
    for model in ("pets", "houses"):
        found = report(folder, model)
        json.dumps(found.to_json())
        assert agreement_png(found.agreements[0]).startswith(b"\x89PNG")


def test_where_nothing_was_logged_there_is_nothing_to_report(tmp_path: Path) -> None:
    assert report(tmp_path, "pets").agreements == ()


def test_a_log_without_a_row_has_nothing_to_report(tmp_path: Path) -> None:
    log = PredictionLog(tmp_path)
    target = log.target("pets", "1", "1", PETS)
    said = Scores(np.array(["cat"], object), np.array([[1.0, 0.0]]))
    log.add(target, "p", "champion", np.ones((1, 1)), said, 0.001, None)
    log.close()
    (segment,) = (tmp_path / "pets" / "1").iterdir()
    for content in (segment.read_text().splitlines()[0] + "\n", ""):
        segment.write_text(content)
        assert report(tmp_path, "pets").agreements == ()


def labelled_log(folder: Path) -> None:
    """Pets that the shadow knows better, with a label for all but one."""
    log = PredictionLog(folder)
    pets = {version: log.target("pets", version, version, PETS) for version in "12"}
    X, chances = np.ones((1, 1)), np.array([[0.5, 0.5]])
    for number in range(60):
        truth = ("cat", "dog")[number % 2]
        for version, route, said in (("1", "champion", "cat"), ("2", "shadow", truth)):
            scores = Scores(np.array([said], object), chances)
            log.add(pets[version], f"p{number}", route, X, scores, 0.001, None)
    log.close()
    labels = [Label(f"p{number}", ("cat", "dog")[number % 2], None) for number in range(59)]
    import_labels(folder, "pets", PETS, labels, source="test", now=datetime.now(UTC))


def test_labelled_rows_tell_which_one_is_better(tmp_path: Path) -> None:
    labelled_log(tmp_path)
    (agreement,) = report(tmp_path, "pets").agreements
    assert agreement.labelled == 59
    assert agreement.quality is not None
    assert agreement.quality.comparison.verdict == "better"
    assert agreement.quality.shadow.value == 1.0
