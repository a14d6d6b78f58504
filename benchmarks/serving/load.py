"""The load: wrk on its own core, and what it and the server's processes say of it."""

from __future__ import annotations

import json
import resource
import subprocess
from dataclasses import dataclass
from pathlib import Path

from benchmarks.serving.processes import Processes

SCRIPT = Path(__file__).with_name("post.lua")
TIMEOUT_S = 20
SPARE_S = 60.0


class LoadError(Exception):
    """The load could not be put on the server."""


@dataclass(frozen=True)
class Load:
    """One measurement.

    Attributes:
        connections: that stay open, each with one request under way.
        rows: in each request.
        seconds: that the load took.
        requests: that were answered.
        failed: requests with another status than 2xx or 3xx, or without an answer.
        p50_ms: latency, as wrk saw it.
        p99_ms: latency, as wrk saw it.
        max_ms: latency, as wrk saw it.
        cpu_us: the server's CPU per answered request, over all of its processes.
        busy: share of its core that the load generator used.
    """

    connections: int
    rows: int
    seconds: float
    requests: int
    failed: int
    p50_ms: float
    p99_ms: float
    max_ms: float
    cpu_us: float
    busy: float

    @property
    def requests_per_s(self) -> float:
        """Throughput."""
        return self.requests / self.seconds

    @property
    def rows_per_s(self) -> float:
        """Throughput in rows."""
        return self.rows * self.requests_per_s


def put_load(
    server: Processes,
    port: int,
    path: str,
    bodies: Path,
    *,
    core: int,
    connections: int,
    rows: int,
    seconds: float,
) -> Load:
    """Keep a server busy from all connections, and measure.

    Raises:
        LoadError: wrk failed, or nothing was answered.
    """
    cpu, own = server.cpu_s(), _children_s()
    command = ["taskset", "--cpu-list", str(core), "wrk", "--threads", "1"]
    command += ["--connections", str(connections), "--duration", f"{seconds:.0f}s"]
    command += ["--timeout", f"{TIMEOUT_S}s", "--latency", "--script", str(SCRIPT)]
    command += [f"http://127.0.0.1:{port}", "--", path, str(bodies)]
    run = subprocess.run(
        command, capture_output=True, text=True, timeout=seconds + SPARE_S, check=False
    )
    cpu, own = server.cpu_s() - cpu, _children_s() - own
    if run.returncode or not run.stdout.strip():
        raise LoadError(f"wrk ended with {run.returncode}: {run.stderr.strip()}")
    found = json.loads(run.stdout.strip().splitlines()[-1])
    if not found["requests"]:
        raise LoadError(f"no answer in {seconds:.0f} s")
    per_request = cpu / found["requests"] * 1e6
    return Load(connections, rows, **found, cpu_us=per_request, busy=own / found["seconds"])


def _children_s() -> float:
    """CPU of the children that this process has waited for; wrk's, while a server runs."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
