"""The rounds: every server is started, checked, put under load and stopped, in turn."""

from __future__ import annotations

import contextlib
import http.client
import os
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.serving.environments import PEERS, python_of
from benchmarks.serving.load import Load, LoadError, put_load
from benchmarks.serving.machine import environment
from benchmarks.serving.models import Model
from benchmarks.serving.overload import Overload, overload
from benchmarks.serving.processes import Processes
from benchmarks.serving.questions import (
    MANY,
    Questions,
    WrongAnswerError,
    ask,
    check,
)
from benchmarks.serving.servers import LOG, SERVERS, Server

CONNECTIONS = (1, 16, 64)
START_S = 120.0
POLL_S = 0.002
WARM_UP_S = 1.0
LOG_WRITTEN_S = 5.0
MB = 1e6

Key = tuple[str, str]
"""A server and a model."""


class FailedServerError(Exception):
    """A server did not start, or ended, or did not log."""


@dataclass(frozen=True)
class Plan:
    """How long and how often.

    Attributes:
        rounds: of everything.
        log_rounds: of the comparison with and without the prediction log.
        seconds: of a load.
        crowd_seconds: of large requests from many connections, whose first answers come late.
        rows: sizes of requests.
        minutes: after which no round is begun that might not end in time.
    """

    rounds: int
    log_rounds: int
    seconds: float
    crowd_seconds: float
    rows: tuple[int, ...] = (1, MANY)
    minutes: float = 38.0


@dataclass(frozen=True)
class Start:
    """A server that has just been started and checked, and after its loads.

    Attributes:
        cold_s: from the command to the first right answer.
        rest_mb: memory of all processes before any load, the largest first.
        loaded_mb: the same after the loads.
    """

    cold_s: float
    rest_mb: list[float]
    loaded_mb: list[float] = field(default_factory=list)


@dataclass
class Results:
    """What was measured, one entry per round.

    Attributes:
        starts: by server and model.
        loads: by server and model; per round one load for each number of connections and rows.
        log_pairs: by model: a load with the prediction log and one without it.
        logged_bytes: of the predictions that were logged meanwhile.
        failed: what was wrong with a server; it was not measured again.
        rounds: that were completed.
    """

    starts: dict[Key, list[Start]] = field(default_factory=dict)
    loads: dict[Key, list[list[Load]]] = field(default_factory=dict)
    log_pairs: dict[str, list[tuple[Load, Load]]] = field(default_factory=dict)
    logged_bytes: int = 0
    failed: dict[Key, str] = field(default_factory=dict)
    rounds: int = 0


@dataclass(frozen=True)
class Bench:
    """Measures servers on one core from another.

    Attributes:
        core: the server's.
        load_core: the load generator's.
        plan: how long and how often.
        models: by name.
    """

    core: int
    load_core: int
    plan: Plan
    models: Mapping[str, Model]

    def run(self, names: Sequence[str]) -> Results:
        """Measure all rounds, or as many as there is time for."""
        results, longest = Results(), 0.0
        deadline = time.monotonic() + 60 * self.plan.minutes
        for _ in range(self.plan.log_rounds):
            for model in self.models if "fairlead" in names else ():
                self._log_pair(model, results)
        for number in range(self.plan.rounds):
            began = time.monotonic()
            if began + longest > deadline:
                print(f"no time for round {number + 1}", flush=True)
                break
            turned = [*names[number % len(names) :], *names[: number % len(names)]]
            for model in self.models:
                for name in turned:
                    print(f"round {number + 1}: {name}, {model}", flush=True)
                    self._visit(name, model, results)
            results.rounds += 1
            longest = max(longest, time.monotonic() - began)
        return results

    def overloads(self) -> list[Overload]:
        """What more load than it can do does to Fairlead, model by model."""
        found = []
        for model in self.models:
            print(f"overload: {model}", flush=True)
            with self._started(SERVERS["fairlead"], model) as running:
                shape = running.server.shape
                bodies = [body for body, _ in running.questions.bodies(shape, MANY)]
                found.append(overload(model, running.port, shape.many or "", bodies))
        return found

    def same_row(self) -> dict[str, list[tuple[Load, Load]]]:
        """One row again and again, to Fairlead and to the constant, in pairs.

        A processor that sees the same row each time predicts every branch of the model; so do
        many benchmarks, and so were the figures of the design measured.
        """
        found: dict[str, list[tuple[Load, Load]]] = {}
        for _ in range(self.plan.rounds):
            for model in self.models:
                print(f"the same row throughout: {model}", flush=True)
                pair = []
                for name in ("fairlead", "floor-raw"):
                    with self._started(SERVERS[name], model) as running:
                        running.repeat_first_row()
                        running.load(max(CONNECTIONS), 1, WARM_UP_S)
                        pair.append(running.load(max(CONNECTIONS), 1, self.plan.seconds))
                found.setdefault(model, []).append((pair[0], pair[1]))
        return found

    def _visit(self, name: str, model: str, results: Results) -> None:
        """All loads on one server with one model; what fails is noted and not tried again."""
        key, server = (name, model), SERVERS[name]
        if key in results.failed:
            return
        with self._noted(key, results), self._started(server, model) as running:
            loads = [
                running.load(connections, rows, self._seconds(connections, rows))
                for rows in self.plan.rows
                for connections in (CONNECTIONS if rows == 1 or server.shape.many else ())
            ]
            results.loads.setdefault(key, []).append(loads)
            start = Start(running.cold_s, running.rest_mb, running.processes.pss_mb())
            results.starts.setdefault(key, []).append(start)

    def _seconds(self, connections: int, rows: int) -> float:
        crowd = rows > 1 and connections == max(CONNECTIONS)
        return self.plan.crowd_seconds if crowd else self.plan.seconds

    def _log_pair(self, model: str, results: Results) -> None:
        """One load with the prediction log and one without it, in an order that alternates."""
        order = ["fairlead", "fairlead-no-log"]
        pairs = results.log_pairs.setdefault(model, [])
        if len(pairs) % 2:
            order.reverse()
        print(f"prediction log, pair {len(pairs) + 1}: {model}", flush=True)
        key, found = ("fairlead-no-log", model), {}
        if key in results.failed or ("fairlead", model) in results.failed:
            return
        for name in order:
            with (
                self._noted((name, model), results),
                self._started(SERVERS[name], model) as running,
            ):
                running.load(max(CONNECTIONS), 1, WARM_UP_S)
                found[name] = running.load(max(CONNECTIONS), 1, self.plan.seconds)
                results.logged_bytes += running.logged_bytes()
        if len(found) == len(order):
            pairs.append((found["fairlead"], found["fairlead-no-log"]))

    @contextlib.contextmanager
    def _noted(self, key: Key, results: Results) -> Iterator[None]:
        try:
            yield
        except (FailedServerError, WrongAnswerError, LoadError, OSError) as error:
            results.failed[key] = f"{type(error).__name__}: {error}"
            print(f"FAILED {' '.join(key)}: {error}", flush=True)

    @contextlib.contextmanager
    def _started(self, server: Server, model: str) -> Iterator[Running]:
        """A server that answers, and answers right; it is ended afterwards."""
        folder = Path(tempfile.mkdtemp(prefix="serving-"))
        try:
            running = Running.start(server, self.models[model], self.core, self.load_core, folder)
            try:
                yield running
            finally:
                running.processes.stop()
        finally:
            shutil.rmtree(folder, ignore_errors=True)


