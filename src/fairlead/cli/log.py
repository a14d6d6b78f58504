"""Commands on the prediction log: look at it, ask it, keep it small."""

from __future__ import annotations

import csv
import io
import json
import math
import time
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fairlead.cli.terminal import AsJson, ProjectOption, errors, output

if TYPE_CHECKING:
    from fairlead.settings import Settings
    from fairlead.workflows.prediction_log import LogDatabase, Rows
    from fairlead.workflows.prediction_tail import Logged

log = typer.Typer(help="Look at the predictions that a service has logged.", no_args_is_help=True)

FolderOption = Annotated[
    Path | None,
    typer.Option(help="The log's folder; FAIRLEAD_PREDICTION_LOG, or that of the project."),
]
ModelOption = Annotated[
    str | None, typer.Option("--model", "-m", help="Model; needed if several are logged.")
]
SHOWN_ROWS = 200
PAUSE_S = 0.5


@log.command()
def tail(
    project: ProjectOption = Path(),
    folder: FolderOption = None,
    model: Annotated[str | None, typer.Option("--model", "-m", help="This one alone.")] = None,
    count: Annotated[int, typer.Option("--number", "-n", min=0, help="How many.")] = 20,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until Ctrl-C.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show the newest predictions that are not compacted yet, one a line."""
    from fairlead.workflows.prediction_tail import LogReader

    place = folder_of(project, folder)[0]
    reader = LogReader(place, model)
    newest = reader.last(count)
    if not newest and not follow:
        errors().print(f"no predictions in {place} that are not compacted")
    while True:
        for each in newest:
            typer.echo(_json_line(each) if as_json else _line(each))
        if not follow:
            return
        time.sleep(PAUSE_S)
        newest = reader.new()


@log.command()
def query(
    sql: Annotated[str, typer.Argument(metavar="SQL", help="One SELECT over `predictions`.")],
    project: ProjectOption = Path(),
    folder: FolderOption = None,
    model: ModelOption = None,
    as_json: AsJson = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
) -> None:
    """Answer a query over the logged predictions of a model, compacted or not."""
    from fairlead.workflows.prediction_log import ask

    found = ask(folder_of(project, folder)[0], sql, _database(), model)
    if as_json:
        typer.echo("[", nl=False)
        for number, row in enumerate(found.rows):
            document = dict(zip(found.columns, map(_plain, row), strict=True))
            typer.echo((",\n " if number else "\n ") + json.dumps(document), nl=False)
        typer.echo("\n]")
    elif as_csv:
        for line in _csv(found):
            typer.echo(line, nl=False)
    else:
        _show(found)


@log.command()
def compact(
    project: ProjectOption = Path(),
    folder: FolderOption = None,
    days: Annotated[
        int | None,
        typer.Option(min=1, help="Days that predictions are kept; FAIRLEAD_PREDICTION_LOG_DAYS."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Delete what is too old, and turn the other finished segments into Parquet files."""
    from fairlead.serving.prediction_retention import retain
    from fairlead.workflows.prediction_compaction import compact

    place, settings = folder_of(project, folder)
    kept = days or settings.prediction_log_days
    # In this order, for what is too old need not be compacted.
    deleted = retain(place, kept, sketch_days=settings.prediction_sketch_days)
    done = compact(place, _database())
    if as_json:
        counts = {"deleted_files": deleted.files, "undeleted_files": deleted.failed}
        typer.echo(json.dumps({**vars(done), **counts}))
        return
    output().print(f"{done.segments} segments compacted, with {done.rows} predictions")
    output().print(f"{deleted.files} files deleted that were older than {kept} days")
    if deleted.failed:
        errors().print(f"{deleted.failed} files could not be deleted: {deleted.reason}")
    if done.damaged_lines:
        errors().print(
            f"{done.damaged_lines} lines could not be read; their segments are kept as *.damaged"
        )


def folder_of(project: Path, folder: Path | None) -> tuple[Path, Settings]:
    """The folder of the log that a command's options mean, and the settings."""
    from fairlead.settings import read_settings
    from fairlead.workflows.prediction_log import predictions_of

    settings = read_settings()
    root = project.parent if project.suffix in (".yaml", ".yml") else project
    return folder or predictions_of(root, settings), settings


def _database() -> LogDatabase:
    from fairlead.adapters.duckdb_log import DuckdbLog

    return DuckdbLog()


def _line(each: Logged) -> str:
    features = " ".join(
        f"{name}={'(unknown)' if name in each.unknown else _cell(value)}"
        for name, value in each.features.items()
    )
    sure = each.probabilities.get(str(each.prediction))
    shown = _cell(each.prediction) + ("" if sure is None else f" ({sure:.3f})")
    when = each.time.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
    model = f"{each.model}@{each.version}"
    return f"{when} {model} {each.route} {each.prediction_id} {features} -> {shown}"


def _json_line(each: Logged) -> str:
    import msgspec

    return msgspec.json.encode(each).decode()


def _show(found: Rows) -> None:
    from rich.table import Table

    table = Table()
    for name in found.columns:
        table.add_column(name, overflow="fold")
    for row in islice(found.rows, SHOWN_ROWS):
        table.add_row(*(_cell(value) for value in row))
    output().print(table)
    if next(found.rows, None) is not None:
        errors().print(f"the first {SHOWN_ROWS} rows; --csv and --json give all")


def _csv(found: Rows) -> Iterator[str]:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(found.columns)
    for row in found.rows:
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()
        writer.writerow(
            json.dumps(_plain(value)) if isinstance(value, dict | list) else _plain(value)
            for value in row
        )
    yield buffer.getvalue()


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, dict):
        return " ".join(f"{key}={_cell(each)}" for key, each in value.items())
    if isinstance(value, list):
        return " ".join(map(_cell, value))
    return str(value)


def _plain(value: Any) -> Any:
    """A value of the database as JSON has it."""
    match value:
        case None | bool() | int() | str():
            return value
        case float() | Decimal():
            return float(value) if math.isfinite(value) else None
        case dict():
            return {str(key): _plain(each) for key, each in value.items()}
        case list() | tuple():
            return [_plain(each) for each in value]
        case datetime() | date():
            return value.isoformat()
        case _:
            return str(value)
