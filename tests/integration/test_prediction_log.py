"""Logged predictions in DuckDB: each one once, as the caller knows it, whatever happens."""

from __future__ import annotations

import csv
import io
import json
import logging
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from typer.testing import CliRunner, Result

pytest.importorskip("duckdb")

from fairlead.adapters.duckdb_log import DuckdbLog, feature_names
from fairlead.bundle.golden import Scores
from fairlead.cli.log import log as commands
from fairlead.data.contract import Contract
from fairlead.errors import LogQueryError, StorageError
from fairlead.project.columns import ColumnSpec, TargetSpec
from fairlead.serving.compaction import Compaction
from fairlead.serving.prediction_log import PredictionLog
from fairlead.serving.prediction_segments import Column, Header, segments
from fairlead.workflows.prediction_compaction import compact
from fairlead.workflows.prediction_log import Converted, ask
from fairlead.workflows.prediction_tail import LogReader

ANIMALS = Contract(
    task="classification",
    columns={
        "weight": ColumnSpec(type="number", nullable=True),
        "legs": ColumnSpec(type="integer", nullable=True),
        "colour": ColumnSpec(type="category", values=("red", "it's", 'a "b"'), unknown="flag"),
        "tame": ColumnSpec(type="boolean", nullable=True),
        "born": ColumnSpec(type="datetime", nullable=True),
    },
    target=TargetSpec(name="species"),
    classes=("cat", "dog's"),
)
HOUSES = Contract(
    task="regression",
    columns={"age": ColumnSpec(type="number"), "rooms": ColumnSpec(type="integer")},
    target=TargetSpec(name="price"),
)


def animals(rows: int, seed: int = 42) -> tuple[NDArray[np.float64], Scores]:
    """Rows of every type, some values missing, some categories unknown."""
    rng = np.random.default_rng(seed)
    born = np.round(rng.uniform(-1e9, 4e9, rows), 6)
    X = np.column_stack(
        [
            rng.normal(size=rows) * 10.0 ** rng.integers(-300, 300, rows),
            rng.integers(-(2**53), 2**53, rows),
            rng.integers(-1, 3, rows),
            rng.integers(0, 2, rows),
            born,
        ]
    )
    for column in (0, 1, 3, 4):
        X[rng.random(rows) < 0.1, column] = math.nan
    probabilities = rng.dirichlet((1.0, 1.0), rows)
    labels = np.array(ANIMALS.classes, object)[probabilities.argmax(axis=1)]
    return X, Scores(labels, probabilities)


def write(
    folder: Path,
    requests: int = 20,
    rows: int = 1,
    label: str = "3",
    name: str = "r",
    numbers: Sequence[int] | None = None,
) -> None:
    """A finished segment with animals."""
    log = PredictionLog(folder)
    target = log.target("animals", label, "abc", ANIMALS)
    for number in range(requests):
        scored = animals(rows, number)
        log.add(target, f"{name}{number}", "champion", *scored, 0.00012, numbers)
    log.close()


def write_houses(folder: Path, contract: Contract = HOUSES, label: str = "1") -> None:
    log = PredictionLog(folder)
    target = log.target("houses", label, "abc", contract)
    X = np.array([[1.5, 3.0]] if contract is HOUSES else [[1.0]])
    log.add(target, f"h{label}", "champion", X, Scores(np.array([1 / 3])), 0.1)
    log.close()


def asked(folder: Path, sql: str, model: str | None = None) -> list[tuple[Any, ...]]:
    return list(ask(folder, sql, DuckdbLog(), model).rows)


def ids(folder: Path) -> list[str]:
    return [row[0] for row in asked(folder, "SELECT prediction_id FROM predictions ORDER BY 1")]


def expected_ids(requests: int) -> list[str]:
    return sorted(f"r{number}" for number in range(requests))


def documents(folder: Path) -> list[dict[str, Any]]:
    """All predictions as the view has them, in the shape of `LogReader`."""
    found = ask(folder, "SELECT * FROM predictions ORDER BY time, prediction_id", DuckdbLog())
    rows = [dict(zip(found.columns, row, strict=True)) for row in found.rows]
    for row in rows:
        assert (row.pop("label"), row.pop("labelled_at")) == (None, None)
        row["features"] = {name: row.pop(name) for name in ANIMALS.columns}
        if row["features"]["born"] is not None:
            row["features"]["born"] = row["features"]["born"].isoformat() + "+00:00"
        row["time"] = row["time"].isoformat() + "+00:00"
    return rows


