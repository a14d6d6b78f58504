"""Faults under load: `python -m benchmarks.serving.drills`, a part of `make bench`.

A supervisor with two workers serves iris to 64 callers while the champion's alias moves, while
workers are killed, and while the champion becomes a damaged bundle. Each answer is compared with
what the bundle of the version that it names says.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import json
import os
import queue
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from benchmarks.serving.claims import Claim, table_of
from benchmarks.serving.client import Connection, connect, post
from benchmarks.serving.environments import ROOT

CONNECTIONS = 64
WORKERS = 2
EVENTS = 10
"""Alias moves or kills in one drill."""
CANDIDATES = ("lda", "random_forest", "decision_tree")
PATIENCE_S = 60.0
VERSION = re.compile(rb"\r\nx-model-version: (\S+)", re.IGNORECASE)

Expected = Mapping[str, Sequence[Any]]
"""Version -> the document that each row is to be answered with."""


@dataclass
class Crowd:
    """Callers who ask without a pause, and what they heard.

    Attributes:
        answers: version and row -> the different bodies of status 200 that came.
        count: answers with status 200.
        failures: time, own port and what went wrong.
    """

    port: int
    rows: Sequence[Mapping[str, float]]
    answers: dict[tuple[str, int], set[bytes]] = field(default_factory=lambda: defaultdict(set))
    count: int = 0
    failures: list[tuple[float, int, str]] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)

    @contextlib.contextmanager
    def asking(self) -> Iterator[None]:
        """Ask until the block ends."""
        thread = threading.Thread(target=lambda: asyncio.run(self._all()))
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            thread.join()

    async def _all(self) -> None:
        await asyncio.gather(*(self._ask(first) for first in range(CONNECTIONS)))

    async def _ask(self, first: int) -> None:
        requests = [post("/predict", json.dumps(row).encode()) for row in self.rows]
        connection: Connection | None = None
        own_port = 0
        for number in itertools.count(first):
            if self._stop.is_set():
                return
            row = number % len(requests)
            try:
                if connection is None or connection.transport is None:
                    connection = await connect(self.port)
                    assert connection.transport is not None
                    own_port = connection.transport.get_extra_info("sockname")[1]
                reply = await connection.ask(requests[row])
            except OSError as error:
                self.failures.append((time.monotonic(), own_port, type(error).__name__))
                connection = None
                continue
            version = VERSION.search(reply.head)
            if reply.status != 200 or version is None:
                self.failures.append((time.monotonic(), own_port, str(reply.status)))
            else:
                self.count += 1
                self.answers[version[1].decode(), row].add(reply.body)

    def wrong(self, expected: Expected) -> int:
        """Different answers that are not those of the version that they name."""
        return sum(
            json.loads(body) != expected[version][row]
            for (version, row), bodies in self.answers.items()
            for body in bodies
        )

    def versions(self) -> set[str]:
        """Which versions answered."""
        return {version for version, _ in list(self.answers)}

    def hear(self, versions: int) -> None:
        """Wait until so many versions have answered, but not for ever."""
        until = time.monotonic() + PATIENCE_S
        while len(self.versions()) < versions and time.monotonic() < until:
            time.sleep(0.05)


class Fleet:
    """`fairlead serve` with its workers, and what it logs."""

    def __init__(self, project: Path) -> None:
        command = [sys.executable, "-m", "fairlead", "serve", str(project), "--port", "0"]
        environ = {name: value for name, value in os.environ.items() if "FAIRLEAD" not in name}
        self.process = subprocess.Popen(
            [*command, "--workers", str(WORKERS)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**environ, "MLFLOW_TRACKING_URI": "", "FAIRLEAD_LOG_LEVEL": "info"},
        )
        self._events: queue.SimpleQueue[tuple[float, dict[str, Any]]] = queue.SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()
        self.port = int(str(self.wait_for("ready")[1]["url"]).rpartition(":")[2])
        for _ in range(WORKERS - 1):
            self.wait_for("ready")

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            # Requests are most of the lines, and of no interest.
            if '"event":"request"' not in line:
                self._events.put((time.monotonic(), json.loads(line)))

    def wait_for(self, event: str) -> tuple[float, dict[str, Any]]:
        """The next logged event of that name, and when it came."""
        while True:
            at, document = self._events.get(timeout=PATIENCE_S)
            if document["event"] == event:
                return at, document

    def workers(self) -> list[int]:
        """Their process ids."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(pid) for pid in children.read_text().split()]

    def end(self) -> int:
        """Stop it; returns its exit code."""
        self.process.terminate()
        return self.process.wait(PATIENCE_S)


def peers_of(pid: int) -> set[int]:
    """Ports of the clients whose connections a process holds."""
    inodes = set()
    for each in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            inodes.add(str(each.readlink())[len("socket:[") : -1])
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return {int(line[2].rpartition(":")[2], 16) for line in lines if line[9] in inodes}


