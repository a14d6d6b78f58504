"""The ledger of a project as people read it, and whether it is what was written."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from fairlead import notebook
from fairlead.errors import TrafficError
from fairlead.notebook import as_text
from fairlead.project.loading import Project
from fairlead.registry.ledger_lines import Entry
from fairlead.registry.moves import ALIASES, reconcile
from fairlead.registry.port import ModelRegistry
from fairlead.registry.publication import DECIDED, witness
from fairlead.registry.traffic import from_json
from fairlead.workflows.traffic import KIND as TRAFFIC
from fairlead.workflows.traffic import ledger_of

if TYPE_CHECKING:
    from rich.table import Table

COLUMNS = ("#", "at", "what", "change", "by", "reason")


@dataclass(frozen=True)
class History:
    """The entries of a model, the latest last.

    Attributes:
        model: its name.
        entries: what was decided and moved.
        pending: numbers of the entries that have not taken effect yet.
    """

    model: str
    entries: tuple[Entry, ...]
    pending: tuple[int, ...] = ()

    def to_json(self) -> list[dict[str, Any]]:
        """As plain JSON values."""
        return [{**vars(each), "pending": each.sequence in self.pending} for each in self.entries]

    def render(self) -> Table:
        """For a terminal."""
        from rich.table import Table
        from rich.text import Text

        table = Table(*COLUMNS, title=self.model)
        for entry in self.entries:
            table.add_row(*map(Text, self._row(entry)))
        return table

    def __repr__(self) -> str:
        return as_text(self.render())

    def _repr_html_(self) -> str:
        return notebook.view(self.model, notebook.table(COLUMNS, map(self._row, self.entries)))

    def _row(self, entry: Entry) -> tuple[str, ...]:
        what = entry.kind + (", forced" if _fields(entry.after).get("forced") else "")
        what += ", unfinished" if entry.sequence in self.pending else ""
        at = f"{entry.at[:19].replace('T', ' ')}Z"
        return (str(entry.sequence), at, what, change_of(entry), entry.actor, entry.reason)


def change_of(entry: Entry) -> str:
    """What an entry changed, in words."""
    before, after = _fields(entry.before), _fields(entry.after)
    if entry.kind == DECIDED:
        return str(after.get("verdict", ""))
    if isinstance(moves := after.get(ALIASES), dict):
        old = _fields(before.get(ALIASES))
        return ", ".join(
            f"{alias} {_version(old.get(alias))} → {_version(version)}"
            for alias, version in moves.items()
        )
    if entry.kind == TRAFFIC:
        return f"{_traffic(entry.before)} → {_traffic(entry.after)}"
    return ""


def read_history(registry: ModelRegistry, project: Project, now: datetime) -> History:
    """All that was decided on a project's model; what others have moved is noticed first.

    Raises:
        LedgerError: the ledger cannot be read.
        RegistryUnavailableError: the registry does not answer.
    """
    ledger, name = ledger_of(project.root), project.spec.name
    reconcile(registry, ledger, name, now)
    pending = tuple(each.sequence for each in ledger.pending())
    return History(name, ledger.entries(name), pending)


def verify_history(registry: ModelRegistry, project: Project) -> int:
    """Check the ledger against itself, its head, and the end that the registry knows.

    Returns:
        How many entries there are.

    Raises:
        LedgerError: the first line that is not what was written, or that is gone.
    """
    ledger = ledger_of(project.root)
    return ledger.verify(witness(registry, ledger, project.spec.name))


def _fields(state: Any) -> dict[str, Any]:
    return state if isinstance(state, dict) else {}


def _version(version: Any) -> str:
    return "–" if version is None else str(version)


def _traffic(state: Any) -> str:
    try:
        return str(from_json(state))
    except TrafficError:
        return "?"
