"""Measures a bundle in a process of its own: `python -m fairlead.bundle.measure BUNDLE`.

A fresh process has loaded nothing but what serving needs, so time and memory are the model's.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fairlead.errors import BundleError

WARM_UP = 200
CALLS = 2_000


@dataclass(frozen=True)
class Measurements:
    """What a model costs on this machine.

    Attributes:
        latency_p50_us, latency_p99_us: scoring one encoded row, microseconds.
        memory_bytes: resident memory that loading and scoring added.
        load_s: seconds to load, check and replay golden rows.
        size_bytes: size of the bundle's files.
    """

    latency_p50_us: float
    latency_p99_us: float
    memory_bytes: int
    load_s: float
    size_bytes: int


def measure(bundle: Path) -> Measurements:
    """Measure a bundle in a fresh process.

    Raises:
        BundleError: the bundle cannot be loaded there.
    """
    done = subprocess.run(  # noqa: S603 (our own module, no shell)
        [sys.executable, "-m", "fairlead.bundle.measure", str(bundle)],
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
        raise BundleError(bundle, (f"a fresh process cannot load it: {reason}",))
    return Measurements(**json.loads(done.stdout))


def _measure_here(path: Path) -> Measurements:
    import psutil

    from fairlead.bundle.reading import load_bundle

    process = psutil.Process()
    before = process.memory_info().rss
    started = time.perf_counter()
    bundle = load_bundle(path)
    load_s = time.perf_counter() - started
    rows = bundle.encode(bundle.golden()["records"])
    singles = [np.ascontiguousarray(rows[index : index + 1]) for index in range(len(rows))]
    times = []
    for call in range(WARM_UP + CALLS):
        row = singles[call % len(singles)]
        started = time.perf_counter_ns()
        bundle.score(row)
        times.append(time.perf_counter_ns() - started)
    p50, p99 = np.percentile(times[WARM_UP:], [50, 99]) / 1e3
    return Measurements(
        latency_p50_us=round(float(p50), 2),
        latency_p99_us=round(float(p99), 2),
        memory_bytes=max(0, process.memory_info().rss - before),
        load_s=round(load_s, 4),
        size_bytes=sum(file.stat().st_size for file in path.rglob("*") if file.is_file()),
    )


if __name__ == "__main__":
    sys.stdout.write(json.dumps(vars(_measure_here(Path(sys.argv[1])))))