@dataclass(frozen=True)
class Drill:
    """One project, trained and registered, and how long each drill takes."""

    project: Path
    rows: Sequence[Mapping[str, float]]
    expected: Expected
    versions: Mapping[str, int]
    seconds: float

    def alias_moves(self) -> list[Claim]:
        """The champion moves between two versions, again and again."""
        name = f"{EVENTS} alias moves in {self.seconds:g} s"
        moves = itertools.cycle([self.versions["random_forest"], self.versions["lda"]])
        return self._with_load(name, lambda _: self._move(next(moves)), seen=2)

    def kills(self) -> list[Claim]:
        """Workers are killed in turn; whoever was on them may lose the request under way."""
        name = f"{EVENTS} workers killed in {self.seconds:g} s"
        lost: set[int] = set()
        pauses: list[float] = []

        def kill(fleet: Fleet) -> None:
            victim = fleet.workers()[0]
            # It stands still while its connections are listed: none is missed.
            os.kill(victim, signal.SIGSTOP)
            lost.update(peers_of(victim))
            killed = time.monotonic()
            os.kill(victim, signal.SIGKILL)
            pauses.append(fleet.wait_for("ready")[0] - killed)

        found = self._with_load(name, kill, seen=1, may_lose=lost)
        whole = Claim(f"{name}: whole again after, s, at most", max(pauses), 2)
        return [*found, whole]

    def damaged_newcomer(self) -> list[Claim]:
        """The champion becomes a version whose stored file was damaged."""
        name = f"damaged newcomer for {self.seconds:g} s"
        bad, good = self.versions["decision_tree"], self.versions["lda"]
        moves = itertools.cycle([bad, good])
        return self._with_load(name, lambda _: self._move(next(moves)), seen=1, never=str(bad))

    def _with_load(
        self,
        name: str,
        event: Callable[[Fleet], None],
        *,
        seen: int,
        never: str | None = None,
        may_lose: AbstractSet[int] = frozenset(),
    ) -> list[Claim]:
        self._move(self.versions["lda"])
        fleet = Fleet(self.project)
        crowd = Crowd(fleet.port, self.rows)
        try:
            with crowd.asking():
                began = time.monotonic()
                for number in range(EVENTS):
                    time.sleep(max(0.0, began + number * self.seconds / EVENTS - time.monotonic()))
                    event(fleet)
                    # Who follows by looking now and then may miss a move between two looks.
                    crowd.hear(seen)
                time.sleep(max(0.0, began + self.seconds - time.monotonic()))
        finally:
            code = fleet.end()
        forgiven = [each for each in crowd.failures if each[1] in may_lose]
        failed = [each[1:] for each in crowd.failures if each[1] not in may_lose]
        print(f"{name}: {crowd.count} answers, {len(forgiven)} lost with a killed worker")
        for what in failed[:5]:
            print("failed:", what)
        found = [
            Claim("failed requests", len(failed), 0),
            Claim("wrong answers", crowd.wrong(self.expected), 0),
            Claim("versions that answered", len(crowd.versions()), seen, at_most=False),
            Claim("exit code", code, 0),
        ]
        if never is not None:
            served = never in crowd.versions()
            found.append(Claim("answers of the damaged version", int(served), 0))
        return [replace(claim, what=f"{name}: {claim.what}", timed=False) for claim in found]

    def _move(self, version: int) -> None:
        from fairlead.testing.registry import point
        from fairlead.wiring import model_registry

        # As another program moves it: the gates would not take a damaged bundle.
        point(model_registry(self.project), "iris", "champion", str(version))


def prepare(folder: Path, seconds: float) -> Drill:
    """Train three candidates, register them, and damage the last one's stored graph."""
    from fairlead import load, load_bundle
    from fairlead.settings import Settings
    from fairlead.wiring import model_registry, train
    from fairlead.workflows.fetch import fetch
    from fairlead.workflows.store import bundles_of

    shutil.copy(ROOT / "projects" / "iris" / "fairlead.yaml", folder)
    fetch(load(folder), Settings())
    train(load(folder), only=list(CANDIDATES), jobs=1)
    registry = model_registry(folder)
    rows = [
        {"sepal_length": 5.0 + n / 8, "sepal_width": 3.0, "petal_length": 1.0 + n / 3,
         "petal_width": 0.1 + n / 8}
        for n in range(16)
    ]  # fmt: skip
    expected, versions = {}, {}
    for version in registry.versions("iris"):
        path = bundles_of(folder) / version.digest
        bundle = load_bundle(path)
        versions[bundle.candidate] = version.version
        expected[str(version.version)] = [
            {
                "prediction": label,
                "probabilities": dict(zip(bundle.contract.classes, shares, strict=True)),
            }
            for label, shares in zip(
                bundle.predict(rows).tolist(), bundle.predict_proba(rows).tolist(), strict=True
            )
        ]
        if bundle.candidate == CANDIDATES[-1]:
            for graph in (folder / ".fairlead").rglob("model.onnx"):
                if graph.read_bytes() == (path / "model.onnx").read_bytes() and path not in (
                    graph.parents
                ):
                    content = bytearray(graph.read_bytes())
                    content[len(content) // 2] ^= 1
                    graph.write_bytes(content)
            shutil.rmtree(path)
    return Drill(folder, rows, expected, versions, seconds)


def run(seconds: float) -> list[Claim]:
    """All drills."""
    # The project's own registry, whatever else this shell works with.
    os.environ.pop("MLFLOW_TRACKING_URI", None)
    folder = Path(tempfile.mkdtemp(prefix="drills-"))
    try:
        drill = prepare(folder, seconds)
        return [*drill.alias_moves(), *drill.kills(), *drill.damaged_newcomer()]
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def main() -> int:
    """Run the drills and print what was found; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.serving.drills")
    parser.add_argument("--seconds", type=float, default=30.0, help="that each drill takes")
    parser.add_argument("--busy", action="store_true", help="do not judge times: others compute")
    options = parser.parse_args()
    promised = run(options.seconds)
    print("\n".join(table_of(promised)))
    return 0 if all(claim.met or (options.busy and claim.timed) for claim in promised) else 1


if __name__ == "__main__":
    sys.exit(main())