def tailed(folder: Path) -> list[dict[str, Any]]:
    logged = sorted(LogReader(folder).last(10**6), key=lambda each: (each.time, each.prediction_id))
    fields = [
        {name: getattr(each, name) for name in each.__struct_fields__}  # bit for bit
        for each in logged
    ]
    return [{**each, "time": each["time"].isoformat()} for each in fields]


@pytest.mark.parametrize(
    ("rows", "numbers"), [(1, None), (1, range(1)), (7, range(7)), (3, [0, 2, 9])]
)
def test_database_and_tail_read_the_same_before_and_after_compaction(
    tmp_path: Path, rows: int, numbers: Sequence[int] | None
) -> None:
    write(tmp_path, 200, rows, numbers=numbers)
    plain = tailed(tmp_path)
    before = documents(tmp_path)
    done = compact(tmp_path, DuckdbLog())
    assert len(plain) == 200 * rows
    assert before == plain
    assert documents(tmp_path) == plain
    assert (done.segments, done.rows, done.damaged_lines) == (1, 200 * rows, 0)
    assert segments(tmp_path) == []


def test_a_prediction_has_an_id_of_its_own(tmp_path: Path) -> None:
    write(tmp_path, 1, 3, numbers=range(3))
    write(tmp_path, 1, 1, name="s")
    write(tmp_path, 1, 1, name="t", numbers=range(1))
    write(tmp_path, 1, 2, name="u", numbers=[4, 11])
    expected = ["r0-0", "r0-1", "r0-2", "s0", "t0-0", "u0-11", "u0-4"]
    before = ids(tmp_path)
    compact(tmp_path, DuckdbLog())
    assert (before, ids(tmp_path)) == (expected, expected)


def test_what_is_being_written_is_asked_but_not_compacted(tmp_path: Path) -> None:
    log = PredictionLog(tmp_path)
    target = log.target("animals", "3", "abc", ANIMALS)
    log.add(target, "r0", "champion", *animals(1), 0.1)
    log.flush()
    while not log.written_rows:
        pass
    done = compact(tmp_path, DuckdbLog())
    found = ids(tmp_path)
    log.add(target, "r1", "champion", *animals(1), 0.1)
    log.close()
    compact(tmp_path, DuckdbLog())
    assert (done.segments, found, ids(tmp_path)) == (0, ["r0"], ["r0", "r1"])


def test_a_cut_last_line_is_no_damage(tmp_path: Path) -> None:
    write(tmp_path, 5)
    path = segments(tmp_path)[0].path
    path.write_bytes(path.read_bytes()[:-30])
    before = ids(tmp_path)
    done = compact(tmp_path, DuckdbLog())
    assert (before, ids(tmp_path)) == (expected_ids(4), expected_ids(4))
    assert (done.damaged_lines, os.listdir(path.parent)[0][:4]) == (0, "day=")  # noqa: PTH208


def test_damage_is_counted_and_its_segment_is_kept(tmp_path: Path) -> None:
    write(tmp_path, 5)
    path = segments(tmp_path)[0].path
    head, *lines = path.read_bytes().splitlines(keepends=True)
    bad = [b'{"t": 1, "id\xff\n', b"\0\0\0\n", b"[1, 2]\n"]
    path.write_bytes(head + b"".join([lines[0], *bad, *lines[1:]]))
    done = compact(tmp_path, DuckdbLog())
    assert (done.rows, done.damaged_lines, ids(tmp_path)) == (5, 3, expected_ids(5))
    assert [each.suffix for each in path.parent.iterdir() if each.is_file()] == [".damaged"]
    assert compact(tmp_path, DuckdbLog()).segments == 0


