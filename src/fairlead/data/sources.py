"""Reads data files as they stand: a CSV as text, a Parquet file with its own types."""

from __future__ import annotations

import codecs
import csv
import difflib
import gzip
import io
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from fairlead.errors import DataInvalidError, DataMissingError

SEPARATORS = (",", ";", "\t", "|")
CSV_ENDINGS = (".csv", ".csv.gz", ".tsv", ".tsv.gz")
PARQUET_ENDINGS = (".parquet", ".pq")
SHOWN_NAMES = 12


@dataclass(frozen=True)
class Table:
    """The columns of a file that were asked for, all rows.

    Attributes:
        frame: one column per name, in the order asked for.
        typed: whether the file has types of its own; if not, all columns are text.
        others: names in the file that were not asked for.
    """

    frame: pl.DataFrame
    typed: bool
    others: tuple[str, ...]


def read_table(
    path: Path, names: Sequence[str], *, rest: bool = False, hint: str = "put it there"
) -> Table:
    """Read columns of a CSV or Parquet file.

    A CSV is UTF-8, separated by comma, semicolon, tab or |, quoted with ", and may be compressed
    (`.csv.gz`). Blank lines are skipped.

    Args:
        path: the file.
        names: the columns to read.
        rest: whether to read the others too, behind them, as far as they have names of their own.
        hint: what to do if there is no such file.

    Raises:
        DataMissingError: there is no such file.
        DataInvalidError: it is no such table, or lacks a column.
    """
    if not path.exists():
        raise DataMissingError(path, hint)
    try:
        if path.name.lower().endswith(PARQUET_ENDINGS):
            return _read_parquet(path, names, rest)
        if path.name.lower().endswith(CSV_ENDINGS):
            return _read_csv(path, names, rest)
    except OSError as error:
        raise DataInvalidError(path, error.strerror or str(error), "a file to read") from error
    expected = f"one that ends in {', '.join((*CSV_ENDINGS, *PARQUET_ENDINGS))}"
    raise DataInvalidError(path, f"a file named {path.name}", expected)


def _read_parquet(path: Path, names: Sequence[str], rest: bool) -> Table:
    try:
        with path.open("rb") as file:
            header = list(pl.read_parquet_schema(file))
            others = _others(path, header, names)
            if rest:
                names, others = _with_rest(header, names)
            file.seek(0)
            frame = pl.read_parquet(file, columns=list(names))
    except pl.exceptions.PolarsError as error:
        raise DataInvalidError(path, f"a damaged file ({error})", "a Parquet file") from error
    if not frame.height:
        raise DataInvalidError(path, "columns without a row", "at least one row")
    return Table(frame.select(names), typed=True, others=others)


def _read_csv(path: Path, names: Sequence[str], rest: bool) -> Table:
    content = _content(path)
    if not content.strip():
        raise DataInvalidError(path, "an empty file", "a header and rows")
    try:
        separator, header = _header(content, names)
        others = _others(path, header, names, " separated by comma, semicolon, tab or |")
        if rest:
            names, others = _with_rest(header, names)
        frame = _plain_rows(content, separator, len(header))
        if frame is None:
            frame = _any_rows(path, content, separator, len(header))
    except UnicodeDecodeError as error:
        line = _undecoded_line(content)
        found = f"bytes that are not UTF-8 in line {line}"
        raise DataInvalidError(path, found, "a text in UTF-8") from error
    except csv.Error as error:
        found = f"text that is no CSV ({error})"
        raise DataInvalidError(
            path, found, 'fields quoted with ", and " doubled in them'
        ) from error
    if not frame.height:
        raise DataInvalidError(path, "a header and no rows", "at least one row")
    picked = [frame[:, header.index(name)].alias(name) for name in names]
    return Table(pl.DataFrame(picked), typed=False, others=others)


def _content(path: Path) -> bytes:
    """The bytes of a CSV without compression, byte order mark and lines at its ends."""
    content = path.read_bytes()
    if path.name.lower().endswith(".gz"):
        try:
            content = gzip.decompress(content)
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            found = f"a file that cannot be decompressed ({error})"
            raise DataInvalidError(path, found, "gzip") from error
    return content.removeprefix(codecs.BOM_UTF8).strip(b"\r\n") + b"\n"


