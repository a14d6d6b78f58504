"""Drift over a log that is compacted, and beside Evidently."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner, Result

pytest.importorskip("duckdb")

from fairlead.adapters import evidently_report
from fairlead.adapters.duckdb_log import DuckdbLog
from fairlead.adapters.evidently_report import FOUND, ROWS, _lay_out
from fairlead.bundle.golden import Scores
from fairlead.bundle.manifest import to_json
from fairlead.bundle.sketch import sketch
from fairlead.cli.main import app
from fairlead.data.contract import Contract
from fairlead.errors import ExtraMissingError
from fairlead.monitoring.records import Window
from fairlead.monitoring.sketch_files import SketchFile
from fairlead.project.columns import ColumnSpec, TargetSpec
from fairlead.serving.prediction_log import PredictionLog
from fairlead.serving.prediction_segments import reference_path
from fairlead.workflows.drift import sketches_of
from fairlead.workflows.drift_files import drift_of_files
from fairlead.workflows.prediction_compaction import compact
from fairlead.workflows.sketching import References

ANIMALS = Contract(
    task="classification",
    columns={
        "weight": ColumnSpec(type="number", nullable=True),
        "legs": ColumnSpec(type="integer"),
        "Time": ColumnSpec(type="number"),
        "colour": ColumnSpec(type="category", values=("red", "it's"), unknown="flag"),
        "tame": ColumnSpec(type="boolean", nullable=True),
    },
    target=TargetSpec(name="species"),
    classes=("cat", "dog's"),
)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(each) for each in arguments])


def write(folder: Path, rows: int = 300) -> None:
    rng = np.random.default_rng(3)
    X = np.column_stack(
        [
            rng.normal(size=rows),
            rng.integers(0, 5, rows),
            rng.normal(size=rows),
            rng.integers(-1, 2, rows),
            rng.integers(0, 2, rows),
        ]
    )
    X[::7, 0] = X[::9, 4] = np.nan
    probabilities = rng.dirichlet((1.0, 1.0), rows)
    labels = np.array(ANIMALS.classes, object)[probabilities.argmax(axis=1)]
    log = PredictionLog(folder)
    target = log.target("animals", "3", "c" * 64, ANIMALS)
    for number in range(rows):
        one = slice(number, number + 1)
        scores = Scores(labels[one], probabilities[one])
        route = "shadow" if number % 3 == 0 else "champion"
        log.add(target, f"r{number}", route, X[one].copy(), scores, 0.001)
    log.close()
    told = sketch(ANIMALS, X, probabilities.argmax(axis=1))
    reference_path(target.folder, "c" * 64).write_bytes(to_json(told))


def sketches(folder: Path) -> list[SketchFile]:
    now = datetime.now(UTC)
    window = Window(now - timedelta(hours=1), now + timedelta(seconds=2))
    return sketches_of(folder, "animals", window, References())


def test_compaction_leaves_a_sketch_and_the_rows_give_the_same_one(tmp_path: Path) -> None:
    write(tmp_path)
    assert compact(tmp_path, DuckdbLog()).sketches == 1
    (before,) = sketches(tmp_path)
    (path,) = tmp_path.glob("**/*.sketch")
    path.unlink()
    (after,) = sketches(tmp_path)
    assert {route: each.rows for route, each in after.routes.items()} == {
        "champion": 200, "shadow": 100,
    }  # fmt: skip
    for route, each in before.routes.items():
        assert after.routes[route].grid.layout == each.grid.layout
        assert after.routes[route].totals == pytest.approx(each.totals, rel=1e-12)
        assert (after.routes[route].highs == each.highs).all()


def test_labels_are_not_asked_of_a_reference_that_counts_no_predictions(tmp_path: Path) -> None:
    """As bundles have it that were made before their sketches counted predictions."""
    write(tmp_path)
    (reference,) = tmp_path.glob("*/*/reference-*.json")
    told = json.loads(reference.read_bytes())
    del told["prediction"]
    reference.write_text(json.dumps(told))
    assert compact(tmp_path, DuckdbLog()).sketches == 1
    (path,) = tmp_path.glob("**/*.sketch")
    path.unlink()
    (found,) = sketches(tmp_path)
    assert found.routes["champion"].grid.prediction is None
    assert found.routes["champion"].rows == 200


def test_a_log_without_references_is_compacted_all_the_same(tmp_path: Path) -> None:
    write(tmp_path)
    next(tmp_path.glob("*/*/reference-*.json")).unlink()
    done = compact(tmp_path, DuckdbLog())
    assert (done.rows, done.sketches) == (300, 0)


def test_a_damaged_reference_stops_no_compaction(tmp_path: Path) -> None:
    write(tmp_path)
    next(tmp_path.glob("*/*/reference-*.json")).write_text("{")
    done = compact(tmp_path, DuckdbLog())
    assert (done.rows, done.sketches) == (300, 0)


def test_the_command_tells_drift_of_a_log(tmp_path: Path) -> None:
    write(tmp_path)
    until = f"{datetime.now(UTC) + timedelta(minutes=1):%Y-%m-%dT%H:%M:%S}"
    found = run("drift", "--folder", tmp_path, "--until", until, "--window", "1h", "--json")
    assert found.exit_code == 0, found.output
    told = json.loads(found.stdout)
    assert (told["rows"], told["verdict"]) == (200, "stable")
    assert run("drift", "--folder", tmp_path, "--window", "1x").exit_code == 2


def save(folder: Path, name: str, frame: pl.DataFrame) -> Path:
    path = folder / name
    frame.write_csv(path)
    return path


def pairs(data: Path) -> dict[str, tuple[pl.DataFrame, pl.DataFrame]]:
    """A reference of more than 1,000 rows, and what may have drifted from it."""
    housing = pl.read_csv(data / "housing.csv")
    obesity = pl.read_csv(
        data / "ObesityDataSet_raw_and_data_sinthetic.csv", infer_schema_length=None
    )
    inland, young = pl.col("ocean_proximity") == "INLAND", pl.col("Age") < 20
    return {
        "housing, coast and inland": (housing.filter(~inland), housing.filter(inland)),
        "obesity, from 20 years and below": (obesity.filter(~young), obesity.filter(young)),
    }


def iris() -> tuple[pl.DataFrame, pl.DataFrame]:
    from sklearn.datasets import load_iris

    names = ["sepal_length", "sepal_width", "petal_length", "petal_width"]
    frame = pl.DataFrame(load_iris().data, schema=names)
    return frame[:50], frame[50:100]


def asked(folders: Sequence[Path]) -> list[dict[str, float]]:
    """Column -> value, as Evidently has them; those that it calls drifted by its own rules."""
    code = (
        "from fairlead.adapters.evidently_report import _draw; from pathlib import Path; import sys"
    )
    loop = "[_draw(Path(each)) for each in sys.argv[1:]]"
    command = [sys.executable, "-W", "ignore", "-c", f"{code}\n{loop}", *map(str, folders)]
    subprocess.run(command, check=True, env={**os.environ, "DO_NOT_TRACK": "1"})
    found = []
    for folder in folders:
        told = json.loads((folder / FOUND).read_text())
        own = [each for each in told if "column" in each.get("config", {})]
        found.append(
            {
                each["config"]["column"]: float(each["value"])
                for each in own
                if (
                    each["value"] >= 0.1
                    if "distance" in each["config"]["method"]
                    else each["value"] < 0.05
                )
            }
        )
    return found


@pytest.mark.slow
def test_what_drifts_is_what_evidently_calls_drifted(tmp_path: Path, data_mirror: Path) -> None:
    pytest.importorskip("evidently")
    wanted = {"iris": iris(), **pairs(data_mirror)}
    reports, folders = {}, []
    for name, (reference, current) in wanted.items():
        found = drift_of_files(save(tmp_path, "a.csv", reference), save(tmp_path, "b.csv", current))
        reports[name] = found.report
        folders.append(tmp_path / name)
        folders[-1].mkdir()
        _lay_out(found.rows(), folders[-1], tmp_path / "page.html")
    for name, theirs in zip(reports, asked(folders), strict=True):
        for column in reports[name].columns:
            if column.is_drifted == (column.column in theirs):
                continue
            # They know no chance; and a distance may lie on either side of the threshold.
            by_chance = column.effect <= column.noise
            at_threshold = abs(column.effect - column.threshold) < 0.005
            assert by_chance or at_threshold, (name, column, theirs)
    assert set(reports["iris"].drifted) == set(iris()[0].columns)


@pytest.mark.slow
def test_evidently_draws_its_page(tmp_path: Path) -> None:
    pytest.importorskip("evidently")
    both = [save(tmp_path, f"{name}.csv", frame) for name, frame in zip("ab", iris(), strict=True)]
    found = run("drift", *both, "--html", "--picture", tmp_path / "p.png")
    assert found.exit_code == 3, found.output
    assert (tmp_path / "reports" / "drift-b.html").stat().st_size > 1_000_000
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")


def test_without_evidently_only_the_page_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = [save(tmp_path, f"{name}.csv", frame) for name, frame in zip("ab", iris(), strict=True)]
    monkeypatch.setattr(evidently_report, "find_spec", lambda _: None)
    assert run("drift", *both).exit_code == 3
    refused = run("drift", *both, "--html").exception
    assert isinstance(refused, ExtraMissingError)
    assert "fairlead[evidently]" in str(refused)


def test_what_evidently_cannot_read_is_kept_from_it(tmp_path: Path) -> None:
    frame = pl.DataFrame({"a": [1, None] * 30, "b": [None] * 60, "c": ["x", "y"] * 30})
    full = frame.with_columns(b=pl.lit(2.0))
    found = drift_of_files(save(tmp_path, "a.csv", full), save(tmp_path, "b.csv", frame))
    assert found.report.broken == ("b",)
    _lay_out(found.rows(), tmp_path, tmp_path / "page.html")
    told = json.loads((tmp_path / ROWS).read_text())
    assert told["kinds"] == {"a": "number", "c": "category"}
