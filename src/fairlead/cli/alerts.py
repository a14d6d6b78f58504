"""Commands on alerts: which there are, what is known of one, who looks after it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fairlead.cli.groups import WithDefault
from fairlead.cli.terminal import AsJson, ProjectOption, errors, output

if TYPE_CHECKING:
    from fairlead.workflows.alert_evidence import Kept


class _Alerts(WithDefault):
    default = "list"


alerts = typer.Typer(cls=_Alerts, help="List alerts, show one, or say that you look after it.")
Name = Annotated[str, typer.Argument(metavar="ALERT", help="Its number or its id.")]
SHOWN = 20


@alerts.command("list")
def list_alerts(
    project: ProjectOption = Path(),
    everything: Annotated[
        bool, typer.Option("--all", "-a", help="Those that are over, too.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List the alerts that go on, the newest first."""
    from fairlead.workflows.alert_evidence import kept_alerts

    found = [each for each in kept_alerts(_folder(project)) if everything or each.alert.is_firing]
    if as_json:
        typer.echo(json.dumps([_document(each) for each in found], indent=1))
        return
    if not found:
        errors().print("no alert was ever raised here" if everything else "no alert goes on")
        return
    for each in found:
        output().print(_line(each), soft_wrap=True)
    errors().print("`fairlead alerts show NUMBER` tells what to do")


@alerts.command()
def show(name: Name, project: ProjectOption = Path(), as_json: AsJson = False) -> None:
    """Show an alert: what was found, the checklist with its answers, what to do next."""
    from fairlead.workflows.alert_evidence import TRIAGE, kept_alert

    found = kept_alert(_folder(project), name)
    if as_json:
        typer.echo(json.dumps(_document(found), indent=1))
        return
    output().print(_line(found), soft_wrap=True)
    output().print(f"evidence: {found.folder}\n", soft_wrap=True)
    page = found.folder / TRIAGE
    if page.is_file():
        output().print(page.read_text(encoding="utf-8"), soft_wrap=True)
    else:
        output().print(found.alert.summary, soft_wrap=True)
        errors().print("its evidence could not be written; `fairlead monitor status` may tell why")


@alerts.command()
def ack(
    name: Name,
    project: ProjectOption = Path(),
    note: Annotated[str, typer.Option("--note", "-n", help="For whoever looks next.")] = "",
    as_json: AsJson = False,
) -> None:
    """Say that you look after an alert; it goes on until what it is about is over."""
    from fairlead.workflows.alert_evidence import acknowledge, kept_alert
    from fairlead.workflows.traffic import this_actor

    found = kept_alert(_folder(project), name)
    noted = acknowledge(found, this_actor(), note, datetime.now(UTC))
    if as_json:
        typer.echo(json.dumps(_document(noted), indent=1))
    else:
        output().print(_line(noted), soft_wrap=True)


def _folder(project: Path) -> Path:
    from fairlead.project import FILE_NAME
    from fairlead.workflows.store import alerts_of

    root = project.parent if project.suffix in (".yaml", ".yml") else project
    folder = alerts_of(root)
    if not folder.is_dir() and not (root / FILE_NAME).is_file():
        raise typer.BadParameter(
            f"found no {FILE_NAME} in {root}, expected a project", param_hint="--project"
        )
    return folder


def _line(kept: Kept) -> str:
    alert = kept.alert
    state = "goes on" if alert.resolved_at is None else f"over {alert.resolved_at:%m-%d %H:%M}"
    seen = kept.acknowledged
    by = "" if seen is None else f"  [{seen.by}{f': {seen.note}' if seen.note else ''}]"
    return (
        f"#{alert.number:<4} {alert.severity:8} {alert.kind:10} "
        f"{alert.model}@{alert.version}  {alert.raised_at:%Y-%m-%d %H:%M}  {state}{by}  "
        f"{alert.summary}"
    )


def _document(kept: Kept) -> object:
    import msgspec

    return msgspec.to_builtins(
        {
            "alert": kept.alert,
            "acknowledged": kept.acknowledged,
            "folder": str(kept.folder),
        }
    )
