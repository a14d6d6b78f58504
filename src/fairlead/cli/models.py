"""Commands on registered versions and their aliases."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fairlead.cli.terminal import AsJson, ProjectOption, ReasonOption, output

if TYPE_CHECKING:
    from fairlead.project.loading import Project
    from fairlead.registry.moves import Act
    from fairlead.registry.port import ModelRegistry

models = typer.Typer(
    help="Look at registered versions and move their aliases.", no_args_is_help=True
)

Reference = Annotated[str, typer.Argument(help="Alias, candidate or version number.")]


def act_of(reason: str) -> Act:
    """Who runs this command, now."""
    from datetime import UTC, datetime

    from fairlead.registry.moves import Act
    from fairlead.workflows.traffic import this_actor

    return Act(this_actor(), datetime.now(UTC), reason)


def open_project(path: Path) -> tuple[Project, ModelRegistry]:
    """Load a project and open its registry."""
    from fairlead.wiring import model_registry
    from fairlead.workflows.load import load

    project = load(path)
    return project, model_registry(project.root)


@models.command("list")
def list_versions(project: ProjectOption = Path(), as_json: AsJson = False) -> None:
    """List the versions, their candidates and aliases."""
    from fairlead.workflows.models import Versions

    loaded, registry = open_project(project)
    versions = Versions(registry.versions(loaded.spec.name))
    if as_json:
        rows = [
            {
                "version": version.version,
                "candidate": version.candidate,
                "aliases": list(version.aliases),
                "digest": version.digest,
                "run_id": version.run_id,
                "created_at": version.created_at.isoformat(),
            }
            for version in versions
        ]
        typer.echo(json.dumps(rows, indent=1))
        return
    none = f"{loaded.spec.name} has no versions: fairlead train"
    output().print(versions.render() if versions else none)


@models.command()
def show(reference: Reference, project: ProjectOption = Path(), as_json: AsJson = False) -> None:
    """Show what a version is, how good it is and where it comes from."""
    from rich.markdown import Markdown

    from fairlead.workflows.models import describe

    loaded, registry = open_project(project)
    described = describe(registry, loaded.root, loaded.spec.name, reference)
    if as_json:
        typer.echo(json.dumps(described.manifest, indent=1))
        return
    output().print(Markdown(described.card))
    aliases = ", ".join(described.version.aliases) or "none"
    output().print(f"\nversion {described.version.version}, aliases: {aliases}")


@models.command()
def compare(
    a: Reference, b: Reference, project: ProjectOption = Path(), as_json: AsJson = False
) -> None:
    """Compare two versions: metrics, parameters and data, side by side, and on the same rows."""
    from fairlead.workflows.models import compare

    loaded, registry = open_project(project)
    compared = compare(registry, loaded, a, b)
    if as_json:
        typer.echo(json.dumps(compared.to_json(), indent=1))
    else:
        output().print(compared.render())


@models.command()
def alias(
    name: str, reference: Reference, project: ProjectOption = Path(), reason: ReasonOption = ""
) -> None:
    """Point an alias at a version; the champion moves by `fairlead promote` only."""
    from fairlead.workflows.models import move_alias
    from fairlead.workflows.traffic import ledger_of

    loaded, registry = open_project(project)
    ledger, model = ledger_of(loaded.root), loaded.spec.name
    version = move_alias(registry, ledger, model, name, reference, act_of(reason))
    output().print(f"{name} is now {version} ({version.candidate})")


def reproduce(
    version: Annotated[
        str, typer.Argument(help="Alias, candidate, number, or a bundle's folder or digest.")
    ],
    project: ProjectOption = Path(),
    checkout: Annotated[
        bool, typer.Option("--checkout", help="Take the code of its commit, in a git worktree.")
    ] = False,
    jobs: Annotated[int, typer.Option(min=0, help="Processes; 0 takes one per core.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Train a version again from its record, and compare it to the last bit."""
    from fairlead.wiring import reproduce
    from fairlead.workflows.load import load

    loaded = load(project)
    found = reproduce(loaded, version, checkout=checkout, jobs=jobs)
    if as_json:
        typer.echo(json.dumps(found.to_json(), indent=1, allow_nan=False))
    else:
        output().print(found.render())
    if not found.is_reproduced:
        raise typer.Exit(1)
