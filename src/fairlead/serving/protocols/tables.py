"""Rows from tables whose columns have names: in any order, in CSV, in Parquet; and CSV back."""

from __future__ import annotations

import csv
import importlib
import io
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from types import ModuleType
from typing import Any

from fairlead.data.encoding import EXACT_INTEGERS
from fairlead.serving.errors import Problem, RequestRefusedError
from fairlead.serving.predictor import Predictor
from fairlead.serving.protocols.parquet_sizes import unpacked_bytes
from fairlead.serving.rows import RowRefusedError, not_a_list
from fairlead.serving.values import Location, may_be_absent

ReadCell = Callable[[str], Any]

CSV = "text/csv"
BODY = ("body",)
BOOLEANS = {
    "true": True,
    "True": True,
    "TRUE": True,
    "false": False,
    "False": False,
    "FALSE": False,
}
NO_TIME = "NaT"
"""What pandas, and with it MLflow's client, writes where a time is missing."""
MAX_PARQUET_BYTES = 64 * 2**20
"""Most bytes that a smaller Parquet file may unpack to: a few can hold very many."""


def arranged(
    predictor: Predictor, columns: Sequence[str], rows: list[Any], loc: Location
) -> list[list[Any]]:
    """Rows as lists in the contract's order; other columns are left aside.

    Args:
        predictor: knows the contract.
        columns: names, in the order of the rows' values.
        rows: should be lists, each as long as `columns`.
        loc: where the table is.

    Raises:
        RequestRefusedError: 400, a column is there twice or not at all, or a row is no such list.
    """
    where = _positions(predictor, columns, loc)
    width = len(columns)
    problems = [
        problem
        for number, row in enumerate(rows)
        if (problem := _misshapen(row, width, (*loc, number))) is not None
    ]
    if problems:
        raise RequestRefusedError(400, tuple(problems))
    if where == list(range(width)):
        return rows
    if width in where:
        # An absent column is null in every row.
        rows = [[*row, None] for row in rows]
    return [[row[index] for index in where] for row in rows]


def read_csv(predictor: Predictor, body: bytes) -> list[list[Any]]:
    """Rows of a CSV file in the contract's order; its cells are read by the columns' types.

    The first line is a header if it names every column that may not be absent, or if it names one
    and is no row of the contract; without a header the cells are in the contract's order. An empty
    cell is null; so is NaN where a number should be, and NaT where a time should be.

    Raises:
        RequestRefusedError: 400, it is not CSV in UTF-8, has too many rows, or its columns are
            not those of the contract.
    """
    most = predictor.max_rows
    try:
        text = body.decode("utf-8-sig")
        lines = csv.reader(io.StringIO(text, newline=""), strict=True)
        # One more than a header and the rows: enough to see that there are too many.
        rows: list[Any] = list(islice((cells for cells in lines if cells), most + 2))
    except UnicodeDecodeError:
        raise RequestRefusedError(400, "the body is not UTF-8") from None
    except csv.Error as error:
        # The reader's messages tell the kind of fault, never the text.
        raise RequestRefusedError(400, f"the body is not CSV: {error}") from None
    specs = predictor.bundle.contract.columns.values()
    readers = [_CELLS.get(spec.type, str) for spec in specs]
    header = list(predictor.rows.names)
    if rows and _is_header(predictor, rows[0], readers):
        header = [cell.strip() for cell in rows.pop(0)]
    check_count(predictor, len(rows))
    cells = arranged(predictor, header, rows, BODY)
    return [_typed(readers, row) for row in cells]


def read_parquet(predictor: Predictor, body: bytes) -> list[list[Any]]:
    """Rows of a Parquet file in the contract's order; NaN is null.

    Raises:
        RequestRefusedError: 415, pyarrow is not installed; 413, the file unpacks to too much;
            400, it is no Parquet file, has too many rows, or its columns are not those of the
            contract.
    """
    try:
        # Not among the imports: the process that answers does without it until a file arrives.
        arrow = importlib.import_module("pyarrow")
        parquet = importlib.import_module("pyarrow.parquet")
    except ImportError:
        reason = "a Parquet body needs pyarrow, which is not installed where this service runs"
        raise RequestRefusedError(415, reason) from None
    try:
        file = parquet.ParquetFile(arrow.BufferReader(body))
        count = file.metadata.num_rows
        check_count(predictor, count)
        schema = file.schema_arrow
        _positions(predictor, schema.names, BODY)
        kept = [name for name in predictor.rows.names if name in schema.names]
        for name in kept:
            _check_type(arrow, name, schema.field(name).type)
        limit = max(MAX_PARQUET_BYTES, len(body))
        unpacked = unpacked_bytes(body, count, kept)
        if unpacked <= limit:
            # Texts are read as dictionaries: a long one that is stored once may be in every row.
            file = parquet.ParquetFile(arrow.BufferReader(body), read_dictionary=kept)
            table = file.read(columns=kept, use_threads=False)
            unpacked = sum(_text_bytes(table.column(name)) for name in kept)
        if unpacked > limit:
            raise RequestRefusedError(413, f"the file unpacks to more than {limit} bytes")
        columns = [_values(arrow, table.column(name)) for name in kept]
        rows = [list(row) for row in zip(*columns, strict=True)]
    except (arrow.ArrowException, OSError, ValueError, OverflowError):
        raise RequestRefusedError(400, "the body is not a Parquet file that can be read") from None
    return arranged(predictor, kept, rows, BODY)


