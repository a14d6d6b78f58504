"""Commands that decide who is champion, and show what was decided."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fairlead.cli.models import Reference, act_of, open_project
from fairlead.cli.terminal import AsJson, ProjectOption, ProjectPath, ReasonOption, output

if TYPE_CHECKING:
    from fairlead.registry.decisions import Decision

history = typer.Typer(
    help="Show what was decided and moved, and check that nothing was changed since.",
    invoke_without_command=True,
)


def promote(
    reference: Reference,
    project: ProjectOption = Path(),
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Ask the gates; change and record nothing.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Promote whatever the gates say; needs --reason.")
    ] = False,
    reason: ReasonOption = "",
    as_json: AsJson = False,
) -> None:
    """Make a version the champion if the gates let it pass; the whole reasoning is shown."""
    from fairlead import wiring
    from fairlead.workflows.load import load

    _tell(
        wiring.promote(load(project), reference, reason=reason, force=force, dry_run=dry_run),
        as_json=as_json,
    )


def approve(
    project: ProjectPath = Path(), reason: ReasonOption = "", as_json: AsJson = False
) -> None:
    """Make the challenger the champion, if the gates let it pass on what is known now."""
    from fairlead import wiring
    from fairlead.registry.records import CHALLENGER
    from fairlead.workflows.load import load

    _tell(wiring.promote(load(project), CHALLENGER, reason=reason), as_json=as_json)


def _tell(decision: Decision, *, as_json: bool) -> None:
    """Show a decision; status 1 where it lets nobody pass."""
    if as_json:
        typer.echo(json.dumps(decision.to_json(), indent=1))
    else:
        output().print(decision.render())
    if not (decision.passes or decision.is_champion):
        raise typer.Exit(1)


def rollback(project: ProjectOption = Path(), reason: ReasonOption = "") -> None:
    """Make the champion before the present one champion again, in one step."""
    from fairlead.registry.promotion import rollback
    from fairlead.workflows.traffic import ledger_of

    loaded, registry = open_project(project)
    version = rollback(registry, ledger_of(loaded.root), loaded.spec.name, act_of(reason))
    output().print(f"champion is again {version} ({version.candidate})")


@history.callback()
def show(context: typer.Context, project: ProjectOption = Path(), as_json: AsJson = False) -> None:
    """Show every decision, promotion, rollback and move, the latest last."""
    if context.invoked_subcommand is not None:
        return
    from fairlead.workflows.history import read_history

    loaded, registry = open_project(project)
    found = read_history(registry, loaded, act_of("").now)
    if as_json:
        typer.echo(json.dumps(found.to_json(), indent=1))
    else:
        output().print(found.render())


@history.command()
def verify(project: ProjectOption = Path()) -> None:
    """Check that no entry was edited, dropped or moved; status 1 names the first bad line."""
    from fairlead.workflows.history import verify_history

    loaded, registry = open_project(project)
    count = verify_history(registry, loaded)
    output().print(f"{count} entries, each as it was written and in its place")
