"""Commands that share out a model's requests among its versions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fairlead.cli.terminal import AsJson, ProjectOption, ReasonOption, output

if TYPE_CHECKING:
    from fairlead.project.loading import Project
    from fairlead.registry.port import ModelRegistry
    from fairlead.registry.traffic import Traffic

traffic = typer.Typer(help="Share out a model's requests among its versions.", no_args_is_help=True)

UrlOption = Annotated[
    str | None, typer.Option(help="A running service, instead of a project's registry.")
]
ModelOption = Annotated[str | None, typer.Option(help="Which model, with --url.")]


def _open(path: Path) -> tuple[Project, ModelRegistry, Traffic]:
    from fairlead.registry.traffic import from_spec
    from fairlead.wiring import model_registry
    from fairlead.workflows.load import load

    project = load(path)
    return project, model_registry(project.root), from_spec(project.spec.serving)


@traffic.command("set")
def set_(
    shares: Annotated[
        list[str], typer.Argument(metavar="ROUTE=SHARE...", help="Such as champion=90.")
    ],
    shadow: Annotated[str | None, typer.Option(help="Who sees a copy of the traffic.")] = None,
    sticky: Annotated[
        str | None, typer.Option(help="header:NAME or field:COLUMN; keeps a caller on one route.")
    ] = None,
    reason: ReasonOption = "",
    project: ProjectOption = Path(),
    url: UrlOption = None,
    model: ModelOption = None,
) -> None:
    """Say which versions answer which share; whatever is not named is not part of it any more."""
    from fairlead.registry.traffic import Traffic
    from fairlead.workflows.traffic import ledger_of, set_traffic, this_actor

    wanted = Traffic(_weights(shares), shadow, sticky)
    if url is not None:
        _set_served(url, wanted, model, reason)
        return
    loaded, registry, default = _open(project)
    change = set_traffic(
        registry,
        ledger_of(loaded.root),
        loaded.spec.name,
        wanted,
        actor=this_actor(),
        reason=reason,
        default=default,
    )
    word = "is already" if change.entry is None else "is now"
    output().print(f"the traffic of {loaded.spec.name} {word} {wanted}")


@traffic.command()
def show(
    project: ProjectOption = Path(),
    url: UrlOption = None,
    model: ModelOption = None,
    as_json: AsJson = False,
) -> None:
    """Show which versions answer which share."""
    if url is not None:
        from fairlead.workflows.admin import get_traffic

        _show_served(get_traffic(url, model), as_json=as_json)
        return
    from fairlead.workflows.traffic import ledger_of, show_traffic

    loaded, registry, default = _open(project)
    name = loaded.spec.name
    shown = show_traffic(registry, ledger_of(loaded.root), name, default)
    document = {"model": name, **shown.to_json()}
    if as_json:
        typer.echo(json.dumps(document, indent=1))
        return
    rows = [
        (reference, _or_dash(route["version"]), _or_dash(route["candidate"]), route["percent"])
        for reference, route in document["routes"].items()
    ]
    _print_table(name, ("route", "version", "candidate", "percent"), rows, document)
    if last := document["last_change"]:
        reason = f": {last['reason']}" if last["reason"] else ""
        output().print(f"last changed {last['at'][:19]}Z by {last['actor']}{reason}")


def _set_served(url: str, wanted: Traffic, model: str | None, reason: str) -> None:
    from fairlead.settings import read_settings
    from fairlead.workflows.admin import put_traffic

    secret = read_settings().admin_token
    token = None if secret is None else secret.get_secret_value()
    put_traffic(url, token, wanted, model, reason)
    output().print(f"the service answers with {wanted}")


def _weights(shares: list[str]) -> dict[str, float]:
    from fairlead.errors import TrafficError

    weights: dict[str, float] = {}
    for share in shares:
        route, separator, number = share.partition("=")
        try:
            weight = float(number.removesuffix("%"))
        except ValueError:
            separator = ""
        if not separator:
            raise TrafficError((f"found {share!r}, expected ROUTE=SHARE, such as champion=90",))
        if route in weights:
            raise TrafficError((f"{route} is named twice",))
        weights[route] = weight
    return weights


def _show_served(document: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(document, indent=1))
        return
    routes = document["routes"]
    total = sum(route["weight"] for route in routes.values())
    rows = [
        (name, route["version"], 100 * route["weight"] / total) for name, route in routes.items()
    ]
    _print_table(document["model"], ("route", "version", "percent"), rows, document)


def _print_table(
    title: str, columns: tuple[str, ...], rows: list[tuple[Any, ...]], document: dict[str, Any]
) -> None:
    from rich.table import Table

    table = Table(*columns, title=title)
    for row in rows:
        table.add_row(*(f"{cell:g}" if isinstance(cell, float) else str(cell) for cell in row))
    output().print(table)
    for key in ("shadow", "sticky"):
        if document[key]:
            output().print(f"{key}: {document[key]}")


def _or_dash(value: Any) -> Any:
    return "–" if value is None else value
