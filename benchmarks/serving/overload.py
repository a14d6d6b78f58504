"""More than the server can do: requests that come at their own pace, whatever is answered.

wrk sends the next request when the last one is answered, so it cannot overload anything. Here
large requests arrive at a fixed rate, each on a connection that is free or on a new one.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median, quantiles
from typing import NamedTuple

from benchmarks.serving.claims import Claim
from benchmarks.serving.client import Connection, connect, post
from benchmarks.serving.questions import MANY

TIMES = 4
"""Offered load, in multiples of the capacity."""
CLOSED = 8
"""Connections that measure the capacity."""
SECONDS = 8.0
PAUSE_S = 1.0
MAX_CONNECTIONS = 1500
OK, REFUSED = 200, (429, 503)


class Outcome(NamedTuple):
    """One answered request."""

    status: int
    seconds: float
    right: bool


@dataclass(frozen=True)
class Overload:
    """What happened at `TIMES` the capacity.

    Attributes:
        model: that was asked.
        best_per_s: right answers per second when each waits for the last; the capacity.
        offered_per_s: requests per second that were sent.
        good_per_s: right answers per second.
        refused_per_s: 429 and 503 per second.
        other: requests with another status, another answer or none.
        good_p99_ms: latency of right answers.
        refused_p50_ms: latency of refusals.
        refused_p99_ms: latency of refusals.
        before_p50_ms: latency of a request alone, before the load.
        after_p50_ms: latency of a request alone, a second after the load.
    """

    model: str
    best_per_s: float
    offered_per_s: float
    good_per_s: float
    refused_per_s: float
    other: int
    good_p99_ms: float
    refused_p50_ms: float
    refused_p99_ms: float
    before_p50_ms: float
    after_p50_ms: float

    def claims(self) -> list[Claim]:
        """What the server must keep under too much load."""
        where = f"{self.model}: at {TIMES} times its capacity"
        return [
            Claim(
                f"{where}, load offered ÷ capacity",
                self.offered_per_s / self.best_per_s,
                3.9,
                at_most=False,
            ),
            Claim(
                f"{where}, throughput kept",
                self.good_per_s / self.best_per_s,
                0.9,
                at_most=False,
            ),
            Claim(f"{where}, p99 of a refusal, ms", self.refused_p99_ms, 100),
            Claim(f"{where}, other outcomes", self.other, 0),
            Claim(
                f"{self.model}: a request alone, a second after ÷ before",
                self.after_p50_ms / self.before_p50_ms,
                1.5,
            ),
        ]

    def told(self) -> Iterator[str]:
        """A sentence for the report."""
        yield (
            f"{self.model}, {MANY:,} rows a request: at most {self.best_per_s:,.0f} requests/s; "
            f"offered {self.offered_per_s:,.0f}/s, it answered {self.good_per_s:,.0f}/s "
            f"(p99 {self.good_p99_ms:,.0f} ms) and refused {self.refused_per_s:,.0f}/s "
            f"(p50 {self.refused_p50_ms:.1f} ms, p99 {self.refused_p99_ms:.1f} ms). Alone, a "
            f"request took {self.before_p50_ms:.1f} ms before and {self.after_p50_ms:.1f} ms a "
            "second after.\n"
        )


class Callers:
    """Connections to one server, and what came of their requests."""

    def __init__(self, port: int, path: str, bodies: Sequence[bytes]) -> None:
        self._requests = [post(path, body) for body in bodies]
        self._right: list[bytes] = []
        self._port = port
        self._free: deque[Connection] = deque()
        self._open = 0
        self.outcomes: list[Outcome] = []

    async def learn(self) -> None:
        """Ask each body once: later answers must be the same bytes."""
        for number in range(len(self._requests)):
            status, _, body = await (await self._connection()).ask(self._requests[number])
            assert status == OK
            self._right.append(body)

    async def one(self, number: int) -> None:
        """Ask once, on a free connection or a new one."""
        number %= len(self._requests)
        started = time.perf_counter()
        try:
            connection = await self._connection()
            status, _, body = await connection.ask(self._requests[number])
        except OSError:
            self._open -= 1
            self.outcomes.append(Outcome(0, time.perf_counter() - started, right=False))
            return
        seconds = time.perf_counter() - started
        right = status in REFUSED or (status == OK and body == self._right[number])
        self.outcomes.append(Outcome(status, seconds, right))
        if connection.transport is None:
            self._open -= 1
        else:
            self._free.append(connection)

    async def in_turn(self, connections: int, seconds: float) -> float:
        """Keep some connections busy; returns right answers per second."""
        self.outcomes = []
        until = time.perf_counter() + seconds

        async def ask(first: int) -> None:
            number = first
            while time.perf_counter() < until:
                await self.one(number)
                number += connections

        await asyncio.gather(*map(ask, range(connections)))
        return len(self.good()) / seconds

    async def at_rate(self, per_s: float, seconds: float) -> float:
        """Send at a fixed rate whatever is answered; returns requests per second that were sent."""
        self.outcomes = []
        tasks = []
        began = time.perf_counter()
        sent = 0
        while (passed := time.perf_counter() - began) < seconds:
            due = int(passed * per_s)
            while sent < due and self._open < MAX_CONNECTIONS:
                tasks.append(asyncio.create_task(self.one(sent)))
                sent += 1
            await asyncio.sleep(0.001)
        await asyncio.gather(*tasks)
        return sent / seconds

    def good(self) -> list[float]:
        """Latencies of right answers."""
        return [each.seconds for each in self.outcomes if each.status == OK and each.right]

    def refused(self) -> list[float]:
        """Latencies of refusals."""
        return [each.seconds for each in self.outcomes if each.status in REFUSED]

    async def _connection(self) -> Connection:
        if self._free:
            return self._free.popleft()
        self._open += 1
        return await connect(self._port)


def overload(model: str, port: int, path: str, bodies: Sequence[bytes]) -> Overload:
    """Measure the capacity, offer `TIMES` as much, and see whether the server recovers."""
    return asyncio.run(_overload(model, Callers(port, path, bodies)))


async def _overload(model: str, callers: Callers) -> Overload:
    await callers.learn()
    await callers.in_turn(1, SECONDS / 4)
    before = median(callers.good())
    best = await callers.in_turn(CLOSED, SECONDS)
    offered = await callers.at_rate(TIMES * best, SECONDS)
    good, refused = callers.good(), callers.refused()
    other = len(callers.outcomes) - len(good) - len(refused)
    await asyncio.sleep(PAUSE_S)
    await callers.in_turn(1, SECONDS / 4)
    return Overload(
        model,
        best,
        offered,
        len(good) / SECONDS,
        len(refused) / SECONDS,
        other,
        _p99_ms(good),
        1e3 * median(refused or [0.0]),
        _p99_ms(refused),
        1e3 * before,
        1e3 * median(callers.good()),
    )


def _p99_ms(seconds: Sequence[float]) -> float:
    return 1e3 * quantiles(seconds, n=100)[-1] if len(seconds) > 1 else 0.0
