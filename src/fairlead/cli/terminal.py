"""What commands share: their arguments and the consoles.

The consoles print text as it is: a path or a category may look like rich's markup.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

ProjectPath = Annotated[
    Path,
    typer.Argument(
        metavar="PROJECT", help="Folder with fairlead.yaml, or the file; also as --project, -p."
    ),
]
ProjectOption = Annotated[
    Path, typer.Option("--project", "-p", help="Folder with fairlead.yaml, or the file.")
]
ReasonOption = Annotated[str, typer.Option(help="Why, for the ledger.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


def seconds_of(text: str, option: str) -> float:
    """A time such as `30s`, `10m` or `2h`, in seconds; anything else ends the command."""
    from fairlead.project.parts import DURATION, seconds

    if not re.fullmatch(DURATION, text):
        problem = f"found {text!r}, expected a time such as 30s, 10m or 2h"
        raise typer.BadParameter(problem, param_hint=option)
    return seconds(text)


def output() -> Console:
    """Where results go; not narrower than the tables need when it is not a terminal."""
    console = Console(markup=False, highlight=False)
    if not console.is_terminal:
        console.width = max(console.width, 120)
    return console


def errors() -> Console:
    """Where errors, progress and hints go."""
    return Console(stderr=True, soft_wrap=True, markup=False, highlight=False)
