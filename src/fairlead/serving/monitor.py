"""What the traffic of the last minutes looked like, as `/monitor/basic` tells it."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np

from fairlead.data.contract import Contract
from fairlead.serving.counted import MINUTES, Column, Seen, Snapshot
from fairlead.serving.watch import LATENCY_BOUNDS_S, Floats, Layout, columns_of

QUANTILES = (0.5, 0.9, 0.95, 0.99)
WINDOWS = "[1-9]m|[1-5][0-9]m|60m|1h"


def minutes(window: str) -> int:
    """Length of a window such as `5m`, `15m` or `1h`.

    Raises:
        ValueError: it is no window; the message may be shown to a caller.
    """
    if re.fullmatch(WINDOWS, window) is None:
        raise ValueError(f"window should be 1m to {MINUTES}m, such as 5m or 15m, or 1h")
    return MINUTES if window == "1h" else int(window[:-1])


def document(
    merged: Snapshot, model: str, contract: Contract, window_minutes: int, now: float | None = None
) -> dict[str, Any]:
    """As `/monitor/basic` answers, over all workers.

    Args:
        merged: of all workers.
        model: name that it is served under.
        contract: of its primary version. Versions with the same columns and classes are told
            together, and each version by itself.
        window_minutes: the current minute and those before it, 1 to 60 in all.
        now: seconds since 1970; the clock's if not given.
    """
    now = time.time() if now is None else now
    since = now if merged.since is None else merged.since
    last = int(now // 60)
    window = range(last - window_minutes + 1, last + 1)
    columns, classes = columns_of(contract), contract.classes
    versions = _active(merged, model, window)
    together = {
        version: parts for version, parts in versions.items() if _alike(parts[0], columns, classes)
    }
    return {
        "model": model,
        "window": "1h" if window_minutes == MINUTES else f"{window_minutes}m",
        "since": datetime.fromtimestamp(since, UTC).isoformat(timespec="seconds"),
        "uptime_s": round(now - since, 3),
        **_told([part for parts in together.values() for part in parts], window, columns, classes),
        "together": list(together),
        "versions": {
            version: _told(parts, window, parts[0].columns, parts[0].classes)
            for version, parts in versions.items()
        },
    }


def _active(merged: Snapshot, model: str, window: range) -> dict[str, list[Seen]]:
    """The versions that are served, or were within the window, from every worker."""
    served = {
        (info.model, info.version, info.digest)
        for worker in merged.workers
        for info in worker.serves
    }
    found: dict[str, list[Seen]] = {}
    for seen in merged.seen:
        key = (seen.model, seen.version, seen.digest)
        if seen.model == model and (key in served or any(map(window.__contains__, seen.minutes))):
            parts = found.setdefault(seen.version, [])
            # A label that has passed to another bundle tells of one of them.
            if not parts or parts[0].digest == seen.digest:
                parts.append(seen)
            elif key in served:
                found[seen.version] = [seen]
    return dict(sorted(found.items()))


def _alike(seen: Seen, columns: Sequence[Column], classes: tuple[str, ...]) -> bool:
    ours = [(column.name, column.category) for column in seen.columns]
    return seen.classes == classes and ours == [(each.name, each.category) for each in columns]


def _told(
    parts: Sequence[Seen], window: range, columns: Sequence[Column], classes: tuple[str, ...]
) -> dict[str, Any]:
    """What versions with the same columns and classes saw."""
    at = Layout(len(columns), len(classes))
    row = at.blank()
    for part in parts:
        _add(row, part, window)
    counts, longest = row[at.latency], float(row[at.longest][0])
    return {
        "rows": int(row[at.rows][0]),
        "refused_rows": int(row[at.refused][0]),
        "features": {
            column.name: _feature(row, at, index, column) for index, column in enumerate(columns)
        },
        "predictions": _predictions(row, at, classes),
        "latency_ms": {
            "count": int(counts.sum()),
            **{f"p{q * 100:g}": _milliseconds(quantile(counts, longest, q)) for q in QUANTILES},
        },
    }


def _add(row: Floats, part: Seen, window: range) -> None:
    if not part.minutes:
        return
    chosen = part.rows()[[minute in window for minute in part.minutes]]
    sums, highs = row[: part.sums], row[part.sums :]
    with np.errstate(over="ignore", invalid="ignore"):
        sums += chosen[:, : part.sums].sum(axis=0)
    np.maximum(highs, chosen[:, part.sums :].max(axis=0, initial=-np.inf), out=highs)


def _feature(row: Floats, at: Layout, index: int, column: Column) -> dict[str, float | None]:
    rows, missing = row[at.rows][0], row[at.missing][index]
    feature = {"missing_rate": _rate(missing, rows)}
    if column.category:
        feature["unknown_rate"] = _rate(row[at.unknown][index], rows)
    else:
        feature["mean"] = _rate(row[at.total][index], rows - missing)
        feature["min"] = _finite(-row[at.lowest][index])
        feature["max"] = _finite(row[at.highest][index])
    if column.bounded:
        feature["outside_rate"] = _rate(row[at.outside][index], rows)
    return feature


def _predictions(row: Floats, at: Layout, classes: tuple[str, ...]) -> dict[str, Any]:
    numbers = row[at.predictions]
    if classes:
        return {"counts": dict(zip(classes, map(int, numbers), strict=True))}
    count, total, not_finite = numbers
    highest, negated_lowest = row[at.prediction_range]
    return {
        "count": int(count),
        "mean": _rate(total, count),
        "min": _finite(-negated_lowest),
        "max": _finite(highest),
        "not_finite": int(not_finite),
    }


def quantile(counts: Floats, longest: float, q: float) -> float | None:
    """Seconds that a share `q` of durations did not exceed, at most 26 % more; None without any.

    Args:
        counts: durations by `LATENCY_BOUNDS_S`, the last number those beyond.
        longest: of these durations.
        q: in (0, 1].
    """
    seen = np.cumsum(counts)
    if not seen[-1]:
        return None
    bucket = int(np.searchsorted(seen, q * seen[-1]))
    return longest if bucket >= len(LATENCY_BOUNDS_S) else min(LATENCY_BOUNDS_S[bucket], longest)


def _rate(part: float, whole: float) -> float | None:
    return _finite(part / whole) if whole else None


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(float(seconds) * 1e3, 3)