@pytest.mark.parametrize(
    ("content", "damaged"), [(b"", 0), (b'{"format":1', 1), (b"nothing\n", 1), (b"\0\0", 1)]
)
def test_a_segment_without_its_first_line_does_not_stop_the_others(
    tmp_path: Path, content: bytes, damaged: int
) -> None:
    write(tmp_path, 5)
    bad = segments(tmp_path)[0].path.with_name("20261124T120000-1-a.open.jsonl")
    bad.write_bytes(content)
    before = ids(tmp_path)
    done = compact(tmp_path, DuckdbLog())
    assert (before, ids(tmp_path)) == (expected_ids(5), expected_ids(5))
    assert (done.damaged_lines, bad.with_suffix("").with_suffix(".damaged").exists()) == (
        damaged,
        damaged == 1,
    )


def test_a_later_format_is_told_and_left_alone(tmp_path: Path) -> None:
    write(tmp_path, 1)
    path = segments(tmp_path)[0].path
    path.write_bytes(path.read_bytes().replace(b'{"format":1', b'{"format":2'))
    with pytest.raises(LogQueryError, match="format 2"):
        compact(tmp_path, DuckdbLog())
    assert path.exists()


class Stops(DuckdbLog):
    """Ends like a killed process, when the Parquet file is written but has no name yet."""

    def to_parquet(self, segment: Path, header: Header, path: Path) -> Converted:
        super().to_parquet(segment, header, path)
        raise KeyboardInterrupt


def test_nothing_is_lost_by_a_compaction_that_ends_before_the_renaming(tmp_path: Path) -> None:
    write(tmp_path, 5)
    with pytest.raises(KeyboardInterrupt):
        compact(tmp_path, Stops())
    before = ids(tmp_path)
    compact(tmp_path, DuckdbLog())
    assert (before, ids(tmp_path)) == (expected_ids(5), expected_ids(5))
    assert list(tmp_path.rglob("*.part")) == []


def test_nothing_is_doubled_by_a_compaction_that_ends_before_the_deletion(tmp_path: Path) -> None:
    write(tmp_path, 5)
    path = segments(tmp_path)[0].path
    content = path.read_bytes()
    compact(tmp_path, DuckdbLog())
    path.write_bytes(content)
    before = ids(tmp_path)
    compact(tmp_path, DuckdbLog())
    assert (before, ids(tmp_path)) == (expected_ids(5), expected_ids(5))


def test_a_parquet_file_that_cannot_be_written_leaves_the_segment(tmp_path: Path) -> None:
    write(tmp_path, 5)
    segment = segments(tmp_path)[0]
    (segment.parquet.parent / f".{segment.stem}.part").mkdir(parents=True)
    with pytest.raises(StorageError):
        compact(tmp_path, DuckdbLog())
    assert ids(tmp_path) == expected_ids(5)


COMPACT = """
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from fairlead.adapters.duckdb_log import DuckdbLog
from fairlead.workflows.prediction_compaction import compact

print("begins", flush=True)
compact(Path(sys.argv[1]), DuckdbLog())
"""


