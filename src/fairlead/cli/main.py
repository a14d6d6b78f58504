"""The command `fairlead`: puts the commands together and turns errors into messages."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from fairlead import __version__
from fairlead.cli import models, projects, serving
from fairlead.cli.terminal import errors
from fairlead.errors import FairleadError

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
        errors().print(f"[bold red]error[/] [dim]({error.code})[/]", end=" ")
        errors().print(str(error), markup=False, highlight=False)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
