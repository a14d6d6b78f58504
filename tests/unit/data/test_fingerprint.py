from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fairlead.data.enforcement import read_dataset
from fairlead.data.fingerprint import fingerprint
from fairlead.data.parsing import ParsedColumn, parse_column
from fairlead.project.columns import ColumnSpec
from fairlead.project.spec import DataSpec

DATA = DataSpec.model_validate(
    {
        "path": "a.csv",
        "target": {"name": "y"},
        "columns": {
            "number": {"type": "number", "nullable": True},
            "whole": {"type": "integer", "nullable": True},
            "flag": {"type": "boolean", "nullable": True},
            "kind": {
                "type": "category",
                "values": ["a", "é"],
                "nullable": True,
                "unknown": "flag",
            },
            "note": {"type": "text", "role": "ignore", "nullable": True},
            "day": {"type": "datetime", "role": "ignore", "nullable": True},
        },
    }
)
WORDS = st.text(alphabet='ab é\u0301",;\n', max_size=4).filter(lambda text: text.strip())
# At the very end of the range polars does not read from a CSV what it wrote there.
FINITE = st.floats(-1e308, 1e308)
ROW = st.tuples(
    st.none() | FINITE,
    st.none() | st.integers(-(2**53), 2**53),
    st.none() | st.booleans(),
    st.none() | st.sampled_from(["a", "é", "e\u0301", "other"]),
    st.none() | WORDS,
    st.none() | st.datetimes(min_value=np.datetime64("1700", "us").item()),
    FINITE,
)
SCHEMA = {
    "number": pl.Float64,
    "whole": pl.Int64,
    "flag": pl.Boolean,
    "kind": pl.String,
    "note": pl.String,
    "day": pl.Datetime("us"),
    "y": pl.Float64,
}


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(ROW, min_size=1, max_size=8))
def test_a_csv_and_a_parquet_file_of_the_same_rows_have_one_fingerprint(
    tmp_path: Path, rows: list[tuple[Any, ...]]
) -> None:
    frame = pl.DataFrame(rows, schema=SCHEMA, orient="row")
    frame.write_parquet(tmp_path / "a.parquet")
    frame.write_csv(tmp_path / "a.csv", datetime_format="%Y-%m-%dT%H:%M:%S%.6f")
    frame.select(reversed(frame.columns)).write_csv(
        tmp_path / "b.csv",
        separator=";",
        quote_style="always",
        line_terminator="\r\n",
        datetime_format="%Y-%m-%dT%H:%M:%S%.6f",
    )
    read = [
        read_dataset(tmp_path / name, "regression", DATA)
        for name in ("a.parquet", "a.csv", "b.csv")
    ]
    assert len({dataset.fingerprint for dataset in read}) == 1
    for dataset in read[1:]:
        np.testing.assert_array_equal(dataset.X, read[0].X)
        np.testing.assert_array_equal(dataset.y, read[0].y)


def column(*values: Any, kind: str = "number") -> dict[str, tuple[str, ParsedColumn]]:
    spec = ColumnSpec(type="number") if kind == "number" else ColumnSpec(type="text", role="ignore")
    return {"x": (kind, parse_column(pl.Series(values, strict=False), spec, typed=True))}


def test_equal_numbers_have_one_fingerprint() -> None:
    other_nan = np.array([0x7FF8000000000001], np.uint64).view(np.float64)[0]
    assert fingerprint(column(0.0, float("nan"))) == fingerprint(column(-0.0, other_nan))
    assert fingerprint(column(0.0, None)) == fingerprint(column(-0.0, float("nan")))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (column(1.0, 2.0), column(2.0, 1.0)),
        (column(1.0), column(1.0, 1.0)),
        (column(1.0), column(np.nextafter(1.0, 2.0))),
        (column("ab", "c", kind="text"), column("a", "bc", kind="text")),
        (column("", "a", kind="text"), column(None, "a", kind="text")),
        (column(0.0), {"z": column(0.0)["x"]}),
        (column(0.0), {"x": ("integer", column(0.0)["x"][1])}),
    ],
)
def test_different_rows_names_or_types_have_different_fingerprints(one: Any, other: Any) -> None:
    assert fingerprint(one) != fingerprint(other)


def test_the_order_of_columns_does_not_matter() -> None:
    one, two = column(1.0)["x"], column("a", kind="text")["x"]
    assert fingerprint({"a": one, "b": two}) == fingerprint({"b": two, "a": one})


def test_the_fingerprint_never_changes() -> None:
    columns = column(1.5, None, -0.0) | {"t": column("é", None, "a", kind="text")["x"]}
    assert (
        fingerprint(columns) == "b0b961e6d39ae962de067d74a377d855d94a22f7570146a8ce9184cf4b9b60a2"
    )


def test_another_process_with_another_hash_seed_gives_the_same_fingerprint() -> None:
    script = (
        "import polars as pl\n"
        "from fairlead.data.fingerprint import fingerprint\n"
        "from fairlead.data.parsing import parse_column\n"
        "from fairlead.project.spec import ColumnSpec\n"
        "spec = ColumnSpec(type='text', role='ignore')\n"
        "texts = pl.Series([str(n % 97) for n in range(1000)])\n"
        "print(fingerprint({'t': ('text', parse_column(texts, spec, typed=False))}))\n"
    )
    prints = {
        subprocess.run(
            [sys.executable, "-c", script],
            check=True,
            capture_output=True,
            text=True,
            env={"PYTHONHASHSEED": seed, "POLARS_MAX_THREADS": threads},
        ).stdout
        for seed, threads in (("1", "1"), ("2", "2"))
    }
    assert len(prints) == 1
