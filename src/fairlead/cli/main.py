"""The command `fairlead`: puts the commands together and turns errors into messages."""

from __future__ import annotations

import io
import sys
from typing import Annotated, NoReturn

import typer

from fairlead import __version__
from fairlead.cli import (
    alerts,
    canary,
    drift,
    flows,
    governance,
    labels,
    log,
    models,
    monitor,
    projects,
    quality,
    retraining,
    serving,
    shadow,
    traffic,
)
from fairlead.cli.groups import TakesProject
from fairlead.cli.terminal import errors
from fairlead.errors import ExtraMissingError, FairleadError

EXTRAS = {
    **dict.fromkeys(
        ("cronsim", "joblib", "matplotlib", "onnx", "polars", "psutil", "sklearn", "threadpoolctl"),
        "train",
    ),
    **dict.fromkeys(("mlflow", "pandas", "sqlalchemy", "alembic"), "mlflow"),
    "duckdb": "monitor",
    "optuna": "search",
    "prefect": "prefect",
}
"""Module -> the extra that brings it."""

app = typer.Typer(
    name="fairlead",
    help="From train.py to a governed, monitored, fast production service.",
    epilog="Start with `fairlead init DATA.csv --target COLUMN`, then `fairlead train PROJECT`.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
app.add_typer(projects.data, name="data")
app.add_typer(models.models, name="models")
app.add_typer(serving.bundle, name="bundle")
app.add_typer(traffic.traffic, name="traffic")
app.add_typer(canary.canary, name="canary")
app.add_typer(shadow.shadow, name="shadow")
app.add_typer(log.log, name="log")
app.add_typer(governance.history, name="history")
app.command()(governance.promote)
app.command()(governance.approve)
app.command()(governance.rollback)
app.add_typer(labels.labels, name="labels")
app.add_typer(monitor.monitor, name="monitor")
app.add_typer(alerts.alerts, name="alerts")
app.add_typer(flows.flow, name="flow")
app.command()(projects.init)
app.command()(projects.adopt)
app.command()(projects.check)
app.command()(projects.train)
app.command()(projects.leaderboard)
app.command()(drift.drift)
app.command()(projects.score)
app.command()(models.reproduce)
app.command()(projects.report)
app.command()(projects.schema)
app.command()(quality.quality)
app.command()(serving.serve)
app.command()(flows.predict)
app.command()(retraining.retrain)


def _take_projects(commands: typer.Typer) -> None:
    for command in commands.registered_commands:
        command.cls = TakesProject
    for group in commands.registered_groups:
        if group.typer_instance is not None:
            _take_projects(group.typer_instance)


_take_projects(app)


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(f"fairlead {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Say which.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command line; what the user or the system can mend ends in a message and status 1."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # Not every terminal and not every pipe has the characters of the tables.
            stream.reconfigure(errors="replace")
    try:
        app()
    except FairleadError as error:
        _end(error.code, str(error))
    except OSError as error:
        # No folder where one must be, no permission, no space: what no workflow foresees.
        _end("system", str(error))
    except ModuleNotFoundError as error:
        extra = EXTRAS.get((error.name or "").partition(".")[0])
        if extra is None:
            raise
        missing = ExtraMissingError(f"this command uses {error.name} and", extra)
        _end(missing.code, str(missing))
    except KeyboardInterrupt:
        sys.exit(130)


def _end(code: str, message: str) -> NoReturn:
    from rich.text import Text

    errors().print(Text.assemble(("error", "bold red"), " ", (f"({code})", "dim"), " ", message))
    sys.exit(1)


if __name__ == "__main__":
    main()