@dataclass(frozen=True)
class Running:
    """A server that runs and has answered everything right."""

    server: Server
    processes: Processes
    port: int
    folder: Path
    questions: Questions
    load_core: int
    cold_s: float
    rest_mb: list[float]

    @classmethod
    def start(
        cls, server: Server, model: Model, core: int, load_core: int, folder: Path
    ) -> Running:
        """Start a server, wait for its first right answer, and check all others.

        Raises:
            FailedServerError: it ended, took too long, or does not log.
            WrongAnswerError: an answer is not the model's.
        """
        questions = questions_for(server, model)
        variables = server.variables(folder)
        if server.role != "fairlead":
            variables |= {"MODEL": str(model.pipeline), "PYTHONPATH": str(PEERS)}
        if server.environment is not None:
            # MLflow starts `uvicorn` by its name.
            tools = python_of(server.environment).parent
            variables["PATH"] = f"{tools}{os.pathsep}{os.environ['PATH']}"
        port = _free_port()
        command = server.command(model, port, folder)
        began = time.perf_counter()
        processes = Processes(command, environment(variables), core, folder)
        try:
            _wait_for_answer(processes, port, server, questions)
            cold_s = time.perf_counter() - began
            check(port, server.shape, questions)
            running = cls(
                server,
                processes,
                port,
                folder,
                questions,
                load_core,
                cold_s,
                processes.pss_mb(),
            )
            if LOG in " ".join(variables.values()):
                running.wait_for_log()
        except BaseException:
            processes.stop()
            raise
        return running

    def load(self, connections: int, rows: int, seconds: float) -> Load:
        """One load, after the server has come to rest.

        Raises:
            LoadError: there was no answer, or some requests failed.
        """
        shape = self.server.shape
        bodies = self.folder / f"bodies-{rows}.txt"
        if not bodies.exists():
            self.questions.write(shape, rows, bodies)
        path = (shape.one if rows == 1 else shape.many) or ""
        self.processes.wait_until_idle()
        load = put_load(
            self.processes,
            self.port,
            path,
            bodies,
            core=self.load_core,
            connections=connections,
            rows=rows,
            seconds=seconds,
        )
        if load.failed:
            raise LoadError(f"{load.failed} of {load.requests} requests failed")
        return load

    def repeat_first_row(self) -> None:
        """Ask the first row in every later load of one row."""
        first = Questions(self.questions.records[:1], self.questions.answers[:1])
        first.write(self.server.shape, 1, self.folder / "bodies-1.txt")

    def logged_bytes(self) -> int:
        """Size of the prediction log."""
        return sum(file.stat().st_size for file in (self.folder / LOG).rglob("*.*"))

    def wait_for_log(self) -> None:
        """See that what was asked is in the prediction log.

        Raises:
            FailedServerError: the log stays empty.
        """
        deadline = time.monotonic() + LOG_WRITTEN_S
        while self.logged_bytes() == 0:
            if time.monotonic() > deadline:
                raise FailedServerError("nothing was written to the prediction log")
            time.sleep(0.05)


def questions_for(server: Server, model: Model) -> Questions:
    """What a server is asked, with the answers that are right for it."""
    if server.role == "floor":
        asked = model.questions(of_bundle=False)
        return Questions(asked.records, ["constant"] * len(asked.records))
    return model.questions(of_bundle=server.role == "fairlead")


def _wait_for_answer(processes: Processes, port: int, server: Server, questions: Questions) -> None:
    """Ask until an answer is right; before that, errors are those of a server that starts."""
    (body, expected), *_ = questions.bodies(server.shape, 1)
    deadline = time.monotonic() + START_S
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=START_S)
        try:
            ask(connection, server.shape.one, body, server.shape, expected)
        except (OSError, http.client.HTTPException, WrongAnswerError) as error:
            if processes.ended or time.monotonic() > deadline:
                words = processes.last_words()
                raise FailedServerError(f"no right answer: {error}\n{words}") from error
            time.sleep(POLL_S)
        else:
            return
        finally:
            connection.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
