"""What commands share: their arguments, the consoles, the progress bars.

The consoles print text as it is: a path or a category may look like rich's markup.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

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


class TrainingBars:
    """One progress bar per candidate."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._bars: dict[str, TaskID] = {}

    def start(self, totals: Mapping[str, int]) -> None:
        """Show the candidates."""
        for name, total in totals.items():
            self._bars[name] = self._progress.add_task(name, total=total)

    def advance(self, candidate: str, steps: int) -> None:
        """Move a candidate's bar."""
        self._progress.advance(self._bars[candidate], steps)


@contextmanager
def training_bars() -> Iterator[TrainingBars]:
    """Bars while candidates are trained; plain silence where there is no terminal."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    console = errors()
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        yield TrainingBars(progress)


@contextmanager
def download_bar(name: str) -> Iterator[Callable[[int, int | None], None]]:
    """A bar for one download: called with the bytes so far and the bytes in all."""
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    description = TextColumn("{task.description}", markup=False)
    columns = (description, BarColumn(), DownloadColumn(), TransferSpeedColumn())
    console = errors()
    quiet = not console.is_terminal
    with Progress(*columns, console=console, disable=quiet, transient=True) as progress:
        bar = progress.add_task(name, total=None)
        yield lambda done, total: progress.update(bar, completed=done, total=total)
