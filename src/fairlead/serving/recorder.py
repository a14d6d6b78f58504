"""Counters of one worker, cheap where requests are answered."""

from __future__ import annotations

import os
import sys
import time
from collections import Counter, deque
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fairlead.bundle.golden import Scores
from fairlead.bundle.reading import Bundle
from fairlead.serving.counted import Counted, Info, Requests, Snapshot, Worker
from fairlead.serving.watch import Watch

SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
BOUNDS = np.array(SECONDS)
BUCKETS = len(SECONDS) + 1
STATM_RESIDENT = 1
FDS = "/proc/self/fd"


class Declared(NamedTuple):
    """A counter.

    Attributes:
        help: what Prometheus says of it.
        labels: name -> its values; None for names of what is served.
    """

    help: str
    labels: dict[str, tuple[str, ...] | None]


PAIR = {"model": None, "version": None, "shadow": None}
COUNTERS = {
    "shed": Declared(
        "Requests and connections turned away under load.",
        {"reason": ("queue_full", "deadline", "connections")},
    ),
    "reloads": Declared("Versions that were to be loaded.", {"outcome": ("loaded", "refused")}),
    "prediction_log_rows": Declared(
        "Rows for the prediction log.", {"outcome": ("written", "dropped")}
    ),
    "labels": Declared(
        "Labels that callers sent.",
        {"model": None, "outcome": ("received", "refused", "unwritable")},
    ),
    "shadow_rows": Declared(
        "Rows that a shadow scored too.",
        {**PAIR, "outcome": ("compared", "disagreed", "refused", "unmatched")},
    ),
    "shadow_requests": Declared(
        "Requests for a shadow.", {**PAIR, "outcome": ("scored", "failed", "skipped")}
    ),
    "log_lines_lost": Declared("Pieces of the log that nobody took.", {}),
    "spans_lost": Declared("Sampled spans that the collector never took.", {}),
}

Pending = tuple[int, float, NDArray[np.float64] | None, Scores | None, int]


class Series:
    """Requests with the same labels. Made by `Recorder.series`."""

    def __init__(self, labels: tuple[str, str, str, str], watch: Watch | None) -> None:
        self._labels = labels
        self.watch = watch
        self._statuses: Counter[int] = Counter()
        self._seconds = np.zeros(BUCKETS, np.int64)
        self._seconds_sum = 0.0
        self._scored = self._refused = 0
        self.pending: list[Pending] = []

    def fold(self, minute: int) -> None:
        """Take the pending requests into the sums."""
        pending, self.pending = self.pending, []
        statuses, durations, inputs, scores, refusals = zip(*pending, strict=True)
        self._statuses.update(statuses)
        seconds = np.array(durations)
        self._seconds += np.bincount(np.searchsorted(BOUNDS, seconds), minlength=BUCKETS)
        self._seconds_sum += float(seconds.sum())
        refused = sum(refusals)
        self._refused += refused
        scored = [
            (X, each.prediction)
            for X, each in zip(inputs, scores, strict=True)
            if X is not None and each is not None
        ]
        self._scored += sum(len(X) for X, _ in scored)
        if self.watch is not None:
            self.watch.add(minute, seconds, refused)
            if scored:
                inputs, predictions = zip(*scored, strict=True)
                X = inputs[0] if len(inputs) == 1 else np.concatenate(inputs)
                if len(X):
                    self.watch.add_rows(minute, X, predictions)

    def requests(self) -> Requests:
        """The totals."""
        statuses: Counter[str] = Counter()
        for status, count in self._statuses.items():
            statuses[f"{status // 100}xx"] += count
        return Requests(
            *self._labels,
            dict(statuses),
            self._seconds.tolist(),
            self._seconds_sum,
            self._scored,
            self._refused,
        )


class Recorder:
    """Counts what one worker does; all but `watch`, `series`, `count`, `total` on its event loop.

    A request costs an append; `fold` does the sums of many at once.
    """

    def __init__(self) -> None:
        self._started = time.time()
        self._watches: dict[tuple[str, str], Watch] = {}
        self._series: dict[tuple[str, str, str, str, str], Series] = {}
        self._pending: list[Series] = []
        self._events: deque[tuple[str, tuple[str, ...], int]] = deque()
        self._counts: Counter[tuple[str, tuple[str, ...]]] = Counter()
        self._totals: dict[tuple[str, tuple[str, ...]], int] = {}
        self._generation = ""
        self._serves: tuple[Info, ...] = ()

    def watch(self, model: str, version: str, bundle: Bundle) -> None:
        """Gather statistics of a version, from the next `series` of it on."""
        known = self._watches.get((model, version))
        if known is None or known.info.digest != bundle.digest:
            self._watches[model, version] = Watch(model, version, bundle)

    def series(self, model: str, version: str, route: str, operation: str) -> Series:
        """Where requests with these labels are counted; the same one each time.

        Args:
            model: name that it is served under; empty for what is no prediction.
            version: its label.
            route: such as `champion`.
            operation: such as `predict`; never a caller's text.
        """
        watch = self._watches.get((model, version))
        labels = (model, version, route, operation)
        key = (*labels, "" if watch is None else watch.info.digest)
        series = self._series.get(key)
        if series is None:
            series = self._series.setdefault(key, Series(labels, watch))
        series.watch = watch
        return series

    def serve(self, generation: str, versions: Iterable[tuple[str, str]]) -> None:
        """Tell what is served from now on; statistics of other versions go after an hour.

        Args:
            generation: of the routing table.
            versions: model and label of what is watched.
        """
        served = set(versions)
        minute = _minute()
        self._generation = generation
        self._serves = tuple(
            self._watches[key].info for key in sorted(served & self._watches.keys())
        )
        for key, watch in list(self._watches.items()):
            if key not in served and not watch.recent(minute).any():
                del self._watches[key]
        kept = set(self._watches.values())
        for series in list(self._series.values()):
            if series.watch not in kept:
                series.watch = None

    def add(
        self,
        series: Series,
        status: int,
        seconds: float,
        X: NDArray[np.float64] | None,
        scores: Scores | None,
        refused: int,
    ) -> None:
        """Count one answered request.

        Args:
            series: its labels.
            status: of the answer.
            seconds: from the request's first byte to its answer.
            X: shape (n, columns), what was scored; never changed again.
            scores: of those rows; None when there was none.
            refused: rows that broke the contract.
        """
        pending = series.pending
        if not pending:
            self._pending.append(series)
        pending.append((status, seconds, X, scores, refused))

    def count(self, name: str, amount: int = 1, **labels: str) -> None:
        """Add to one of `COUNTERS`.

        Raises:
            KeyError: it is not declared, or not with these labels.
        """
        self._events.append((name, _values(name, labels), amount))

    def total(self, name: str, value: int, **labels: str) -> None:
        """Set one of `COUNTERS` that something else adds up; not together with `count`.

        Raises:
            KeyError: it is not declared, or not with these labels.
        """
        self._totals[name, _values(name, labels)] = value

    def fold(self) -> None:
        """Take what was added since the last time into the sums."""
        pending, self._pending = self._pending, []
        minute = _minute()
        # Values at the end of the range of float64 are a caller's business.
        with np.errstate(over="ignore", invalid="ignore"):
            for series in pending:
                series.fold(minute)
        while self._events:
            name, labels, amount = self._events.popleft()
            self._counts[name, labels] += amount

    def snapshot(self, worker_id: str, *, ready: bool) -> Snapshot:
        """All that was counted so far."""
        self.fold()
        minute = _minute()
        worker = Worker(
            worker_id,
            os.getpid(),
            self._started,
            time.time(),
            ready,
            self._generation,
            self._serves,
            time.process_time(),
            *_resources(),
        )
        counts = {**self._counts, **self._totals}.items()
        requests = [series.requests() for series in list(self._series.values())]
        return Snapshot(
            workers=(worker,),
            since=self._started,
            requests=[each for each in requests if each.statuses],
            counters=[Counted(name, labels, value) for (name, labels), value in counts],
            seen=[watch.seen(minute) for watch in list(self._watches.values())],
        )


def _values(name: str, labels: dict[str, str]) -> tuple[str, ...]:
    declared = COUNTERS[name].labels
    if declared.keys() != labels.keys():
        raise KeyError(f"{name} has the labels {', '.join(declared) or '(none)'}")
    for label, allowed in declared.items():
        if allowed is not None and labels[label] not in allowed:
            raise KeyError(f"{label} of {name} is one of {', '.join(allowed)}")
    return tuple(labels[label] for label in declared)


def _minute() -> int:
    return int(time.time() // 60)


def _resources() -> tuple[int | None, int | None]:
    """Resident bytes and open files of this process, where the system tells them."""
    if sys.platform != "linux":
        return None, None
    with open("/proc/self/statm", "rb") as file:  # noqa: PTH123 (half the time of pathlib)
        pages = int(file.read().split()[STATM_RESIDENT])
    # Since Linux 6.2 the folder's size is the number of its files.
    files = os.stat(FDS).st_size or len(os.listdir(FDS))  # noqa: PTH116, PTH208
    return pages * os.sysconf("SC_PAGE_SIZE"), files