def compaction(folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", COMPACT, str(folder)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )


@pytest.mark.slow
def test_killed_and_simultaneous_compactions_keep_each_prediction_once(tmp_path: Path) -> None:
    for number in range(40):
        write(tmp_path, 50, label=str(number % 3), name=f"r{number}-")
    all_of_them = sorted(f"r{number}-{row}" for number in range(40) for row in range(50))
    for number in range(8):
        process = compaction(tmp_path)
        assert process.stdout is not None
        process.stdout.readline()
        assert ids(tmp_path) == all_of_them
        if number < 5:
            process.send_signal(signal.SIGKILL)
        process.communicate(timeout=60)
    two = [compaction(tmp_path), compaction(tmp_path)]
    found = [ids(tmp_path) for _ in range(5)]
    ends = [process.communicate(timeout=60) and process.returncode for process in two]
    assert ends == [0, 0]
    assert [each == all_of_them for each in found] == [True] * 5
    assert (ids(tmp_path), segments(tmp_path)) == (all_of_them, [])


def test_versions_with_other_columns_are_asked_together(tmp_path: Path) -> None:
    write_houses(tmp_path)
    compact(tmp_path, DuckdbLog())
    other = Contract(
        "regression",
        {"age": ColumnSpec(type="category", values=("old", "new"))},
        TargetSpec(name="price"),
    )
    write_houses(tmp_path, other, "2")
    sql = "SELECT version, age, rooms, prediction FROM predictions ORDER BY version"
    mixed = asked(tmp_path, sql)
    compact(tmp_path, DuckdbLog())
    assert mixed == asked(tmp_path, sql) == [("1", "1.5", 3, 1 / 3), ("2", "new", None, 1 / 3)]


def test_features_with_the_names_of_other_columns_get_new_names(tmp_path: Path) -> None:
    names = ("time", "Route", "age", "AGE", "feature_age", 'a "b" c', "r", "select")
    spec = ColumnSpec(type="number")
    contract = Contract("regression", dict.fromkeys(names, spec), TargetSpec(name="price"))
    log = PredictionLog(tmp_path)
    X = np.arange(8.0)[None]
    log.add(log.target("m", "1", "abc", contract), "a", "x", X, Scores(np.ones(1)), 0.1)
    log.close()
    view = feature_names([Column(name, "number") for name in names])
    assert view == [
        "feature_time", "feature_Route", "age", "feature_AGE", "feature_feature_age",
        'a "b" c', "r", "select",
    ]  # fmt: skip
    listed = ", ".join('"' + name.replace('"', '""') + '"' for name in view)
    sql = f"SELECT {listed} FROM predictions"  # noqa: S608
    before = asked(tmp_path, sql)
    compact(tmp_path, DuckdbLog())
    after = asked(tmp_path, sql)
    assert before == after == [tuple(range(8))]


def test_several_models_need_a_name(tmp_path: Path) -> None:
    write(tmp_path, 2)
    write_houses(tmp_path)
    with pytest.raises(LogQueryError, match="predictions of animals, houses"):
        asked(tmp_path, "SELECT 1")
    assert asked(tmp_path, "SELECT count(*) FROM predictions", "animals") == [(2,)]


def test_an_unknown_model_is_told_with_the_known_ones(tmp_path: Path) -> None:
    write_houses(tmp_path)
    with pytest.raises(LogQueryError, match="predictions of houses, none of plants"):
        asked(tmp_path, "SELECT 1", "plants")


def test_an_empty_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "src" / "x").mkdir(parents=True)
    with pytest.raises(LogQueryError, match="no predictions in"):
        asked(tmp_path, "SELECT 1")


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("SELECT nothing FROM predictions", '(?s)"nothing" not found.*LINE 1.*\\^'),
        ("SELEC 1", r"(?s)syntax error at or near \"SELEC\".*LINE 1"),
        ("", "no statement"),
        ("SELECT 1; SELECT 2", "SELECT, SELECT"),
        ("DROP VIEW predictions", "DROP"),
        ("COPY (SELECT 1) TO '{path}'", "COPY"),
        ("SET enable_external_access = true", "SET"),
        ("ATTACH '{path}'", "ATTACH"),
        ("INSTALL httpfs", "LOAD"),
        ("WITH a AS (INSERT INTO predictions VALUES (1)) SELECT 1", "."),
        ("SELECT * FROM read_text('/etc/hostname')", "disabled"),
        ("SELECT * FROM glob('/*')", "disabled"),
        ("SELECT * FROM '{path}'", "."),
    ],
)
def test_a_query_reads_the_log_alone_and_writes_nothing(
    tmp_path: Path, sql: str, told: str
) -> None:
    write_houses(tmp_path / "log")
    secret = tmp_path / "secret.csv"
    secret.write_text("a\n1\n")
    with pytest.raises(LogQueryError, match=told):
        asked(tmp_path / "log", sql.replace("{path}", str(secret)))
    assert secret.read_text() == "a\n1\n"


def run(*arguments: str | Path, code: int = 0) -> Result:
    result = CliRunner().invoke(commands, [str(each) for each in arguments])
    assert result.exit_code == code, result.output
    return result


def test_a_query_is_shown_as_a_table_json_or_csv(tmp_path: Path) -> None:
    write_houses(tmp_path)
    sql = "SELECT prediction_id, age, unknown, prediction, NULL AS none FROM predictions"
    shown = run("query", sql, "--folder", tmp_path).stdout
    document = json.loads(run("query", sql, "--folder", tmp_path, "--json").stdout)
    rows = list(csv.reader(io.StringIO(run("query", sql, "--folder", tmp_path, "--csv").stdout)))
    assert ["h1" in shown, "0.333333" in shown, "–" in shown] == [True] * 3
    assert document == [
        {"prediction_id": "h1", "age": 1.5, "unknown": [], "prediction": 1 / 3, "none": None}
    ]
    assert rows == [
        ["prediction_id", "age", "unknown", "prediction", "none"],
        ["h1", "1.5", "[]", repr(1 / 3), ""],
    ]


