"""Labels find their predictions: late, twice, corrected, from files and from callers."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("duckdb")

import duckdb

from fairlead.adapters.duckdb_log import DuckdbLog
from fairlead.adapters.duckdb_tables import read_table
from fairlead.bundle.golden import Scores
from fairlead.data.contract import Contract
from fairlead.errors import ContractError, DataError, DataInvalidError, DataMissingError
from fairlead.monitoring.labelled import LabelledRows
from fairlead.monitoring.labels import Label, import_labels
from fairlead.monitoring.records import Window
from fairlead.project.columns import ColumnSpec, TargetSpec
from fairlead.serving.label_log import LabelLog
from fairlead.serving.labels import LabelLine, label_files, labels_of
from fairlead.serving.prediction_log import PredictionLog
from fairlead.serving.prediction_retention import retain
from fairlead.workflows.labels import import_file, labelled_rows, seen, status
from fairlead.workflows.prediction_compaction import compact
from fairlead.workflows.prediction_log import ask

NOW = datetime.now(UTC)
ANIMALS = Contract(
    task="classification",
    columns={
        "weight": ColumnSpec(type="number", nullable=True),
        "legs": ColumnSpec(type="integer", nullable=True),
        "colour": ColumnSpec(
            type="category", values=("red", "it's"), unknown="flag", nullable=True
        ),
        "tame": ColumnSpec(type="boolean", nullable=True),
        "born": ColumnSpec(type="datetime", nullable=True),
        "label": ColumnSpec(type="number"),
    },
    target=TargetSpec(name="species"),
    classes=("cat", "dog's"),
)
HOUSES = Contract(
    task="regression",
    columns={"age": ColumnSpec(type="number")},
    target=TargetSpec(name="price", min=0, max=1e6),
)
ROWS = 20
X = np.column_stack(
    [
        np.arange(ROWS) / 7,
        np.arange(ROWS),
        np.resize([0.0, 1.0, -1.0, math.nan], ROWS),
        np.resize([0.0, 1.0], ROWS),
        np.arange(ROWS) * 1e6 + 0.25,
        np.full(ROWS, 4.5),
    ]
)
X[3, :2] = math.nan
P = np.random.default_rng(42).dirichlet((1.0, 1.0), ROWS)
SAID = np.array(ANIMALS.classes, object)[P.argmax(axis=1)]


def write(folder: Path, route: str = "champion", **options: Any) -> None:
    log = PredictionLog(folder, **options)
    target = log.target("animals", "3", "d" * 64, ANIMALS)
    for row in range(ROWS):
        scores = Scores(SAID[[row]], P[[row]])
        log.add(target, f"r{row}", route, X[[row]].copy(), scores, 1e-4)
    log.close()


def say(folder: Path, *labels: tuple[str, str | float], model: str = "animals") -> None:
    log = LabelLog(folder)
    task = "classification" if model == "animals" else "regression"
    for name, label in labels:
        log.add(model, task, [LabelLine(log.times(1), name, label)]).result(10)
    log.close()


def rows_of(folder: Path, window: Window | None = None, **options: Any) -> LabelledRows:
    return labelled_rows(folder, "animals", ANIMALS, window, DuckdbLog(), **options)


def asked(folder: Path, sql: str) -> list[tuple[Any, ...]]:
    return list(ask(folder, sql, DuckdbLog(), "animals").rows)


@pytest.mark.parametrize("compacted", [False, True])
def test_a_labelled_row_is_what_the_model_was_given_and_said(
    tmp_path: Path, *, compacted: bool
) -> None:
    write(tmp_path)
    say(tmp_path, *((f"r{row}", "cat") for row in range(0, ROWS, 2)))
    if compacted:
        compact(tmp_path, DuckdbLog())
    found = rows_of(tmp_path)
    at = [int(name[1:]) for name in found.ids]
    assert sorted(at) == list(range(0, ROWS, 2))
    np.testing.assert_array_equal(found.X, X[at])
    assert found.probabilities is not None
    np.testing.assert_array_equal(found.probabilities, P[at])
    np.testing.assert_array_equal(found.prediction, P[at].argmax(axis=1))
    assert (found.label.tolist(), found.label.dtype) == ([0] * len(at), np.int64)
    assert (found.columns, found.classes, found.absent) == (
        tuple(ANIMALS.columns),
        ANIMALS.classes,
        (),
    )
    assert {*found.versions.tolist(), *found.routes.tolist()} == {"3", "champion"}
    assert found.times.tolist() == sorted(found.times.tolist())
    assert found.labelled_at is not None
    assert (found.labelled_at > found.times).all()


def test_the_last_label_holds_and_each_prediction_has_one(tmp_path: Path) -> None:
    write(tmp_path)
    say(tmp_path, ("r1", "cat"), ("r2", "cat"), ("r1", "cat"), ("nobody", "cat"))
    say(tmp_path, ("r2", "dog's"))
    found = asked(tmp_path, "SELECT prediction_id, label FROM predictions ORDER BY ALL")
    told = status(tmp_path, None, 86_400.0, DuckdbLog())
    assert len(found) == ROWS
    assert {name: label for name, label in found if label} == {"r1": "cat", "r2": "dog's"}
    assert (told.labels, told.duplicated, told.corrected, told.unmatched) == (3, 1, 1, 1)
    assert (told.all.predictions, told.all.labelled, told.all.late) == (ROWS, 2, 0)
    assert [each.version for each in told.versions] == ["3"]


def test_a_feature_called_label_is_not_the_label(tmp_path: Path) -> None:
    write(tmp_path)
    say(tmp_path, ("r1", "cat"))
    sql = "SELECT feature_label, label FROM predictions WHERE prediction_id = 'r1'"
    before = asked(tmp_path, sql)
    compact(tmp_path, DuckdbLog())
    assert before == asked(tmp_path, sql) == [(4.5, "cat")]


def test_files_from_before_labels_are_read_as_they_were_meant(tmp_path: Path) -> None:
    write(tmp_path)
    compact(tmp_path, DuckdbLog())
    for path in tmp_path.glob("animals/3/day=*/*.parquet"):
        old = path.with_suffix(".old")
        path.rename(old)
        renamed = f"FROM read_parquet('{old}') SELECT * RENAME (feature_label AS label)"
        duckdb.sql(f"COPY ({renamed}) TO '{path}' (FORMAT parquet)")
    write(tmp_path)
    say(tmp_path, ("r1", "cat"))
    found = asked(tmp_path, "SELECT DISTINCT feature_label FROM predictions")
    assert found == [(4.5,)]
    assert len(rows_of(tmp_path)) == 1


def test_the_shadow_is_left_out_unless_it_is_asked_for(tmp_path: Path) -> None:
    write(tmp_path)
    write(tmp_path, "shadow")
    say(tmp_path, ("r1", "cat"))
    for shadow, route in ((False, "champion"), (True, "shadow")):
        assert rows_of(tmp_path, shadow=shadow).routes.tolist() == [route]


def test_an_id_that_was_given_twice_counts_once(tmp_path: Path) -> None:
    write(tmp_path)
    write(tmp_path)
    say(tmp_path, ("r1", "cat"))
    assert rows_of(tmp_path).ids.tolist() == ["r1"]


def test_columns_that_were_not_logged_are_named(tmp_path: Path) -> None:
    write(tmp_path, mask=frozenset({"legs"}), omit=frozenset({"weight"}))
    say(tmp_path, *((f"r{row}", "cat") for row in range(ROWS)))
    found = rows_of(tmp_path)
    assert found.absent == ("weight", "legs")
    assert np.isnan(found.X[:, :2]).all()


def test_a_window_is_of_predictions_and_without_its_end(tmp_path: Path) -> None:
    write(tmp_path)
    say(tmp_path, ("r1", "cat"))
    (at,) = rows_of(tmp_path).times.tolist()
    moment = datetime.fromtimestamp(0, UTC) + timedelta(microseconds=at)
    later = moment + timedelta(seconds=9)
    assert len(rows_of(tmp_path, Window(moment, later))) == 1
    assert len(rows_of(tmp_path, Window(moment - timedelta(seconds=9), moment))) == 0


def test_nothing_logged_is_no_rows(tmp_path: Path) -> None:
    say(tmp_path, ("r1", "cat"))
    assert len(rows_of(tmp_path)) == 0
    assert seen(tmp_path, "animals", ANIMALS, None, DuckdbLog()) == ()


def test_all_predictions_are_summed_up(tmp_path: Path) -> None:
    write(tmp_path)
    write(tmp_path, "shadow")
    say(tmp_path, ("r1", "cat"))
    (found,) = seen(tmp_path, "animals", ANIMALS, None, DuckdbLog())
    code = P.argmax(axis=1)
    expected = np.array([P[code == each].sum(axis=0) for each in range(2)])
    assert (found.rows, found.labelled, found.route) == (ROWS, 1, "champion")
    assert found.confusion is not None
    np.testing.assert_allclose(found.confusion, expected)
    np.testing.assert_allclose(found.log_loss, -(P * np.log(P)).sum())
    np.testing.assert_allclose(found.brier, (P[:, 1] * (1 - P[:, 1])).sum())


def test_numbers_are_joined_bit_for_bit_and_counted_by_bins(tmp_path: Path) -> None:
    log = PredictionLog(tmp_path)
    target = log.target("houses", "1", "d" * 64, HOUSES)
    predicted = np.array([0.1, 0.2, 0.3]) * 3
    log.add(target, "q", "champion", np.ones((3, 1)), Scores(predicted), 1e-4, range(3))
    log.close()
    truth = [0.1 + 0.2, 1e-300, 7.0]
    say(tmp_path, *((f"q-{row}", value) for row, value in enumerate(truth)), model="houses")
    found = labelled_rows(tmp_path, "houses", HOUSES, None, DuckdbLog())
    sums = seen(tmp_path, "houses", HOUSES, None, DuckdbLog(), np.array([0.5, 0.8]))
    assert found.label.tolist() == truth
    assert found.prediction.tolist() == predicted.tolist()
    assert found.probabilities is None
    assert sums[0].bins is not None
    assert sums[0].bins.tolist() == [1, 1, 1]


def brought(path: Path, folder: Path, **options: Any) -> Any:
    more = {"source": "import", "now": NOW, **options}
    return import_file(path, folder, "animals", ANIMALS, read_table, **more)


def csv_of(path: Path, rows: Sequence[str], head: str = "prediction_id,label,time") -> Path:
    path.write_text("\n".join([head, *rows]) + "\n")
    return path


def test_a_file_is_imported_once_in_whatever_form(tmp_path: Path) -> None:
    write(tmp_path)
    rows = ["r1,cat,2026-11-24T12:00:00Z", "r2,dog's,"]
    table = csv_of(tmp_path / "a.csv", rows)
    lines = tmp_path / "a.jsonl"
    records = [
        {"prediction_id": "r1", "label": "cat", "time": "2026-11-24T12:00:00Z"},
        {"prediction_id": "r2", "label": "dog's"},
    ]
    lines.write_text("".join(f"{json.dumps(each)}\n" for each in records))
    parquet = tmp_path / "a.parquet"
    typed = "SELECT prediction_id, label, time::TIMESTAMP AS time"
    duckdb.sql(f"COPY ({typed} FROM read_csv('{table}')) TO '{parquet}' (FORMAT parquet)")
    tried = brought(table, tmp_path, dry_run=True)
    assert (tried.is_new, tried.is_written, label_files(tmp_path)) == (True, False, [])
    assert [brought(path, tmp_path).is_written for path in (table, lines, parquet)] == [
        True,
        False,
        False,
    ]
    assert len(label_files(tmp_path)) == 1
    found = rows_of(tmp_path)
    assert dict(zip(found.ids.tolist(), found.label.tolist(), strict=True)) == {"r1": 0, "r2": 1}
    assert found.labelled_at is not None
    assert 1_795_521_600_000_000 in found.labelled_at.tolist()


@pytest.mark.parametrize(
    ("rows", "head", "told"),
    [
        (["r1,cat", "r2,cow", "r3,"], "prediction_id,label", ["row 2;", "row 3;"]),
        (["r1,cat", ",cat"], "prediction_id,label", ["prediction_id", "row 2;"]),
        (["r1,cat,noon"], "prediction_id,label,time", ["column time", "row 1;"]),
        (["r1,cat,1"], "prediction_id,label,weight", ["weight"]),
        (["r1"], "prediction_id", ["label"]),
        ([], "prediction_id,label", ["no rows"]),
    ],
)
def test_a_file_with_a_bad_row_is_told_and_none_of_it_is_kept(
    tmp_path: Path, rows: list[str], head: str, told: list[str]
) -> None:
    with pytest.raises(DataError) as caught:
        brought(csv_of(tmp_path / "a.csv", rows, head), tmp_path)
    assert all(part in str(caught.value) for part in told), str(caught.value)
    assert "cow" not in str(caught.value)
    assert not (tmp_path / "animals").exists()


def test_a_number_out_of_range_is_refused(tmp_path: Path) -> None:
    path = csv_of(tmp_path / "a.csv", ["q,5", "r,-1", "s,many"], "prediction_id,label")
    with pytest.raises(ContractError) as caught:
        import_file(path, tmp_path, "houses", HOUSES, read_table, source="import", now=NOW)
    told = [(each.rule, each.rows) for each in caught.value.violations]
    assert told == [("a finite number", (3,)), (">= 0", (2,))]


def test_files_that_are_none_are_told(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_text("none")
    (tmp_path / "a.xls").write_text("none")
    for name, error in (
        ("a.parquet", DataInvalidError),
        ("a.xls", DataInvalidError),
        ("b.csv", DataMissingError),
    ):
        with pytest.raises(error):
            brought(tmp_path / name, tmp_path)


def test_no_label_goes_before_its_prediction(tmp_path: Path) -> None:
    write(tmp_path)
    say(tmp_path, ("r1", "cat"))
    import_labels(
        tmp_path, "animals", ANIMALS, [Label("r2", "cat", None)], source="import", now=NOW
    )
    assert retain(tmp_path, 7, NOW + timedelta(days=8, hours=1)).files == 1
    assert len(label_files(tmp_path)) == 2
    left = labels_of(tmp_path, "animals") / "imported" / ".killed.part"
    left.touch()
    assert retain(tmp_path, 7, NOW + timedelta(days=9, hours=1)).files == 3
    assert label_files(tmp_path) == []


def test_labels_lie_below_their_model(tmp_path: Path) -> None:
    say(tmp_path, ("r1", "cat"))
    (path,) = label_files(tmp_path)
    assert path.parent == labels_of(tmp_path, "animals") / "feedback"
