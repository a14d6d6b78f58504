"""The command `fairlead drift`: over the prediction log of a project, or over two files."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fairlead.cli.terminal import AsJson, errors, output, seconds_of

if TYPE_CHECKING:
    from fairlead.monitoring.records import ColumnDrift, DriftReport
    from fairlead.workflows.drift import Drift

DRIFTED = 3
"""Status of the command; 1 is an error, 2 a mistake on the command line."""
BAR = 10
FULL = 2.0
"""A bar is full from so many thresholds on."""


def drift(
    places: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="PROJECT | REFERENCE CURRENT",
            help="A project, whose prediction log is judged; or two files, CSV or Parquet.",
        ),
    ] = None,
    window: Annotated[
        str | None, typer.Option(help="How far back: 30m, 24h, 7d; `monitoring.window`.")
    ] = None,
    until: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"],
            help="End of the window, UTC; now if not given.",
        ),
    ] = None,
    project: Annotated[
        Path | None,
        typer.Option(
            "--project", "-p", help="The project; of two files, it declares their columns."
        ),
    ] = None,
    folder: Annotated[
        Path | None, typer.Option(help="The log's; FAIRLEAD_PREDICTION_LOG, or the project's.")
    ] = None,
    model: Annotated[
        str | None, typer.Option("--model", "-m", help="Model; the name of the project.")
    ] = None,
    as_json: AsJson = False,
    html: Annotated[
        bool, typer.Option("--html", help="Have Evidently draw its report, in reports/.")
    ] = False,
    picture: Annotated[
        Path | None, typer.Option(help="Draw the columns' distributions to this PNG.")
    ] = None,
) -> None:
    """Compare what a model sees with what it has learned from; status 3 where it has drifted."""
    given = {"--window": window, "--until": until, "--folder": folder, "--model": model}
    if project is not None and not places:
        places, project = [project], None
    if places and len(places) > 1:
        _refuse(given)
        found = _of_files(places, project)
    else:
        _refuse({"--project": project})
        if places and places[0].is_file() and places[0].suffix not in (".yaml", ".yml"):
            raise typer.BadParameter("found one file, expected a project or two files")
        end = datetime.now(UTC) if until is None else until.replace(tzinfo=UTC)
        found = _of_log(places[0] if places else Path(), folder, model, window, end)
    if picture is not None:
        from fairlead.monitoring.drift_figure import drift_png
        from fairlead.storage import write_whole

        write_whole(picture, drift_png(found.report, found.reference, found.current))
    page = _page(found) if html else None
    if as_json:
        extra = {"left_out": dict(found.left_out)}
        typer.echo(json.dumps({**found.report.to_json(), **extra}, indent=1, allow_nan=False))
    else:
        _show(found)
    if page is not None:
        errors().print(f"written to {page}")
    if found.report.verdict == "drifted":
        raise typer.Exit(DRIFTED)


def _of_files(places: list[Path], project: Path | None) -> Drift:
    from fairlead.project.loading import load_project
    from fairlead.workflows.drift_files import drift_of_files

    if len(places) > 2:
        raise typer.BadParameter("found more than two paths, expected a project or two files")
    spec = None if project is None else load_project(project).spec
    data, monitoring = (None, None) if spec is None else (spec.data, spec.monitoring)
    return drift_of_files(places[0], places[1], data, monitoring)


def _of_log(
    place: Path, folder: Path | None, model: str | None, window: str | None, end: datetime
) -> Drift:
    from fairlead.adapters.duckdb_log import DuckdbLog
    from fairlead.settings import read_settings
    from fairlead.workflows.drift_log import drift_of_log

    if window is not None:
        seconds_of(window, "--window")
    return drift_of_log(
        place,
        folder=folder,
        model=model,
        window=window,
        until=end,
        settings=read_settings(),
        database=DuckdbLog(),
    )


def _page(found: Drift) -> Path:
    from fairlead.wiring import drift_page

    drift_page(found)
    return found.page


def _refuse(options: Mapping[str, object]) -> None:
    for name, value in options.items():
        if value is not None:
            raise typer.BadParameter(f"{name} is of no use here", param_hint=name)


def _show(found: Drift) -> None:
    console, report = output(), found.report
    console.print(_head(report))
    console.print(_table([*report.columns, *([report.prediction] if report.prediction else [])]))
    for name, why in found.left_out.items():
        console.print(f"not compared: {name} {why}", style="dim")
    for remark in found.remarks:
        console.print(remark, style="dim")
    for column in report.columns:
        if column.is_broken:
            console.print(f"{column.column} looks like a fault of the pipeline: {column.reason}")
    console.print(_verdict(report))


def _head(report: DriftReport) -> str:
    when = ""
    if report.window is not None:
        start, end = report.window.start, report.window.end
        when = f" from {start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} UTC"
    return f"{report.rows:,} rows{when} against {report.reference}, {report.reference_rows:,} rows"


def _verdict(report: DriftReport) -> str:
    count = f"{len(report.drifted)} of {len(report.columns)} columns have drifted"
    if report.verdict == "too_few_rows":
        return report.columns[0].reason if report.columns else "no rows to judge"
    if report.verdict == "drifted":
        return f"drifted: {count}"
    return f"stable: {count}" if report.drifted else "stable: no column has drifted"


def _table(columns: list[ColumnDrift]) -> Any:
    from rich.table import Table

    has_worth = any(each.importance is not None for each in columns)
    table = Table()
    for name in ("column", *(("worth",) if has_worth else ()), "distance, of 0.1 |"):
        table.add_column(name, no_wrap=True)
    for name in ("by chance", "missing", "unknown"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("")
    for each in columns:
        worth = "–" if each.importance is None else f"{each.importance:.3g}"
        table.add_row(
            each.column,
            *((worth,) if has_worth else ()),
            _bar(each),
            "–" if math.isnan(each.noise) else f"{each.noise:.3f}",
            _rates(each.missing_reference, each.missing),
            _rates(each.unknown_reference, each.unknown),
            ", ".join(_words(each)),
            style="bold" if _words(each) else None,
        )
    return table


def _words(column: ColumnDrift) -> list[str]:
    both = (("drifted", column.is_drifted), ("broken", column.is_broken))
    return [word for word, holds in both if holds]


def _bar(column: ColumnDrift) -> str:
    """The effect as a bar, with a mark at the threshold, and as a number."""
    if math.isnan(column.effect):
        return "–"
    filled = round(min(column.effect / column.threshold / FULL, 1.0) * BAR)
    cells = ["█" if place < filled else "·" for place in range(BAR)]
    cells.insert(round(BAR / FULL), "|")
    return f"{''.join(cells)} {column.effect:.3f}"


def _rates(before: float, now: float) -> str:
    return "" if not before and not now else f"{before:.1%} → {now:.1%}"
