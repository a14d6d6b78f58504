"""Commands on labels: bring them back, count them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fairlead.cli.log import FolderOption, ModelOption
from fairlead.cli.terminal import AsJson, ProjectOption, errors, output

if TYPE_CHECKING:
    from fairlead.workflows.labels import LabelCounts

labels = typer.Typer(help="Bring back what became of predictions.", no_args_is_help=True)


@labels.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="CSV, Parquet or JSON lines (.jsonl).")],
    project: ProjectOption = Path(),
    folder: FolderOption = None,
    model: Annotated[
        str | None, typer.Option("--model", "-m", help="Model; that of the project.")
    ] = None,
    source: Annotated[str, typer.Option(help="Who brings them.")] = "import",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check the file alone.")] = False,
    as_json: AsJson = False,
) -> None:
    """Keep the labels of a file: all of them, once."""
    from fairlead.adapters.duckdb_tables import read_table
    from fairlead.settings import read_settings
    from fairlead.wiring import registry_or_none
    from fairlead.workflows.labels import contract_of, import_file
    from fairlead.workflows.load import load
    from fairlead.workflows.prediction_log import predictions_of

    loaded = load(project)
    place = folder or predictions_of(loaded.root, read_settings())
    name = model or loaded.spec.name
    contract = contract_of(loaded, name, registry_or_none(loaded.root))
    now = datetime.now(UTC)
    done = import_file(
        file, place, name, contract, read_table, source=source, now=now, dry_run=dry_run
    )
    if as_json:
        typer.echo(json.dumps({**vars(done), "file": str(done.file)}))
    elif not done.is_new:
        output().print(f"{done.labels} labels of {file} were imported before; nothing changed")
    elif dry_run:
        output().print(f"{done.labels} labels of {file} keep the rules; none was imported")
    else:
        output().print(f"{done.labels} labels of {name} imported from {file}")


@labels.command()
def status(
    project: ProjectOption = Path(),
    folder: FolderOption = None,
    model: ModelOption = None,
    late_after: Annotated[
        str, typer.Option(help="Delay from which a label is late, such as 24h.")
    ] = "24h",
    as_json: AsJson = False,
) -> None:
    """Count the predictions that have a label, and the labels that have no prediction."""
    from rich.table import Table

    from fairlead.adapters.duckdb_log import DuckdbLog
    from fairlead.cli.log import folder_of
    from fairlead.cli.terminal import seconds_of
    from fairlead.workflows import labels as workflow

    place, _ = folder_of(project, folder)
    seconds = seconds_of(late_after, "--late-after")
    found = workflow.status(place, model, seconds, DuckdbLog())
    if as_json:
        typer.echo(json.dumps(found.to_json(), indent=1))
        return
    table = Table(title=f"labels of {found.model}", title_justify="left")
    for head in ("version", "predictions", "labelled", "share", f"late (> {late_after})", "delay"):
        table.add_column(head, justify="left" if head == "version" else "right")
    for each in (*found.versions, found.all):
        table.add_row(each.version or "all", *_cells(each))
    output().print(table)
    errors().print(
        f"{found.labels} predictions have labels, {found.corrected} of them corrected; "
        f"{found.duplicated} labels came more than once, {found.unmatched} belong to no logged "
        "prediction"
    )


def _cells(counts: LabelCounts) -> tuple[str, ...]:
    share = counts.labelled / counts.predictions if counts.predictions else 0.0
    delay = counts.median_delay_s
    return (
        f"{counts.predictions:,}",
        f"{counts.labelled:,}",
        f"{100 * share:.1f} %",
        f"{counts.late:,}",
        "–" if delay is None else _duration(delay),
    )


def _duration(seconds: float) -> str:
    for length, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if abs(seconds) >= length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds:.1f} s"