def check_count(predictor: Predictor, rows: int) -> None:
    """Refuse a request with no rows, or with more than the service takes.

    Raises:
        RequestRefusedError: 400.
    """
    if rows == 0:
        raise RequestRefusedError(400, "the request has no rows")
    if rows > predictor.max_rows:
        reason = f"the request has more than {predictor.max_rows} rows; send them in several"
        raise RequestRefusedError(400, reason)


def to_csv(rows: Iterable[Sequence[Any]]) -> bytes:
    """Rows as CSV without a header; what is not a finite number is an empty cell."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([["" if _not_finite(cell) else cell for cell in row] for row in rows])
    return text.getvalue().encode()


def _not_finite(value: Any) -> bool:
    # The difference of an infinity, or of NaN, with itself is NaN.
    return isinstance(value, float) and value - value != 0


def _positions(predictor: Predictor, columns: Sequence[str], loc: Location) -> list[int]:
    """Where each column of the contract is; one past the end where it is absent and may be."""
    found = {name: index for index, name in enumerate(columns)}
    if len(found) < len(columns):
        names = predictor.rows.names
        twice = [name for name in names if list(columns).count(name) > 1]
        if twice:
            raise RequestRefusedError(400, f"more than one column is called {', '.join(twice)}")
    specs = predictor.bundle.contract.columns
    missing = tuple(
        Problem("missing", (*loc, name), "Field required")
        for name, spec in specs.items()
        if name not in found and not may_be_absent(spec)
    )
    if missing:
        raise RequestRefusedError(400, missing)
    return [found.get(name, len(columns)) for name in specs]


def _misshapen(row: Any, width: int, loc: Location) -> Problem | None:
    if not isinstance(row, list):
        return not_a_list(loc)
    if len(row) != width:
        msg = f"Row should have {width} values, one for each column"
        return Problem("row_length", loc, msg, {"expected": width})
    return None


def _is_header(predictor: Predictor, line: list[str], readers: Sequence[ReadCell]) -> bool:
    """Whether a first line names columns: a category may be called as a column is."""
    specs = predictor.bundle.contract.columns
    found = {cell.strip() for cell in line} & specs.keys()
    needed = {name for name, spec in specs.items() if not may_be_absent(spec)}
    if not found or found >= (needed or specs.keys()):
        return bool(found)
    if len(line) != len(specs):
        return True
    try:
        predictor.rows.features(_typed(readers, line), BODY)
    except RowRefusedError:
        return True
    return False


def _typed(readers: Sequence[ReadCell], cells: list[str]) -> list[Any]:
    """Cells as JSON would give them."""
    return [read(cell) if cell else None for read, cell in zip(readers, cells, strict=True)]


def _number(cell: str) -> Any:
    """A number as JSON would give it; what is none stays text, for the contract to refuse."""
    try:
        number = float(cell)
    except ValueError:
        return cell
    if number != number:
        return None
    # Python reads 1_000, and digits of other scripts.
    if "_" in cell or not cell.isascii():
        return cell
    if EXACT_INTEGERS <= abs(number) < float("inf") and cell.strip().lstrip("+-").isdigit():
        # As a double it may have lost digits.
        return int(cell)
    return number


def _boolean(cell: str) -> Any:
    return BOOLEANS.get(cell, cell)


def _time(cell: str) -> str | None:
    return None if cell == NO_TIME else cell


_CELLS: dict[str, ReadCell] = {
    "number": _number,
    "integer": _number,
    "boolean": _boolean,
    "datetime": _time,
}
"""Type of a column -> how a cell that is not empty becomes a JSON value; any other stays text."""


def _check_type(arrow: ModuleType, name: str, kind: Any) -> None:
    """Refuse a column whose values are none of a contract, before they are read."""
    types = arrow.types
    if types.is_dictionary(kind):
        kind = kind.value_type
    readable = (
        types.is_integer(kind)
        or types.is_floating(kind)
        or types.is_boolean(kind)
        or types.is_string(kind)
        or types.is_large_string(kind)
        or types.is_date(kind)
        or types.is_timestamp(kind)
        or types.is_null(kind)
    )
    if not readable:
        msg = "Column should hold numbers, booleans, texts or times"
        raise RequestRefusedError(400, (Problem("column_type", (*BODY, name), msg),))


def _text_bytes(column: Any) -> int:
    """How many bytes the texts of a column have together, each as often as it is there."""
    compute = importlib.import_module("pyarrow.compute")
    total = 0
    for chunk in column.chunks:
        texts = getattr(chunk, "dictionary", None)
        if texts is not None:
            lengths = compute.binary_length(texts).take(chunk.indices)
            total += compute.sum(lengths).as_py() or 0
    return total


def _values(arrow: ModuleType, column: Any) -> list[Any]:
    """A column as Python's own values; only of types that become no objects of pandas."""
    types = arrow.types
    if types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    kind = column.type
    if types.is_timestamp(kind):
        # As everywhere, what is below a microsecond is not looked at.
        zone = None if kind.tz is None else "UTC"
        column = column.cast(arrow.timestamp("us", zone), safe=False)
    return [None if value != value else value for value in column.to_pylist()]
