"""The command `fairlead`: puts the commands together and turns errors into messages."""

from __future__ import annotations

import sys
from typing import Annotated, NoReturn

import typer

from fairlead import __version__
from fairlead.cli import models, projects, serving
from fairlead.cli.terminal import errors
from fairlead.errors import ExtraMissingError, FairleadError

EXTRAS = {
    **dict.fromkeys(
        ("joblib", "matplotlib", "onnx", "polars", "psutil", "sklearn", "threadpoolctl"), "train"
    ),
    **dict.fromkeys(("mlflow", "pandas", "sqlalchemy", "alembic"), "mlflow"),
}
"""Module -> the extra that brings it."""

app = typer.Typer(
    name="fairlead",
    help="From train.py to a governed, monitored, fast production service.",
    epilog="Start with `fairlead train PROJECT`, then `fairlead serve PROJECT`.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
app.add_typer(projects.data, name="data")
app.add_typer(models.models, name="models")
app.add_typer(serving.bundle, name="bundle")
app.command()(projects.check)
app.command()(projects.train)
app.command()(projects.leaderboard)
app.command()(projects.schema)
app.command()(serving.serve)


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
    """Run the command line; an error of Fairlead's own ends with its message and status 1."""
    try:
        app()
    except FairleadError as error:
        _end(error)
    except ModuleNotFoundError as error:
        extra = EXTRAS.get((error.name or "").partition(".")[0])
        if extra is None:
            raise
        _end(ExtraMissingError(f"this command uses {error.name} and", extra))
    except KeyboardInterrupt:
        sys.exit(130)


def _end(error: FairleadError) -> NoReturn:
    errors().print(f"[bold red]error[/] [dim]({error.code})[/]", end=" ")
    errors().print(str(error), markup=False, highlight=False)
    sys.exit(1)


if __name__ == "__main__":
    main()
