"""Commands that run Fairlead's verbs as flows of Prefect, and one that they need."""

from __future__ import annotations

import shlex
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from fairlead.cli.terminal import ProjectOption, ProjectPath, errors, output, seconds_of

flow = typer.Typer(help="Run Fairlead's verbs as flows of Prefect.", no_args_is_help=True)


class Verb(StrEnum):
    """What there is a flow of."""

    train = "train"
    drift = "drift"
    batch = "batch"
    retrain = "retrain"
    monitor = "monitor"


@flow.command()
def run(
    verb: Annotated[Verb, typer.Argument(help="Which flow.")],
    project: ProjectPath = Path(),
    rows: Annotated[Path | None, typer.Option(help="Of batch: the file to score.")] = None,
    to: Annotated[Path | None, typer.Option(help="Of batch: where predictions go.")] = None,
) -> None:
    """Run a flow here and now; where Prefect is set to no server, it needs none."""
    from fairlead.wiring import run_flow

    given = {"--rows": rows, "--to": to}
    for option, value in given.items():
        if (value is None) == (verb is Verb.batch):
            expected = "needed" if verb is Verb.batch else "of `batch` alone"
            raise typer.BadParameter(f"it is {expected}", param_hint=option)
    files = {} if rows is None or to is None else {"rows": rows, "to": to}
    run_flow(verb.value, project, files)
    errors().print(f"the flow {verb.value} of {project} has ended")


@flow.command()
def serve(
    project: ProjectPath = Path(),
    every: Annotated[str, typer.Option(help="Time between two looks: 10m, 1h.")] = "1h",
) -> None:
    """Run what Prefect's server schedules, and retrain on alerts, until Ctrl-C."""
    from fairlead.wiring import serve_flows
    from fairlead.workflows.load import load

    every_s = seconds_of(every, "--every")
    if not every_s:
        raise typer.BadParameter("found 0, expected a time such as 1h", param_hint="--every")
    loaded = load(project)
    schedule = loaded.spec.retraining.schedule
    told = f"retraining by `{schedule}` (UTC)" if schedule else "retraining by alerts alone"
    errors().print(f"serving the flows of {loaded.spec.name}: {told}, a look every {every}")
    serve_flows(loaded, every_s)


def predict(
    rows: Annotated[Path, typer.Argument(metavar="FILE", help="CSV or Parquet.")],
    to: Annotated[Path, typer.Option(help="CSV or Parquet, which is written whole.")],
    project: ProjectOption = Path(),
    version: Annotated[
        str, typer.Option("--version", "-v", help="Alias, candidate or version number.")
    ] = "champion",
) -> None:
    """Score a file: its rows with what is predicted for each."""
    from fairlead.bundle.reading import load_bundle
    from fairlead.wiring import model_registry
    from fairlead.workflows.load import load
    from fairlead.workflows.predict import predict
    from fairlead.workflows.store import bundle_store

    loaded = load(project)
    registry = model_registry(loaded.root)
    found = registry.resolve(loaded.spec.name, version)
    bundle = load_bundle(registry.fetch(found, bundle_store(loaded)))
    count = predict(bundle, rows, to)
    output().print(f"{count:,} rows by {found}, written to {shlex.quote(str(to))}")