def test_json_has_every_type_and_all_rows(tmp_path: Path) -> None:
    write(tmp_path, 3000)
    compact(tmp_path, DuckdbLog())
    rows = json.loads(run("query", "FROM predictions", "--folder", tmp_path, "--json").stdout)
    odd = run(
        "query", "SELECT 1::DECIMAL(9,2) AS a, 'NaN'::DOUBLE AS b, INTERVAL 1 DAY AS c,"
        " DATE '2026-01-01' AS d, 'x'::BLOB AS e", "--folder", tmp_path, "--json",
    )  # fmt: skip
    nothing = run("query", "FROM predictions LIMIT 0", "--folder", tmp_path, "--json").stdout
    assert len(rows) == 3000
    assert set(rows[0]["probabilities"]) == {"cat", "dog's"}
    assert [*json.loads(odd.stdout)[0].values()][:2] == [1.0, None]
    assert json.loads(nothing) == []


def test_a_long_answer_is_cut_on_the_screen_only(tmp_path: Path) -> None:
    write(tmp_path, 300)
    result = run("query", "SELECT prediction_id FROM predictions", "--folder", tmp_path)
    lines = run("query", "SELECT 1 FROM predictions", "--folder", tmp_path, "--csv").stdout
    assert "first 200 rows" in result.stderr
    assert lines.count("\n") == 301


def test_the_log_of_a_project_lies_beside_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FAIRLEAD_PREDICTION_LOG", raising=False)
    write_houses(tmp_path / ".fairlead" / "predictions")
    sql = "SELECT count(*) AS n FROM predictions"
    by_folder = run("query", sql, "-p", tmp_path, "--csv").stdout
    by_file = run("query", sql, "-p", tmp_path / "fairlead.yaml", "--csv").stdout
    assert by_folder == by_file == "n\n1\n"


def test_the_tail_has_a_line_for_each_prediction(tmp_path: Path) -> None:
    write(tmp_path, 9)
    lines = run("tail", "--folder", tmp_path, "-n", "3").stdout.splitlines()
    documents = run("tail", "--folder", tmp_path, "-n", "3", "--json").stdout.splitlines()
    assert [line.split()[2:5] for line in lines] == [
        ["animals@3", "champion", f"r{number}"] for number in (6, 7, 8)
    ]
    assert [json.loads(line)["prediction_id"] for line in documents] == ["r6", "r7", "r8"]


def test_compaction_tells_what_it_did(tmp_path: Path) -> None:
    write(tmp_path, 5)
    first = run("compact", "--folder", tmp_path).stdout
    second = run("compact", "--folder", tmp_path, "--json").stdout
    assert "1 segments compacted, with 5 predictions" in first
    assert json.loads(second) == {
        "segments": 0, "rows": 0, "damaged_lines": 0, "sketches": 0, "deleted_files": 0,
        "undeleted_files": 0,
    }  # fmt: skip


def test_what_is_too_old_is_deleted_and_not_compacted_first(tmp_path: Path) -> None:
    write(tmp_path, 5)
    path = segments(tmp_path)[0].path
    path.rename(path.with_name("20200101T000000-1-a.jsonl"))
    told = json.loads(run("compact", "--folder", tmp_path, "--days", "1", "--json").stdout)
    assert (told["segments"], told["deleted_files"]) == (0, 1)


def test_a_service_has_its_log_compacted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    write(tmp_path, 5)
    compaction = Compaction(tmp_path, first_s=0)
    compaction.start()
    until = time.monotonic() + 60
    while not caplog.records:
        assert time.monotonic() < until
        time.sleep(0.05)
    compaction.stop()
    assert (vars(caplog.records[0])["rows"], compaction.troubles()) == (5, ())
    assert (ids(tmp_path), segments(tmp_path)) == (expected_ids(5), [])
