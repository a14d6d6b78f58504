"""What workers have counted, as records, and how those of several are added up."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

MINUTES = 60
"""How far the windowed statistics go back."""
STALE_S = 10.0
"""A worker that has not written for so long does not count as living."""


class Info(Struct, frozen=True, array_like=True):
    """A version that a worker serves."""

    model: str
    version: str
    digest: str
    candidate: str


class Worker(Struct, frozen=True):
    """A process that answers requests.

    Attributes:
        id: of this process among its siblings.
        pid: its process.
        started: seconds since 1970.
        written_at: seconds since 1970, of this snapshot.
        ready: whether requests are welcome.
        generation: of the routing table that it serves.
        serves: the versions that it serves.
        cpu_s: processor time that it has used.
        resident_bytes: memory that it holds; None where the system does not tell.
        open_files: files and connections; None where the system does not tell.
    """

    id: str
    pid: int
    started: float
    written_at: float
    ready: bool
    generation: str
    serves: tuple[Info, ...] = ()
    cpu_s: float = 0.0
    resident_bytes: int | None = None
    open_files: int | None = None

    @property
    def instance(self) -> str:
        """Names this process and no other, even one with the same id."""
        return f"{self.id}/{self.pid}/{self.started!r}"


class Requests(Struct, array_like=True):
    """Totals of one series since the start.

    Attributes:
        statuses: status class such as `2xx` -> requests.
        seconds: requests in each bucket of durations, the last one without a bound.
        seconds_sum: of all durations.
        scored: rows.
        refused: rows.
    """

    model: str
    version: str
    route: str
    operation: str
    statuses: dict[str, int]
    seconds: list[int]
    seconds_sum: float
    scored: int
    refused: int


class Column(Struct, frozen=True, array_like=True):
    """What is told of a column: of a category no mean; outside of what only if it has bounds."""

    name: str
    category: bool
    bounded: bool


class Seen(Struct, frozen=True):
    """What one version saw, minute by minute.

    Attributes:
        minutes: minutes since 1970.
        sums: width of a row's first part, which is added over workers; of the rest the largest
            is kept. `fairlead.serving.watch.Layout` tells what stands where.
        table: a row of float64 for each minute.
    """

    model: str
    version: str
    digest: str
    columns: tuple[Column, ...]
    classes: tuple[str, ...]
    sums: int
    minutes: tuple[int, ...]
    table: bytes

    def rows(self) -> NDArray[np.float64]:
        """Shape (minutes, width); not to be written to."""
        width = len(self.table) // (8 * len(self.minutes)) if self.minutes else 0
        return np.frombuffer(self.table).reshape(len(self.minutes), width)


class Counted(Struct, frozen=True, array_like=True):
    """One of the counters that `fairlead.serving.recorder` declares."""

    name: str
    labels: tuple[str, ...]
    value: int


class Snapshot(Struct):
    """What one worker has counted, or several.

    Attributes:
        workers: the worker itself; of several, those that live.
        since: when the first of them started, in seconds since 1970; None without any.
        requests: each series at most once.
        counters: each at most once.
        seen: the same version may stand here once for each worker.
        ended: names of the ended workers in it, whose own files no longer count.
    """

    workers: tuple[Worker, ...] = ()
    since: float | None = None
    requests: list[Requests] = []
    counters: list[Counted] = []
    seen: list[Seen] = []
    ended: list[str] = []


def merge(snapshots: Sequence[Snapshot], now: float | None = None) -> Snapshot:
    """Add up what several workers have counted.

    Args:
        snapshots: of different workers.
        now: seconds since 1970, to tell the living; the clock's if not given.
    """
    oldest = (time.time() if now is None else now) - STALE_S
    requests: dict[tuple[str, ...], Requests] = {}
    counters: dict[tuple[str, tuple[str, ...]], int] = {}
    for snapshot in snapshots:
        for series in snapshot.requests:
            key = (series.model, series.version, series.route, series.operation)
            known = requests.get(key)
            requests[key] = series if known is None else _added(known, series)
        for each in snapshot.counters:
            place = (each.name, each.labels)
            counters[place] = counters.get(place, 0) + each.value
    workers = (worker for snapshot in snapshots for worker in snapshot.workers)
    return Snapshot(
        workers=tuple(worker for worker in workers if worker.written_at > oldest),
        since=min((each.since for each in snapshots if each.since is not None), default=None),
        requests=list(requests.values()),
        counters=[Counted(name, labels, value) for (name, labels), value in counters.items()],
        seen=[seen for snapshot in snapshots for seen in snapshot.seen],
    )


def compact(seen: Iterable[Seen], minute: int) -> list[Seen]:
    """Add up the rows of the same version and minute; those over an hour old are dropped."""
    groups: dict[tuple[str, str, str], list[Seen]] = {}
    for each in seen:
        if each.minutes:
            groups.setdefault((each.model, each.version, each.digest), []).append(each)
    compacted = []
    for group in groups.values():
        rows = np.vstack([each.rows() for each in group])
        minutes = np.concatenate([each.minutes for each in group])
        recent = (minutes > minute - MINUTES) & (minutes <= minute)
        kept, place = np.unique(minutes[recent], return_inverse=True)
        if len(kept):
            sums = group[0].sums
            table = np.full((len(kept), rows.shape[1]), -np.inf)
            table[:, :sums] = 0
            np.add.at(table[:, :sums], place, rows[recent, :sums])
            np.maximum.at(table[:, sums:], place, rows[recent, sums:])
            compacted.append(
                msgspec.structs.replace(
                    group[0], minutes=tuple(kept.tolist()), table=table.tobytes()
                )
            )
    return compacted


def _added(one: Requests, other: Requests) -> Requests:
    statuses = dict(one.statuses)
    for status, count in other.statuses.items():
        statuses[status] = statuses.get(status, 0) + count
    return msgspec.structs.replace(
        one,
        statuses=statuses,
        seconds=[a + b for a, b in zip(one.seconds, other.seconds, strict=True)],
        seconds_sum=one.seconds_sum + other.seconds_sum,
        scored=one.scored + other.scored,
        refused=one.refused + other.refused,
    )
