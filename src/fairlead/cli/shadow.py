"""Commands on what a shadow has answered."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fairlead.cli.terminal import AsJson, ProjectOption, errors, output, seconds_of

if TYPE_CHECKING:
    from fairlead.monitoring.agreement import Agreement
    from fairlead.workflows.shadow_report import ShadowReport

shadow = typer.Typer(
    help="Look at what a shadow said beside what callers got.", no_args_is_help=True
)


@shadow.callback()
def _group() -> None:
    """One command so far, by its name all the same."""


@shadow.command()
def report(
    window: Annotated[str, typer.Option(help="How far back, such as 24h or 7d.")] = "24h",
    rows: Annotated[int, typer.Option(min=0, help="Rows that differ most.")] = 10,
    picture: Annotated[
        Path | None, typer.Option(help="PNG of the pair with the most rows, to be written.")
    ] = None,
    project: ProjectOption = Path(),
    as_json: AsJson = False,
) -> None:
    """Compare a shadow with the versions that answered, row by row.

    The rows that differ most are shown with their values, as far as they are logged.
    """
    from fairlead.monitoring.agreement_figure import agreement_png
    from fairlead.storage import write_whole

    found = _report(project, seconds_of(window, "--window"), rows)
    if as_json:
        typer.echo(json.dumps(found.to_json(), indent=1, default=str))
    else:
        if not found.agreements:
            output().print(f"no answer of {found.model} has a shadow's beside it in {window}")
        for agreement in found.agreements:
            _show(found, agreement)
    if picture is not None and found.agreements:
        write_whole(picture, agreement_png(found.agreements[0]))
        errors().print(f"wrote {picture}")


def _report(path: Path, seconds: float, rows: int) -> ShadowReport:
    from datetime import UTC, datetime, timedelta

    from fairlead.adapters.duckdb_log import DuckdbLog
    from fairlead.monitoring.records import Window
    from fairlead.settings import read_settings
    from fairlead.workflows.load import load
    from fairlead.workflows.prediction_log import predictions_of
    from fairlead.workflows.shadow_report import shadow_report

    project = load(path)
    now = datetime.now(UTC)
    return shadow_report(
        predictions_of(project.root, read_settings()),
        project.spec.name,
        Window(now - timedelta(seconds=seconds), now),
        DuckdbLog(),
        metric=project.spec.evaluation.metric,
        is_regression=project.spec.task == "regression",
        rows=rows,
    )


def _show(found: ShadowReport, agreement: Agreement) -> None:
    share = 100 * agreement.agreed / agreement.rows
    output().print(
        f"{found.model} version {agreement.shadow} in the shadow of version {agreement.primary}: "
        f"{agreement.rows:,} rows, the same in {share:.1f} %"
    )
    if agreement.differences is None:
        _show_classes(agreement)
    else:
        told = agreement.differences
        spread = ", ".join(f"{float(q):.0%} {value:.6g}" for q, value in told.quantiles.items())
        output().print(
            f"shadow minus answer: mean {told.mean:+.6g}, mean absolute {told.mean_absolute:.6g}; "
            f"absolute, not exceeded by {spread}"
        )
    _show_quality(found.metric, agreement)
    _show_farthest(agreement)


def _show_classes(agreement: Agreement) -> None:
    from rich.table import Table

    cells = {(one, two): rows for one, two, rows in agreement.confusion}
    table = Table("answered \\ shadow", *agreement.classes, "the same")
    for one in agreement.classes:
        rows, same = agreement.of_class(one)
        counts = [f"{cells.get((one, two), 0):,}" for two in agreement.classes]
        table.add_row(one, *counts, f"{same / rows:.1%}" if rows else "–")
    output().print(table)


def _show_quality(metric: str, agreement: Agreement) -> None:
    quality = agreement.quality
    if quality is None:
        output().print(f"{metric}: {agreement.labelled:,} of these rows have a label; not compared")
        return
    difference = quality.comparison.difference
    output().print(
        f"{metric} on {agreement.labelled:,} labelled rows: shadow {quality.shadow.value:.4g}, "
        f"answered {quality.primary.value:.4g}, difference {difference.value:+.4g} "
        f"({difference.low:+.4g} to {difference.high:+.4g}): {quality.comparison.verdict}"
    )


def _show_farthest(agreement: Agreement) -> None:
    from rich.table import Table

    if not agreement.farthest:
        return
    names = ["id", "primary", "shadow", "difference"]
    names += ["label"] if any(row["label"] is not None for row in agreement.farthest) else []
    titles = {"primary": "answered", "difference": "apart"}
    table = Table(*(titles.get(name, name) for name in names), "row", title="rows that differ most")
    for row in agreement.farthest:
        features = " ".join(f"{name}={_cell(value)}" for name, value in row["features"].items())
        table.add_row(*(_cell(row[name]) for name in names), features)
    output().print(table)


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    return f"{value:.6g}" if isinstance(value, float) else str(value)
