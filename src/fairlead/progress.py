"""Bars where somebody looks: in a notebook and in a terminal; silence everywhere else."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from html import escape
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol

from rich.console import Console

from fairlead.notebook import view

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

REDRAWN_S = 0.2
"""A notebook's bars are drawn no more often than this."""


class Progress(Protocol):
    """Where a training tells how far it is, part by part."""

    def start(self, totals: Mapping[str, int]) -> None:
        """Parts begin: a candidate, its search, or `(nested)` -> number of steps."""

    def advance(self, candidate: str, steps: int) -> None:
        """A part has come `steps` further."""

    def note(self, candidate: str, text: str) -> None:
        """There is something to say of a part: such as the best of its search so far."""


class TerminalBars:
    """One bar per candidate."""

    def __init__(self, progress: RichProgress) -> None:
        self._progress = progress
        self._bars: dict[str, TaskID] = {}

    def start(self, totals: Mapping[str, int]) -> None:
        """Show the candidates."""
        for name, total in totals.items():
            self._bars[name] = self._progress.add_task(name, total=total, note="")

    def advance(self, candidate: str, steps: int) -> None:
        """Move a candidate's bar."""
        self._progress.advance(self._bars[candidate], steps)

    def note(self, candidate: str, text: str) -> None:
        """Say something behind a bar."""
        self._progress.update(self._bars[candidate], note=text)


class NotebookBars:
    """The same in the output of a cell, which is drawn anew; rich would need ipywidgets."""

    def __init__(self, shown: Callable[[str], None]) -> None:
        self._shown = shown
        self._totals: dict[str, int] = {}
        self._done: dict[str, int] = {}
        self._notes: dict[str, str] = {}
        self._began = self._drawn = time.monotonic()

    def start(self, totals: Mapping[str, int]) -> None:
        """Show the candidates."""
        self._totals |= totals
        self._done |= dict.fromkeys(totals, 0)
        self._draw()

    def advance(self, candidate: str, steps: int) -> None:
        """Move a candidate's bar."""
        self._done[candidate] += steps
        if time.monotonic() - self._drawn >= REDRAWN_S:
            self._draw()

    def note(self, candidate: str, text: str) -> None:
        """Say something behind a bar; it is drawn with the next step."""
        self._notes[candidate] = text

    def close(self, *, failed: bool) -> None:
        """Leave one line: what was trained, and how long it took."""
        took = f"{time.monotonic() - self._began:.1f} s"
        told = "stopped after" if failed else f"trained {', '.join(self._totals)} in"
        self._shown(view("", f'<p class="soft">{escape(f"{told} {took}")}</p>'))

    def _draw(self) -> None:
        self._drawn = time.monotonic()
        rows = "".join(
            f'<tr><td>{escape(name)}</td><td><progress value="{self._done[name]}" max="{total}">'
            f'</progress></td><td class="number">{self._done[name]:,} / {total:,}</td>'
            f"<td>{escape(self._notes.get(name, ''))}</td></tr>"
            for name, total in self._totals.items()
        )
        self._shown(view("", f"<table><tbody>{rows}</tbody></table>"))


@contextmanager
def training_bars() -> Iterator[Progress]:
    """Bars while candidates are trained."""
    if in_notebook():
        bars = NotebookBars(_cell_output())
        failed = True
        try:
            yield bars
            failed = False
        finally:
            bars.close(failed=failed)
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[note]}", markup=False),
    )
    console = _errors()
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        yield TerminalBars(progress)


@contextmanager
def download_bar(name: str) -> Iterator[Callable[[int, int | None], None]]:
    """A bar for one download: called with the bytes so far and the bytes in all."""
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    description = TextColumn("{task.description}", markup=False)
    columns = (description, BarColumn(), DownloadColumn(), TransferSpeedColumn())
    console = _errors()
    # A kernel's output calls itself a terminal, and is none.
    quiet = in_notebook() or not console.is_terminal
    with Progress(*columns, console=console, disable=quiet, transient=True) as progress:
        bar = progress.add_task(name, total=None)
        yield lambda done, total: progress.update(bar, completed=done, total=total)


def in_notebook() -> bool:
    """Whether this process is a notebook's kernel."""
    # A kernel has imported IPython; where it is not, nothing is to be imported to know that.
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return getattr(shell, "kernel", None) is not None


def _cell_output() -> Callable[[str], None]:
    """Where HTML is shown, in place of what was shown there before."""
    publishing: Any = import_module("IPython.display")
    handle = publishing.display(publishing.HTML(""), display_id=True)
    return lambda html: handle.update(publishing.HTML(html))


def _errors() -> Console:
    # In a notebook rich would ask for ipywidgets, and warn where they are not.
    return Console(stderr=True, soft_wrap=True, markup=False, highlight=False, force_jupyter=False)
