"""Reads the prediction log with DuckDB: segments become Parquet, queries are answered."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fairlead.data.encoding import UNKNOWN
from fairlead.errors import ExtraMissingError, LogQueryError, StorageError
from fairlead.serving.prediction_segments import Column, Header
from fairlead.workflows.prediction_log import OWN, Converted, Rows, Sources, feature_names

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

VIEW = "predictions"
LINE = {
    "t": "BIGINT",
    "id": "VARCHAR",
    "route": "VARCHAR",
    "us": "BIGINT",
    "rows": "DOUBLE[][]",
    "predictions": "DOUBLE[]",
    "probabilities": "DOUBLE[][]",
    "first": "BIGINT",
    "numbers": "BIGINT[]",
}
IS_LINE = "t IS NOT NULL AND rows IS NOT NULL AND predictions IS NOT NULL"
FETCHED = 1000


class DuckdbLog:
    """A database in memory for each call; it keeps nothing."""

    def to_parquet(self, segment: Path, header: Header, path: Path) -> Converted:
        """Write the predictions of a segment to `path`, in their order.

        Raises:
            StorageError: that could not be written; there is no such file then.
        """
        duckdb = _module()
        try:
            with _connection() as database:
                # Beside a service that answers: one core is enough.
                database.execute("SET threads = 1")
                database.execute(
                    f"COPY ({_select(header, (segment,))}) TO {_text(path)} "
                    "(FORMAT parquet, COMPRESSION zstd)"
                )
                counted = f"SELECT count(*) FROM {_lines((segment,))} WHERE NOT ({IS_LINE})"  # noqa: S608
                (unread,) = _one(database, counted)
                (rows,) = _one(database, f"SELECT count(*) FROM {_parquet((path,))}")  # noqa: S608
        except duckdb.Error as error:
            with suppress(OSError):
                path.unlink()
            raise StorageError(path, _message(error)) from error
        return Converted(rows, unread)

    def query(self, sources: Sources, sql: str) -> Rows:
        """Answer one SELECT over the view `predictions`; nothing else can be read or written.

        Raises:
            FileNotFoundError: a source is not there any more.
            LogQueryError: the query cannot be answered.
        """
        duckdb = _module()
        database = _connection()
        try:
            _prepare(database, sources)
            statements = database.extract_statements(sql)
            kinds = [statement.type.name for statement in statements]
            if kinds != ["SELECT"]:
                raise LogQueryError(", ".join(kinds) or "no statement", "one SELECT")
            database.execute(statements[0])
            columns = tuple(each[0] for each in database.description or ())
            first = database.fetchmany(FETCHED)
        except duckdb.Error as error:
            raise _translated(error, sources) from error
        return Rows(columns, _fetched(database, first))


def _fetched(
    database: DuckDBPyConnection, rows: list[tuple[Any, ...]]
) -> Iterator[tuple[Any, ...]]:
    duckdb = _module()
    with database:
        while rows:
            yield from rows
            try:
                rows = database.fetchmany(FETCHED)
            except duckdb.Error as error:
                raise LogQueryError(_message(error), "files that stay") from error


def _translated(error: Exception, sources: Sources) -> Exception:
    gone = [path for path in sources.paths if not path.exists()]
    if gone:
        return FileNotFoundError(gone[0])
    own = ", ".join(OWN)
    return LogQueryError(_message(error), f"one SELECT over {VIEW} (its features; {own})")


def _module() -> Any:
    try:
        import duckdb
    except ModuleNotFoundError as error:
        raise ExtraMissingError("SQL over the prediction log", "monitor") from error
    return duckdb


def _connection() -> DuckDBPyConnection:
    settings = {
        # Nothing is fetched from the network.
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        # What does not fit into memory; never in the present folder.
        "temp_directory": str(Path(tempfile.gettempdir()) / f"fairlead-{os.getpid()}"),
    }
    connection: DuckDBPyConnection = _module().connect(":memory:", config=settings)
    return connection


def _prepare(database: DuckDBPyConnection, sources: Sources) -> None:
    """Make the view, then close everything but the files that it reads."""
    parts = [_select(header, paths) for header, paths in sources.segments.items()]
    if sources.parquets:
        parts.append(f"SELECT * FROM {_parquet(sources.parquets)}")  # noqa: S608
    parts = parts or [f"SELECT {', '.join(f'NULL AS {name}' for name in OWN)} WHERE false"]
    database.execute(f"CREATE VIEW {VIEW} AS {' UNION ALL BY NAME '.join(parts)}")
    database.execute(f"SET allowed_paths = {_texts(sources.paths)}")
    database.execute("SET enable_external_access = false")
    database.execute("SET lock_configuration = true")


def _select(header: Header, paths: Sequence[Path]) -> str:
    """The predictions in segments that have the same header, one row each."""
    values = {column: f"r[{index}]" for index, column in enumerate(header.columns, 1)}
    named = zip(feature_names(header.columns), values.items(), strict=True)
    unknown = [
        f"CASE WHEN {value} = {UNKNOWN} THEN {_text(column.name)} END"
        for column, value in values.items()
        if column.type == "category"
    ]
    classes = header.classes
    own = {
        "prediction_id": "if(first IS NULL, id, id || '-' || coalesce(m, first + n))",
        "time": "make_timestamp(t)",
        "model": _text(header.model),
        "version": _text(header.version),
        "route": "route",
        **{name: _decoded(column, value) for name, (column, value) in named},
        "unknown": f"list_filter([{', '.join(unknown)}]::VARCHAR[], lambda x: x IS NOT NULL)",
        "prediction": f"({_texts(classes)})[p::INTEGER + 1]" if classes else "p",
        "probabilities": f"map({_texts(classes)}, q)" if classes else "NULL::MAP(VARCHAR, DOUBLE)",
        "duration_us": "us",
    }
    columns = ", ".join(f"{value} AS {_name(name)}" for name, value in own.items())
    unnested = (
        "unnest(rows) AS r, unnest(predictions) AS p, unnest(probabilities) AS q, "
        "unnest(range(len(rows))) AS n, unnest(numbers) AS m"
    )
    lines = f"SELECT t, id, route, us, first, {unnested} FROM {_lines(paths)} WHERE {IS_LINE}"  # noqa: S608
    return f"SELECT {columns} FROM ({lines})"  # noqa: S608


def _decoded(column: Column, value: str) -> str:
    match column.type:
        case "category":
            # An unknown one is -1, and an array has nothing at 0.
            return f"({_texts(column.values)})[{value}::INTEGER + 1]"
        case "boolean":
            return f"{value}::BOOLEAN"
        case "integer":
            return f"{value}::BIGINT"
        case "datetime":
            return f"make_timestamp(({value} * 1e6)::BIGINT)"
        case _:
            return value


def _lines(paths: Sequence[Path]) -> str:
    """The lines of segments; one that is no request has NULL for its rows."""
    columns = ", ".join(f"{name}: {_text(kind)}" for name, kind in LINE.items())
    return (
        f"read_json({_texts(paths)}, format = 'newline_delimited', columns = {{{columns}}}, "
        "ignore_errors = true)"
    )


def _parquet(paths: Sequence[Path]) -> str:
    return f"read_parquet({_texts(paths)}, union_by_name = true, hive_partitioning = false)"


def _one(database: DuckDBPyConnection, sql: str) -> tuple[Any, ...]:
    row: tuple[Any, ...] = database.execute(sql).fetchall()[0]
    return row


def _message(error: Exception) -> str:
    """What DuckDB says, with the place in the query that it points at."""
    return str(error).strip()


def _name(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(value: object) -> str:
    return "'" + str(value).replace("'", "''") + "'"


def _texts(values: Sequence[object]) -> str:
    return f"[{', '.join(_text(value) for value in values)}]"
