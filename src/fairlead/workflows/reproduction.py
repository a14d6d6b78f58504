"""What came of making a version again: then and now, for people and for programs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from fairlead.workflows.recorded_data import FoundData

PLACES = 4
SHOWN = 8
"""So many differences of a kind are shown; `to_json` has all."""


@dataclass(frozen=True)
class Change:
    """Something that is not what it was; None where it was not, or is not, there."""

    name: str
    then: Any
    now: Any


@dataclass(frozen=True)
class Metric:
    """One metric of the version and of what was made again; None where it is not defined.

    Attributes:
        source: `cv`, `holdout` or `oob`.
        name: such as `rmse` or `recall[setosa]`.
        then, now: the two values.
    """

    source: str
    name: str
    then: float | None
    now: float | None

    @property
    def difference(self) -> float | None:
        """Now less then."""
        return None if self.then is None or self.now is None else self.now - self.then

    @property
    def is_same(self) -> bool:
        """Whether the difference is 0.0000, to four places."""
        if self.difference is None:
            return self.then is self.now
        return f"{abs(self.difference):.{PLACES}f}" == f"{0:.{PLACES}f}"


@dataclass(frozen=True)
class Graphs:
    """The graph of the version and the one that was made again.

    Attributes:
        then, now: their SHA-256.
        differences: what differs, line by line; nothing where the bytes are equal.
        golden_rows: the version's golden rows, scored by the new graph.
        golden_differing: how many it scores otherwise; None where it takes other columns.
    """

    then: str
    now: str
    differences: tuple[str, ...]
    golden_rows: int
    golden_differing: int | None

    @property
    def is_same(self) -> bool:
        """Whether they are equal byte for byte."""
        return self.then == self.now


@dataclass(frozen=True)
class Reproduction:
    """A version beside what was made again of its record.

    Attributes:
        version: what was made again, for people.
        candidate: its candidate.
        digest: of its bundle.
        code: where the code came from that made it again.
        graphs: the two graphs.
        metrics: those of the version, in its order.
        data: what it was trained on again.
        changes: subject (`code`, `project file`, `libraries`, `platform`, `lock files`) -> what
            is not as it was; None where the version does not record it.
        remarks: what is to be known besides.
    """

    version: str
    candidate: str
    digest: str
    code: str
    graphs: Graphs
    metrics: tuple[Metric, ...]
    data: FoundData
    changes: Mapping[str, tuple[Change, ...] | None]
    remarks: tuple[str, ...] = ()

    @property
    def is_reproduced(self) -> bool:
        """Whether data and graph are the same to the byte, and the metrics to 0.0000."""
        same = self.graphs.is_same and all(metric.is_same for metric in self.metrics)
        return self.data.is_recorded and same

    @property
    def verdict(self) -> str:
        """`reproduced`, or `not reproduced` and what may be the reason."""
        if self.is_reproduced:
            return "reproduced"
        return f"not reproduced: {self._reason()}"

    def _reason(self) -> str:
        if not self.data.is_recorded:
            return "the data differs"
        # The project file is not among them: it is the recorded one that was trained again.
        suspects = [
            subject for subject in ("code", "libraries", "platform") if self.changes.get(subject)
        ]
        if suspects:
            return (
                f"{_listed(suspects)} differ{'s' if suspects in (['code'], ['platform']) else ''}"
            )
        unknown = [subject for subject, found in self.changes.items() if found is None]
        if unknown:
            return f"the bundle does not record {_listed(unknown)}"
        return "nothing that is recorded differs; this is a bug, please report it"

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values, numbers with every bit."""
        # The path may be one in a folder that is gone by now.
        data = {key: value for key, value in asdict(self.data).items() if key != "path"}
        return {
            "verdict": self.verdict,
            "reproduced": self.is_reproduced,
            "version": self.version,
            "candidate": self.candidate,
            "digest": self.digest,
            "code": self.code,
            "graph": {"same": self.graphs.is_same, **asdict(self.graphs)},
            "metrics": [
                {**asdict(each), "difference": each.difference, "same": each.is_same}
                for each in self.metrics
            ],
            "data": data,
            "changes": {
                subject: None if found is None else [asdict(each) for each in found]
                for subject, found in self.changes.items()
            },
            "remarks": list(self.remarks),
        }

    def render(self) -> RenderableType:
        """For a terminal."""
        table = Table("", "then", "now", "", title=f"{self.version}: {self.candidate}")
        for row in (*self._artifacts(), *self._changes()):
            table.add_row(*row)
        table.add_section()
        for each in self.metrics:
            name = f"{each.source} {each.name}"
            shown = [_decimal(each.then), _decimal(each.now), _decimal(each.difference)]
            table.add_row(name, *shown[:2], shown[2] if each.is_same else f"{shown[2]} differs")
        lines = [f"Made again with {self.code}.", *self._notes()]
        style = "bold green" if self.is_reproduced else "bold red"
        return Group(table, *map(Text, lines), Text(self.verdict, style))

    def _artifacts(self) -> Iterator[tuple[str, str, str, str]]:
        graphs, data = self.graphs, self.data
        same = "same bytes" if graphs.is_same else "differs"
        yield "graph, SHA-256", graphs.then[:12], graphs.now[:12], same
        differing = graphs.golden_differing
        told = "other columns" if differing is None else f"{differing} differ" if differing else ""
        yield "golden rows", str(graphs.golden_rows), "", told or "same"
        found = "–" if data.fingerprint is None else data.fingerprint[:12]
        kept = "same" if data.fingerprint == data.recorded else "differs"
        yield "data, fingerprint", data.recorded[:12], found, kept
        if data.rows_then != data.rows_now:
            yield "data, rows", _cell(data.rows_then), _cell(data.rows_now), "differs"

    def _changes(self) -> Iterator[tuple[str, str, str, str]]:
        for subject, found in self.changes.items():
            if not found:
                yield subject, "", "", "not recorded" if found is None else "same"
                continue
            for each in found[:SHOWN]:
                yield f"{subject}: {each.name}", _cell(each.then), _cell(each.now), "differs"
            if len(found) > SHOWN:
                yield f"{subject}: {len(found) - SHOWN} more", "", "", "differ"

    def _notes(self) -> Iterator[str]:
        more = len(self.graphs.differences) - SHOWN
        yield from self.graphs.differences[:SHOWN]
        if more > 0:
            yield f"and {more} more parts of the graph"
        if not self.data.is_recorded:
            yield f"The recorded data are nowhere: it was trained on {self.data.origin} as it is."
        elif self.data.fingerprint != self.data.recorded:
            yield f"The recorded data are not in the project; taken from {self.data.origin}."
        yield from self.data.remarks
        yield from self.remarks


def _listed(names: Sequence[str]) -> str:
    *first, last = (f"the {name}" for name in names)
    return f"{', '.join(first)} and {last}" if first else last


def _decimal(value: float | None) -> str:
    return "–" if value is None else f"{value:,.{PLACES}f}".replace("-0.0000", "0.0000")


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    text = str(value)
    return text if len(text) <= 40 else f"{text[:39]}…"
