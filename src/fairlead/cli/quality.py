"""The command that tells how good a model is by now."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fairlead.cli.log import FolderOption
from fairlead.cli.terminal import AsJson, ProjectOption, errors, output, seconds_of

if TYPE_CHECKING:
    from fairlead.evaluation.records import Estimate
    from fairlead.monitoring.records import Quality
    from fairlead.workflows.quality import QualityReport


def quality(
    project: ProjectOption = Path(),
    folder: FolderOption = None,
    window: Annotated[
        str | None, typer.Option(help="How far back, such as 24h; that of `monitoring`.")
    ] = None,
    picture: Annotated[
        bool, typer.Option("--picture", help="Draw this window and those before it.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Tell how good the predictions are by their labels, and what to expect of the others."""
    from fairlead.adapters.duckdb_log import DuckdbLog
    from fairlead.settings import read_settings
    from fairlead.wiring import registry_or_none
    from fairlead.workflows import quality as workflow
    from fairlead.workflows.load import load
    from fairlead.workflows.prediction_log import predictions_of
    from fairlead.workflows.store import monitoring_of

    loaded = load(project)
    length = timedelta(seconds=seconds_of(window or loaded.spec.monitoring.window, "--window"))
    found = workflow.quality(
        loaded,
        registry_or_none(loaded.root),
        folder or predictions_of(loaded.root, read_settings()),
        DuckdbLog(),
        length=length,
        now=datetime.now(UTC),
        history=picture,
    )
    if picture:
        from fairlead.monitoring.quality_figure import draw
        from fairlead.storage import write_whole

        file = monitoring_of(loaded.root) / "quality.png"
        write_whole(file, draw(found.history, found.model))
        errors().print(f"{file} is drawn")
    if as_json:
        typer.echo(json.dumps(found.to_json(), indent=1))
    else:
        _show(found)


def _show(found: QualityReport) -> None:
    from rich.table import Table

    start, end = (f"{each:%Y-%m-%d %H:%M}" for each in (found.window.start, found.window.end))
    table = Table(title=f"{found.model}, {start} to {end} UTC", title_justify="left")
    for head in ("metric", "of"):
        table.add_column(head)
    for head in ("predictions", "labelled", "measured", "estimate", "baseline", "loss"):
        table.add_column(head, justify="right")
    for each in found.qualities:
        table.add_row(each.metric, _of(each), *_cells(each))
    output().print(table)
    first = found.qualities[0]
    share = first.labelled / first.rows if first.rows else 0.0
    errors().print(
        f"{100 * share:.1f} % of the predictions have a label; if those are not like the others, "
        "neither is what was measured"
    )
    if first.measured is None:
        errors().print(f"nothing is measured with fewer than {found.min_rows} labels")
    if found.estimated_by:
        errors().print(
            f"estimates (≈) are by {found.estimated_by}; they do not see that the world has changed"
        )
    if found.absent:
        errors().print(f"no values in the log, and no slices, of {', '.join(found.absent)}")


def _of(each: Quality) -> str:
    if each.slice is not None:
        return f"{each.slice[0]}: {each.slice[1]}"
    if each.version is not None:
        return f"version {each.version}"
    return "all" if each.route is None else f"route {each.route}"


def _cells(each: Quality) -> tuple[str, ...]:
    drop = each.drop
    return (
        "" if each.slice else f"{each.rows:,}",
        f"{each.labelled:,}",
        "too few labels" if each.measured is None else _interval(each.measured),
        "–" if each.expected is None else f"≈ {_number(each.expected.value)}",
        _number(each.baseline.value) if each.baseline.is_defined else "–",
        "–" if drop is None or not drop.is_defined else f"{100 * drop.value:+.1f} %",
    )


def _interval(estimate: Estimate) -> str:
    value = _number(estimate.value)
    if estimate.low != estimate.low:
        return value
    return f"{value} [{_number(estimate.low)}, {_number(estimate.high)}]"


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
