"""Measures the champion and compares it with what was measured before, on such a machine."""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairlead.bundle.manifest import to_json
from fairlead.bundle.measure import measure
from fairlead.bundle.reading import Bundle
from fairlead.readiness.evidence import Probed
from fairlead.storage import write_whole

KEPT = 200
RECENT = 10
DRAMATIC = 2.0
LEAK = 1.5
ENDS = 3
"""Measurements at either end that a slow leak is seen between."""
TRIES = 3
"""A busy machine is measured again: the best of so many counts."""
FIGURES = ("training_s", "latency_p50_us", "us_per_row", "memory_bytes")
Measurement = Mapping[str, Any]


def speed(bundle: Bundle, X: NDArray[np.float64], training_s: float | None, file: Path) -> Probed:
    """Measure a bundle, compare it with the file, and write it there.

    Args:
        bundle: the champion.
        X: shape (n, d), rows to score.
        training_s: how long its training took; None if that is not known.
        file: earlier measurements; what cannot be read there counts as none.

    Raises:
        BundleError: a fresh process cannot load the bundle.
        StorageError: the file cannot be written.
    """
    history = _read(file)
    earlier = [each for each in history if _is_alike(each, bundle)]
    best = dict.fromkeys(FIGURES, float("inf"))
    for _ in range(TRIES):
        found = _measured(bundle, X, training_s)
        best = {name: min(best[name], found[name]) for name in FIGURES if name in found}
        if not worse(earlier, best):
            break
    now = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": _machine(),
        "candidate": bundle.candidate,
        "digest": bundle.digest,
        **best,
    }
    write_whole(file, to_json({"measurements": [*history, now][-KEPT:]}))
    shown = f"{best['latency_p50_us']:.0f} µs for a row, {1e6 / best['us_per_row']:,.0f} rows/s"
    if not earlier:
        text = f"{shown}: the first measurement, kept to compare the next one with"
        return Probed(passed=False, text=text)
    found_worse = worse(earlier, best)
    if found_worse:
        return Probed(passed=False, text="; ".join(found_worse))
    times = f"{len(earlier)} earlier measurement{'s' if earlier[1:] else ''}"
    return Probed(passed=True, text=f"{shown}: no worse than in {times} here")


def worse(earlier: Sequence[Measurement], now: Measurement) -> list[str]:
    """What became much worse at once, or a little worse each time; smaller is better."""
    found = []
    for name in FIGURES:
        known = [float(each[name]) for each in earlier if each.get(name)]
        if not known or not now.get(name):
            continue
        usual, value = median(known[-RECENT:]), float(now[name])
        if value > DRAMATIC * usual:
            found.append(f"{name} is {value:,.4g}, {value / usual:.1f} times the usual")
            continue
        series = [*known, value]
        first, last = median(series[:ENDS]), median(series[-ENDS:])
        if len(series) >= 2 * ENDS and last > LEAK * first:
            found.append(f"{name} has grown slowly, {last / first:.1f} times since the first")
    return found


def _measured(bundle: Bundle, X: NDArray[np.float64], training_s: float | None) -> dict[str, float]:
    costs = measure(bundle.path)
    bundle.score(X)
    started = time.perf_counter()
    bundle.score(X)
    per_row = (time.perf_counter() - started) / len(X) * 1e6
    known = {} if training_s is None else {"training_s": training_s}
    return {
        **known,
        "latency_p50_us": costs.latency_p50_us,
        "us_per_row": round(per_row, 4),
        "memory_bytes": costs.memory_bytes,
    }


def _machine() -> str:
    """What kind of machine this is: runners of a CI have other names each time."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return f"{next(models, platform.processor() or platform.machine())}, {os.cpu_count()} cores"


def _is_alike(measurement: Measurement, bundle: Bundle) -> bool:
    own = (_machine(), bundle.candidate)
    return (measurement.get("machine"), measurement.get("candidate")) == own


def _read(file: Path) -> list[Measurement]:
    try:
        found = json.loads(file.read_bytes())["measurements"]
    except (OSError, ValueError, KeyError, TypeError):
        return []
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []
