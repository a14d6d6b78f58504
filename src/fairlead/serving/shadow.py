"""Scores a copy of the traffic with a version that does not answer, beside the requests."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from fairlead.bundle.golden import Scores
from fairlead.serving.errors import RequestRefusedError
from fairlead.serving.exchange import Answer, Request

if TYPE_CHECKING:
    from fairlead.serving.predictor import Predictor
    from fairlead.serving.service import Deployment

log = logging.getLogger(__name__)

WAITING = 1024
"""Most requests that wait for the shadow; further ones are skipped."""
WAITING_BYTES = 16 * 2**20
"""Most bytes that they may hold."""
CPU_SHARE = 0.2
"""Share of one core that the shadow takes at most."""
IDLE_S = 0.05
PAIRS = 100
"""Most pairs of versions that are told of; the oldest are forgotten."""

Work = Callable[["Predictor", Request], Answer]
Record = Callable[["Deployment", str, Answer, float], None]


class Compared(msgspec.Struct):
    """How a shadow differs from the version that answered, since the process started.

    Attributes:
        model: the name that both are served under.
        primary: label of the version that answered.
        shadow: label of the version that did not.
        requests: number that the shadow has scored, or refused.
        rows: number that both have scored, one beside the other.
        disagreed: of those, rows with another class, or another number.
        difference_sum: over those rows, of the absolute differences: of a regression's numbers,
            of the class probabilities the largest one of the row.
        difference_max: the largest of them.
        refused: rows that the shadow does not score: they, or others of their request, break its
            contract.
        unmatched: rows that could not be put side by side, because the contracts differ.
        failed: requests on which the shadow failed by a fault of its own.
        skipped: requests that it did not see: too many were waiting.
        seconds: what it took to score them.
    """

    model: str
    primary: str
    shadow: str
    requests: int = 0
    rows: int = 0
    disagreed: int = 0
    difference_sum: float = 0.0
    difference_max: float = 0.0
    refused: int = 0
    unmatched: int = 0
    failed: int = 0
    skipped: int = 0
    seconds: float = 0.0

    def add(self, other: Compared) -> None:
        """Take over what another process, or another request, has counted."""
        for name in COUNTED:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.difference_max = max(self.difference_max, other.difference_max)


COUNTED = tuple(
    name
    for name in Compared.__struct_fields__
    if name not in ("model", "primary", "shadow", "difference_max")
)
Pair = tuple[str, str, str]


class _Copy(NamedTuple):
    """A request that was answered, and is to be scored once more."""

    primary: Deployment
    follower: Deployment
    work: Work
    request: Request
    scores: Scores
    refused: int
    size: int


class Shadow:
    """Follows the traffic of one process in a thread of its own, and never delays a request.

    Args:
        record: told of every request that the shadow has answered: its version, the request's
            id, the answer, the seconds. Called in the shadow's thread.
        cpu_share: share of one core that it takes at most, in (0, 1].
    """

    def __init__(self, record: Record | None = None, cpu_share: float = CPU_SHARE) -> None:
        self._record = record
        self._rest = 1 / cpu_share - 1
        self._waiting: deque[_Copy] = deque()
        # Each of these has one writer, so that no lock is needed where requests are answered.
        self._offered_bytes = 0
        self._done_bytes = 0
        self._skipped: dict[Pair, int] = {}
        self._pairs: dict[Pair, Compared] = {}
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._until = math.inf
        self._thread: threading.Thread | None = None

    def offer(
        self,
        primary: Deployment,
        follower: Deployment,
        work: Work,
        request: Request,
        answer: Answer,
    ) -> None:
        """Have an answered request scored by `follower` too, some time later.

        Takes a microsecond; is called by one thread alone, the one that answers.
        """
        if answer.scores is None or primary is follower:
            return
        size = len(request.body) + answer.X.nbytes
        full = self._offered_bytes - self._done_bytes + size > WAITING_BYTES
        if full or len(self._waiting) >= WAITING or self._closing.is_set():
            self._skip(primary, follower)
            return
        self._offered_bytes += size
        self._waiting.append(
            _Copy(primary, follower, work, request, answer.scores, answer.refused, size)
        )
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="shadow", daemon=True)
            self._thread.start()

    def compared(self) -> tuple[Compared, ...]:
        """What was found so far, one for each pair of versions."""
        with self._lock:
            found = {pair: msgspec.structs.replace(each) for pair, each in self._pairs.items()}
        for pair, skipped in list(self._skipped.items()):
            found.setdefault(pair, Compared(*pair)).skipped = skipped
        return tuple(found.values())

    def to_json(self) -> list[dict[str, Any]]:
        """The same for the network; `merged` adds up those of several processes."""
        return [msgspec.to_builtins(each) for each in self.compared()]

    def counts(self) -> Iterator[tuple[str, int, dict[str, str]]]:
        """The same for Prometheus: name of a counter, its value, its labels."""
        for each in self.compared():
            labels = {"model": each.model, "version": each.primary, "shadow": each.shadow}
            rows = {
                "compared": each.rows,
                "disagreed": each.disagreed,
                "refused": each.refused,
                "unmatched": each.unmatched,
            }
            requests = {
                "scored": each.requests - each.failed,
                "failed": each.failed,
                "skipped": each.skipped,
            }
            for name, counted in (("shadow_rows", rows), ("shadow_requests", requests)):
                for outcome, value in counted.items():
                    yield name, value, {**labels, "outcome": outcome}

    def close(self, timeout_s: float = 1.0) -> None:
        """Score what is left, for at most `timeout_s` seconds, and end the thread."""
        self._until = time.monotonic() + timeout_s
        self._closing.set()
        if self._thread is not None:
            self._thread.join(timeout_s)
        while self._waiting:
            try:
                left = self._waiting.popleft()
            except IndexError:
                break
            self._skip(left.primary, left.follower)

    def _run(self) -> None:
        while time.monotonic() < self._until:
            try:
                copy = self._waiting.popleft()
            except IndexError:
                if self._closing.is_set():
                    return
                self._closing.wait(IDLE_S)
                continue
            started = time.thread_time()
            self._follow(copy)
            self._done_bytes += copy.size
            del copy  # a deployment that is served no more must not wait for the next request
            # The pause is counted from the processor's time: waiting for the interpreter is free.
            self._closing.wait((time.thread_time() - started) * self._rest)

    def _follow(self, copy: _Copy) -> None:
        started = time.perf_counter()
        try:
            answer = copy.work(copy.follower.predictor, copy.request)
            seconds = time.perf_counter() - started
            found = _compared(copy, answer)
            if self._record is not None:
                self._record(copy.follower, copy.request.id, answer, seconds)
        except RequestRefusedError:
            seconds = time.perf_counter() - started
            found = {"refused": len(copy.scores.prediction)}
        except Exception as error:  # noqa: BLE001 (the edge of a thread: counted, and told once)
            seconds = time.perf_counter() - started
            found = {"failed": 1}
            self._tell(copy, error)
        self._count(copy.primary, copy.follower, requests=1, seconds=seconds, **found)

    def _tell(self, copy: _Copy, error: Exception) -> None:
        before = self._pairs.get(_pair(copy.primary, copy.follower))
        if before is None or before.failed == 0:
            fields = {"model": copy.follower.model, "model_version": copy.follower.label}
            log.error("shadow_failed", extra={**fields, "error": type(error).__name__})

    def _skip(self, primary: Deployment, follower: Deployment) -> None:
        pair = _pair(primary, follower)
        self._skipped[pair] = self._skipped.get(pair, 0) + 1
        if len(self._skipped) > PAIRS:
            del self._skipped[next(iter(self._skipped))]

    def _count(self, primary: Deployment, follower: Deployment, **found: Any) -> None:
        pair = _pair(primary, follower)
        with self._lock:
            if pair not in self._pairs:
                self._pairs[pair] = Compared(*pair)
                if len(self._pairs) > PAIRS:
                    del self._pairs[next(iter(self._pairs))]
            self._pairs[pair].add(Compared(*pair, **found))


def merged(documents: Iterable[Iterable[dict[str, Any]]]) -> list[dict[str, Any]]:
    """What the shadows of several processes have found, added up."""
    pairs: dict[Pair, Compared] = {}
    for document in documents:
        for each in msgspec.convert(list(document), list[Compared]):
            pair = (each.model, each.primary, each.shadow)
            pairs.setdefault(pair, Compared(*pair)).add(each)
    return [msgspec.to_builtins(each) for each in pairs.values()]


def _pair(primary: Deployment, follower: Deployment) -> Pair:
    return primary.model, primary.label, follower.label


def _compared(copy: _Copy, answer: Answer) -> dict[str, Any]:
    """What one request tells; its rows are compared only where they are certainly the same."""
    ours, theirs = copy.scores, answer.scores
    contract = copy.primary.predictor.bundle.contract
    other = copy.follower.predictor.bundle.contract
    rows = len(ours.prediction)
    aligned = copy.refused == answer.refused == 0 or contract.columns == other.columns
    if theirs is None or len(theirs.prediction) != rows or not aligned:
        return {"refused": answer.refused, "unmatched": rows}
    differences, disagreed = _differences(ours, theirs, contract.classes == other.classes)
    # Where one of two numbers is not finite there is no distance, though they may disagree.
    differences = differences[np.isfinite(differences)]
    return {
        "rows": rows,
        "disagreed": int(np.count_nonzero(disagreed)),
        "difference_sum": float(differences.sum()),
        "difference_max": float(differences.max(initial=0.0)),
        "refused": answer.refused,
    }


def _differences(
    ours: Scores, theirs: Scores, same_classes: bool
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """How far apart the scores of each row are, and whether they disagree."""
    disagreed = ours.prediction != theirs.prediction
    with np.errstate(invalid="ignore"):  # infinity less infinity is no number, which is right
        if ours.probabilities is None or theirs.probabilities is None:
            missing = np.isnan(ours.prediction) & np.isnan(theirs.prediction)
            return np.abs(ours.prediction - theirs.prediction), disagreed & ~missing
        if not same_classes:
            return np.zeros(len(disagreed)), disagreed
        return np.abs(ours.probabilities - theirs.probabilities).max(axis=1), disagreed
