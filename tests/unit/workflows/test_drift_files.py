"""Two files are compared by what they hold, whatever they hold."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from fairlead.errors import DataInvalidError, DataMissingError
from fairlead.project.spec import DataSpec
from fairlead.workflows.drift_files import drift_of_files

RNG = np.random.default_rng(0)


def table(rows: int = 60, shift: float = 0.0) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "size": RNG.normal(shift, 1, rows),
            "colour": RNG.choice(["red", "blue"], rows),
            "wild": RNG.random(rows) < 0.5,
            "same": [1] * rows,
            "number": list(range(rows)),
            "text": [f"some text {i}" for i in range(rows)],
        }
    )


def save(folder: Path, name: str, frame: pl.DataFrame) -> Path:
    path = folder / name
    frame.write_parquet(path) if name.endswith("parquet") else frame.write_csv(path)
    return path


def test_types_are_read_from_the_reference_and_what_cannot_be_compared_is_told(
    tmp_path: Path,
) -> None:
    both = save(tmp_path, "a.csv", table()), save(tmp_path, "b.csv", table(shift=9))
    found = drift_of_files(*both)
    assert {each.column: each.kind for each in found.report.columns} == {
        "size": "number", "colour": "category", "wild": "category", "same": "number",
    }  # fmt: skip
    assert found.report.drifted == ("size",)
    assert set(found.left_out) == {"number", "text"}
    assert "identifier" in found.left_out["number"]


def test_parquet_and_csv_can_be_compared(tmp_path: Path) -> None:
    days = pl.Series("day", [date(2026, 1, 1 + i % 30) for i in range(60)])
    lists = pl.Series("list", [[1]] * 60)
    frame = table().with_columns(days, lists)
    typed = save(tmp_path, "a.parquet", frame)
    text = save(tmp_path, "b.csv", frame.drop("list"))
    found = drift_of_files(typed, text)
    assert found.report.drifted == ()
    assert {each.column for each in found.report.columns} >= {"day", "size", "colour", "wild"}
    assert "list" in found.left_out


def test_a_category_that_the_reference_has_not_is_unknown(tmp_path: Path) -> None:
    other = table().with_columns(colour=pl.lit("green"))
    found = drift_of_files(save(tmp_path, "a.csv", table()), save(tmp_path, "b.csv", other))
    column = next(each for each in found.report.columns if each.column == "colour")
    assert (column.unknown, column.is_broken, column.is_drifted) == (1.0, True, True)
    assert found.rows().current["colour"].unique().to_list() == ["(not declared)"]


def test_a_value_of_another_type_counts_as_missing_and_is_told(tmp_path: Path) -> None:
    other = table().with_columns(size=pl.Series([*["n.d."] * 30, *["0.5"] * 30]))
    found = drift_of_files(save(tmp_path, "a.csv", table()), save(tmp_path, "b.csv", other))
    column = next(each for each in found.report.columns if each.column == "size")
    assert column.missing == 0.5
    assert found.remarks == ("b.csv: 30 values of size are no number and count as missing",)


def test_a_project_declares_what_is_compared(tmp_path: Path) -> None:
    data = DataSpec.model_validate(
        {
            "path": "a.csv",
            "target": {"name": "wild"},
            "columns": {
                "width": {"type": "number", "header": "size", "max": 3},
                "absent": {"type": "number", "nullable": True},
            },
        }
    )
    both = save(tmp_path, "a.csv", table()), save(tmp_path, "b.csv", table(shift=9))
    found = drift_of_files(*both, data)
    assert [each.column for each in found.report.columns] == ["width"]
    assert found.left_out == {"absent": "is not in the reference"}
    assert found.report.broken == ("width",)


def test_few_rows_are_not_judged(tmp_path: Path) -> None:
    both = save(tmp_path, "a.csv", table()), save(tmp_path, "b.csv", table(19, shift=9))
    assert drift_of_files(*both).report.verdict == "too_few_rows"


def test_files_that_cannot_be_compared_are_refused(tmp_path: Path) -> None:
    a = save(tmp_path, "a.csv", table())
    other = save(tmp_path, "b.csv", pl.DataFrame({"x": [1.5, 2.5]}))
    with pytest.raises(DataInvalidError, match="no column to compare"):
        drift_of_files(a, other)
    with pytest.raises(DataMissingError):
        drift_of_files(tmp_path / "none.csv", a)