def _undecoded_line(content: bytes) -> int:
    for number, line in enumerate(content.split(b"\n"), start=1):
        try:
            line.decode()
        except UnicodeDecodeError:
            return number
    return 0


def _header(content: bytes, names: Sequence[str]) -> tuple[str, list[str]]:
    """The separator under which the header names most of the columns, and that header.

    Where several do, it is the one that makes most of the header.
    """
    wanted = set(names)
    headers = {
        separator: [name.strip() for name in next(_records(content, separator, strict=False))]
        for separator in SEPARATORS
    }
    best = max(
        SEPARATORS,
        key=lambda separator: (len(wanted & set(headers[separator])), len(headers[separator])),
    )
    return best, headers[best]


def _records(content: bytes, separator: str, *, strict: bool) -> Iterator[list[str]]:
    text = io.TextIOWrapper(io.BytesIO(content), encoding="utf-8", newline="")
    return csv.reader(text, delimiter=separator, strict=strict)


def _others(
    path: Path, header: Sequence[str], names: Iterable[str], how: str = ""
) -> tuple[str, ...]:
    """What a header has beside the names asked for, each of which it must have once."""
    times = Counter(header)
    absent = [name for name in names if name not in times]
    if absent:
        asked = set(names)
        others = [name for name in header if name not in asked]
        lacking = ", ".join(name + _meant(name, others) for name in absent)
        found = f"no column {lacking} in the header {_listed(header)}"
        raise DataInvalidError(path, found, f"every declared column and the target{how}")
    repeated = [name for name in names if times[name] > 1]
    if repeated:
        found = f"more than one column {', '.join(repeated)}"
        raise DataInvalidError(path, found, "each declared column once")
    return tuple(name for name in header if name not in set(names))


def _with_rest(header: Sequence[str], names: Sequence[str]) -> tuple[list[str], tuple[str, ...]]:
    """The names asked for and behind them all others that can be asked for; and what is left."""
    times, asked = Counter(header), set(names)
    more = [name for name in header if name and times[name] == 1 and name not in asked]
    return [*names, *more], tuple(name for name in header if not name or times[name] > 1)


def _meant(name: str, others: Sequence[str]) -> str:
    lower = {other.lower(): other for other in others}
    close = difflib.get_close_matches(name.lower(), lower, n=1)
    return f" (is it {lower[close[0]]}?)" if close else ""


def _listed(header: Sequence[str]) -> str:
    shown = ", ".join(header[:SHOWN_NAMES])
    more = len(header) - SHOWN_NAMES
    return f"{shown} and {more} more" if more > 0 else shown


def _plain_rows(content: bytes, separator: str, width: int) -> pl.DataFrame | None:
    """The rows of a CSV without quotes, or None if polars might read it otherwise than we do.

    polars repairs short rows, blank lines and wrong quotes without a word (2.1); a row too long
    it refuses. Without quotes, the number of separators tells whether a row was short.
    """
    if b'"' in content or content.count(b"\r") != content.count(b"\r\n"):
        return None
    try:
        frame = pl.read_csv(
            io.BytesIO(content), separator=separator, infer_schema=False, empty_string_is_null=False
        )
    except pl.exceptions.PolarsError:
        return None
    separators = np.count_nonzero(np.frombuffer(content, np.uint8) == ord(separator))
    return frame if separators == (frame.height + 1) * (width - 1) else None


def _any_rows(path: Path, content: bytes, separator: str, width: int) -> pl.DataFrame:
    """The rows of any CSV, or an error that names those that are none."""
    rows = [row for row in _records(content, separator, strict=True) if row][1:]
    ragged = [number for number, row in enumerate(rows, start=1) if len(row) != width]
    if ragged:
        first = ragged[0]
        found = f"row {first} with {len(rows[first - 1])} fields ({len(ragged)} such rows in all)"
        raise DataInvalidError(path, found, f"{width} fields, as in the header")
    columns = zip(*rows, strict=True) if rows else ()
    return pl.DataFrame([pl.Series(str(i), column, pl.String) for i, column in enumerate(columns)])
