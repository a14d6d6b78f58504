"""Reads the prediction log with DuckDB: segments become Parquet, queries are answered."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fairlead.adapters.duckdb_connection import connection, duckdb_module
from fairlead.adapters.duckdb_labels import (
    labelled_of,
    labelled_sql,
    labels_table,
    seen_of,
    seen_sql,
)
from fairlead.adapters.duckdb_text import name_text, text, texts
from fairlead.data.contract import Contract
from fairlead.data.encoding import UNKNOWN
from fairlead.errors import LogQueryError, StorageError
from fairlead.monitoring.labelled import LabelledRows, Seen
from fairlead.monitoring.records import Window
from fairlead.serving.prediction_segments import Column, Header
from fairlead.workflows.prediction_log import LOGGED, OWN, Converted, Rows, Sources, feature_names

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
        duckdb = duckdb_module()
        try:
            with connection() as database:
                # Beside a service that answers: one core is enough.
                database.execute("SET threads = 1")
                database.execute(
                    f"COPY ({_select(header, (segment,))}) TO {text(path)} "
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
        duckdb = duckdb_module()
        database = connection()
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

    def labelled(
        self, sources: Sources, contract: Contract, window: Window | None, *, shadow: bool
    ) -> LabelledRows:
        """The predictions of a time that have a label, see `workflows.labels.labelled_rows`.

        Raises:
            FileNotFoundError: a source is not there any more.
            LogQueryError: the files cannot be read.
        """

        def sql(present: Collection[str]) -> str:
            columns = [Column(name, each.type) for name, each in contract.columns.items()]
            named = zip(contract.columns, feature_names(columns), strict=True)
            names = {name: shown for name, shown in named if shown in present}
            return labelled_sql(contract, names, window, shadow=shadow)

        return labelled_of(self._arrays(sources, sql), contract)

    def seen(
        self, sources: Sources, contract: Contract, window: Window | None, bins: NDArray[np.float64]
    ) -> tuple[Seen, ...]:
        """Sums over all predictions of a time, see `workflows.labels.seen`.

        Raises:
            FileNotFoundError: a source is not there any more.
            LogQueryError: the files cannot be read.
        """
        answer = self._arrays(sources, lambda _: seen_sql(contract, window, bins))
        return seen_of(answer, contract, bins)

    def _arrays(
        self, sources: Sources, sql: Callable[[Collection[str]], str]
    ) -> dict[str, NDArray[Any]]:
        """The columns of an answer; a missing number is NaN."""
        duckdb = duckdb_module()
        try:
            with connection() as database:
                _prepare(database, sources)
                columns = database.execute(f"SELECT * FROM {VIEW} LIMIT 0").description or ()  # noqa: S608
                answer = database.execute(sql([each[0] for each in columns])).fetchnumpy()
        except duckdb.Error as error:
            raise _translated(error, sources) from error
        return {name: _filled(values) for name, values in answer.items()}


def _filled(values: Any) -> NDArray[Any]:
    if isinstance(values, np.ma.MaskedArray) and values.dtype.kind in "if":
        return np.ma.filled(values.astype(np.float64), np.nan)
    return np.asarray(values)


def _fetched(
    database: DuckDBPyConnection, rows: list[tuple[Any, ...]]
) -> Iterator[tuple[Any, ...]]:
    duckdb = duckdb_module()
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


def _prepare(database: DuckDBPyConnection, sources: Sources) -> None:
    """Make the view, then close everything but the files that it reads."""
    # Several statements read the same files: of 600, in a third of the time.
    database.execute("SET parquet_metadata_cache = true")
    parts = [_select(header, paths) for header, paths in sources.segments.items()]
    if sources.parquets:
        parts.append(f"SELECT {_renamed(database, sources.parquets)}")
    empty = ", ".join(f"NULL::{kind} AS {name}" for name, kind in LOGGED.items())
    parts = parts or [f"SELECT {empty} WHERE false"]
    database.execute(f"CREATE VIEW logged AS {' UNION ALL BY NAME '.join(parts)}")
    database.execute(labels_table(sources.labels, sources.label_task))
    database.execute(
        f"CREATE VIEW {VIEW} AS SELECT logged.*, labels.label, labels.labelled_at "  # noqa: S608
        "FROM logged LEFT JOIN labels USING (prediction_id)"
    )
    database.execute(f"SET allowed_paths = {texts(sources.paths)}")
    database.execute("SET enable_external_access = false")
    database.execute("SET lock_configuration = true")


def _renamed(database: DuckDBPyConnection, paths: Sequence[Path]) -> str:
    """All columns of Parquet files; features of the name `label` are as later files have them."""
    files = _parquet(paths)
    names = {each[0] for each in database.execute(f"FROM {files} LIMIT 0").description or ()}
    found = "*"
    for name in (each for each in names if each.lower() in ("label", "labelled_at")):
        shown = f"feature_{name}"
        if shown in names:
            either = f"coalesce({name_text(shown)}, {name_text(name)}) AS {name_text(shown)}"
            found = f"* EXCLUDE ({name_text(name)}) REPLACE ({either})"
        else:
            found = f"* RENAME ({name_text(name)} AS {name_text(shown)})"
    return f"{found} FROM {files}"


def _select(header: Header, paths: Sequence[Path]) -> str:
    """The predictions in segments that have the same header, one row each."""
    values = {column: f"r[{index}]" for index, column in enumerate(header.columns, 1)}
    named = zip(feature_names(header.columns), values.items(), strict=True)
    unknown = [
        f"CASE WHEN {value} = {UNKNOWN} THEN {text(column.name)} END"
        for column, value in values.items()
        if column.type == "category"
    ]
    classes = header.classes
    own = {
        "prediction_id": "if(first IS NULL, id, id || '-' || coalesce(m, first + n))",
        "time": "make_timestamp(t)",
        "model": text(header.model),
        "version": text(header.version),
        "route": "route",
        **{name: _decoded(column, value) for name, (column, value) in named},
        "unknown": f"list_filter([{', '.join(unknown)}]::VARCHAR[], lambda x: x IS NOT NULL)",
        "prediction": f"({texts(classes)})[p::INTEGER + 1]" if classes else "p",
        "probabilities": f"map({texts(classes)}, q)" if classes else "NULL::MAP(VARCHAR, DOUBLE)",
        "duration_us": "us",
    }
    columns = ", ".join(f"{value} AS {name_text(name)}" for name, value in own.items())
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
            return f"({texts(column.values)})[{value}::INTEGER + 1]"
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
    columns = ", ".join(f"{name}: {text(kind)}" for name, kind in LINE.items())
    return (
        f"read_json({texts(paths)}, format = 'newline_delimited', columns = {{{columns}}}, "
        "ignore_errors = true)"
    )


def _parquet(paths: Sequence[Path]) -> str:
    return f"read_parquet({texts(paths)}, union_by_name = true, hive_partitioning = false)"


def _one(database: DuckDBPyConnection, sql: str) -> tuple[Any, ...]:
    row: tuple[Any, ...] = database.execute(sql).fetchall()[0]
    return row


def _message(error: Exception) -> str:
    """What DuckDB says, with the place in the query that it points at."""
    return str(error).strip()
