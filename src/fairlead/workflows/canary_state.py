"""The file that holds how far a canary is, so that another process may go on with it."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import msgspec
from msgspec import Struct

from fairlead.errors import TrafficError
from fairlead.monitoring.records import Window
from fairlead.registry.records import CHAMPION
from fairlead.registry.traffic import Traffic, from_json
from fairlead.storage import write_whole

FILE = "canary.json"
WHOLE = 100
State = Literal["running", "passed", "failed", "undecided", "aborted", "overruled"]
Counts = Mapping[str, Mapping[str, tuple[int, int]]]
"""Source -> version -> requests that it has counted since it started, and failed ones."""


class Counters(Struct, frozen=True):
    """What services have counted since a step began; their own counters begin anew with them.

    Attributes:
        last: what each source told last.
        total: version -> requests, and failed ones, since the step began.
    """

    last: dict[str, dict[str, tuple[int, int]]] = {}
    total: dict[str, tuple[int, int]] = {}

    def seen(self, counts: Counts) -> Counters:
        """The same after another look; a source that is new counts from now on."""
        total = dict(self.total)
        for source, versions in counts.items():
            before = self.last.get(source)
            for version, now in versions.items():
                was = now if before is None else before.get(version, (0, 0))
                if now[0] < was[0]:  # it was started anew
                    was = (0, 0)
                sofar = total.get(version, (0, 0))
                total[version] = (sofar[0] + now[0] - was[0], sofar[1] + max(0, now[1] - was[1]))
        told = {source: dict(versions) for source, versions in counts.items()}
        return Counters({**self.last, **told}, total)


class Plan(Struct, frozen=True):
    """What a canary is asked to do.

    Attributes:
        challenger: alias or number of the version.
        steps: percent of the requests that it answers, rising.
        every_s: seconds from the begin of a step to the first look, and between two looks.
        min_rows: answers of each version without which no step passes.
        patience_s: seconds that a step may last beyond its first look.
        urls: services to ask for their counters, beside those of this machine.
        reason: why.
    """

    challenger: str
    steps: tuple[float, ...]
    every_s: float
    min_rows: int
    patience_s: float
    urls: tuple[str, ...] = ()
    reason: str = ""

    def __post_init__(self) -> None:
        steps = self.steps
        rising = all(low < high for low, high in zip((0, *steps), steps, strict=False))
        if not steps or not rising or not steps[-1] < WHOLE:
            problem = "steps: expected percentages that rise, above 0 and below 100: "
            raise TrafficError((problem + "the champion must answer something, to compare with",))
        if self.every_s < 1:
            raise TrafficError((f"every: found {self.every_s:g} s, expected at least 1 s",))


class Canary(Struct, frozen=True):
    """How far a canary is.

    Attributes:
        model: its name.
        started: when it was asked for; tells it from every other one.
        plan: what was asked for.
        champion, challenger: numbers of the versions.
        asked: the traffic that this canary has set last, or has found.
        state: what became of it.
        ending: what it is about to become, while the traffic is given back.
        step: place of the present step, from 0.
        began: when the step's share was set; None while that is to be done.
        looks: how often the step was judged.
        looked: when it was judged last.
        counters: what services have counted in the step.
        windows: of the steps that have passed.
        judgement: the last one.
    """

    model: str
    started: datetime
    plan: Plan
    champion: int
    challenger: int
    asked: dict[str, Any]
    state: State = "running"
    ending: State | None = None
    step: int = 0
    began: datetime | None = None
    looks: int = 0
    looked: datetime | None = None
    counters: Counters = Counters()
    windows: tuple[tuple[datetime, datetime], ...] = ()
    judgement: dict[str, Any] | None = None

    @property
    def percent(self) -> float:
        """Of the present step."""
        return self.plan.steps[self.step]

    @property
    def present(self) -> Traffic:
        """The traffic as this canary has left it."""
        return from_json(self.asked)

    @property
    def wanted(self) -> Traffic:
        """The traffic of the present step."""
        shadow = self.present.shadow
        shadow = None if shadow in (self.plan.challenger, CHAMPION) else shadow
        weights = {CHAMPION: WHOLE - self.percent, self.plan.challenger: self.percent}
        return Traffic(weights, shadow, self.present.sticky)

    @property
    def next_look(self) -> datetime | None:
        """When the step is judged next; None before it has begun."""
        since = self.looked or self.began
        return since and since + timedelta(seconds=self.plan.every_s)

    def window(self, now: datetime) -> Window:
        """Of the present step so far."""
        return Window(self.began or now, now)

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values."""
        document: dict[str, Any] = msgspec.to_builtins(self)
        return {**document, "percent": self.percent}


class CanaryFile:
    """The file of one project's canary; each change is made under a lock.

    Args:
        folder: the project's `.fairlead`.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE

    def read(self) -> Canary | None:
        """The last canary; None if there never was one.

        Raises:
            TrafficError: the file is not one that Fairlead wrote.
        """
        try:
            return msgspec.json.decode(self.path.read_bytes(), type=Canary)
        except FileNotFoundError:
            return None
        except msgspec.DecodeError as error:
            problem = f"{self.path} cannot be read ({error}): move it away, "
            raise TrafficError(
                (problem + "and see the traffic by `fairlead traffic show`",)
            ) from None

    def write(self, canary: Canary) -> None:
        """Replace the file.

        Raises:
            StorageError: it could not be written.
        """
        write_whole(self.path, msgspec.json.encode(canary))

    @contextmanager
    def changing(self) -> Iterator[None]:
        """While this is held nobody else changes the file, or the traffic for it."""
        with self._lock(".change").open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    @contextmanager
    def running(self) -> Iterator[bool]:
        """Whether no other process runs the canary; none can while this is held."""
        with self._lock(".run").open("ab") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
                return
            yield True

    def _lock(self, suffix: str) -> Path:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        return self.path.with_suffix(suffix)
