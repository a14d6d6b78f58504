"""What commands share: their arguments and the consoles.

The consoles print text as it is: a path or a category may look like rich's markup.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

ProjectPath = Annotated[
    Path, typer.Argument(metavar="[PROJECT]", help="Folder with fairlead.yaml, or the file.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


def output() -> Console:
    """Where results go; not narrower than the tables need when it is not a terminal."""
    console = Console(markup=False, highlight=False)
    if not console.is_terminal:
        console.width = max(console.width, 120)
    return console


def errors() -> Console:
    """Where errors, progress and hints go."""
    return Console(stderr=True, soft_wrap=True, markup=False, highlight=False)
