"""The command that trains a model anew on evidence."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fairlead.cli.terminal import AsJson, ProjectPath, ReasonOption, output

if TYPE_CHECKING:
    from fairlead.retraining.records import Verdict
    from fairlead.workflows.retraining_desk import Retraining


class Asks(StrEnum):
    """What makes one ask."""

    hand = "hand"
    schedule = "schedule"
    alert = "alert"
    age = "age"


def retrain(
    project: ProjectPath = Path(),
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Ask the policy; train nothing.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Retrain whatever the policy says; needs --reason.")
    ] = False,
    reason: ReasonOption = "",
    trigger: Annotated[Asks, typer.Option(help="What makes you ask; for schedulers.")] = Asks.hand,
    jobs: Annotated[int, typer.Option(min=0, help="Processes; 0 takes one per core.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Train a challenger on labelled predictions, if the policy finds a reason to."""
    from fairlead import wiring
    from fairlead.workflows.load import load

    if force and not reason.strip():
        raise typer.BadParameter("it needs --reason, which the ledger keeps", param_hint="--force")
    result = wiring.retrain(
        load(project),
        trigger=trigger.value,
        reason=reason,
        force=force,
        dry_run=dry_run,
        jobs=jobs,
    )
    if as_json:
        typer.echo(json.dumps(result.to_json(), indent=1))
    else:
        _show(result, project)


def _show(result: Retraining, project: Path) -> None:
    console = output()
    if result.verdict is not None:
        _show_verdict(result.verdict)
    if result.resumed:
        console.print("A retraining that was stopped went on.")
    for recipe, value in result.tried.items():
        told = (
            value if isinstance(value, str) else f"{value:.6g} on rows that are kept to choose by"
        )
        console.print(f"{recipe}: {told}")
    if result.decision is not None:
        console.print(result.decision.render())
    if result.run is not None:
        console.print(f"{result.run.outcome}: {result.run.told}")
        if result.run.outcome == "challenger":
            console.print(f"Approve it:  fairlead approve {project}")


def _show_verdict(verdict: Verdict) -> None:
    from rich.table import Table

    table = Table("", "step", "found")
    for each in verdict.reasons:
        table.add_row("stop" if each.stops else "ok", each.step, each.text)
    output().print(table)
    forced = ", forced" if verdict.forced else ""
    output().print(f"{verdict.action} ({verdict.trigger}{forced})")
