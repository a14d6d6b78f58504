"""Reads small tables from files as they are written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from fairlead.adapters.duckdb_connection import connection, duckdb_module
from fairlead.adapters.duckdb_text import text
from fairlead.errors import DataInvalidError

JSON_LINES = (".jsonl", ".ndjson")


def read_table(path: Path) -> dict[str, list[Any]]:
    """The columns of a CSV, Parquet or JSON lines file by its suffix; text stays text.

    Raises:
        DataInvalidError: it cannot be read.
        ExtraMissingError: DuckDB is not installed.
    """
    duckdb = duckdb_module()
    suffix = path.suffix.lower()
    if suffix in JSON_LINES:
        return _json_columns(path)
    readers = {
        ".csv": f"read_csv({text(path)}, all_varchar = true, header = true)",
        ".parquet": f"read_parquet({text(path)})",
    }
    if suffix not in readers:
        expected = ", ".join((*readers, *JSON_LINES))
        raise DataInvalidError(path, f"the suffix {path.suffix!r}", expected)
    try:
        with connection() as database:
            found = database.execute(f"SELECT * FROM {readers[suffix]}")  # noqa: S608
            names = [each[0] for each in found.description or ()]
            rows = found.fetchall()
    except duckdb.Error as error:
        # Its message may quote the file.
        what = f"what DuckDB cannot read ({type(error).__name__})"
        raise DataInvalidError(path, what, f"a {suffix[1:]} file") from None
    return {name: [row[index] for row in rows] for index, name in enumerate(names)}


def _json_columns(path: Path) -> dict[str, list[Any]]:
    rows = []
    for number, line in enumerate(path.read_bytes().splitlines(), start=1):
        try:
            rows.append(msgspec.json.decode(line, type=dict[str, Any]))
        except msgspec.MsgspecError:
            raise DataInvalidError(path, f"line {number}", "an object in JSON") from None
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: [row.get(name) for row in rows] for name in names}
