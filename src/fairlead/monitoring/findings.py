"""What an observation means by itself, without what was found before: one finding per kind."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from statistics import NormalDist

from fairlead.evaluation.records import Estimate
from fairlead.monitoring.alerts import Kind, Rules, Severity
from fairlead.monitoring.observation import Observation
from fairlead.monitoring.records import DriftReport, Quality, Window

CONFIDENCE = 0.99
"""That the quality is worse at all, with the baseline's own uncertainty in it."""
Z = NormalDist().inv_cdf(CONFIDENCE)
SEVERE = 2.0
"""A loss of so many times `min_quality_drop` is critical."""
SHOWN = 4
"""Columns that a summary names."""


@dataclass(frozen=True)
class Finding:
    """One kind of trouble, looked for in one window.

    Attributes:
        kind: of trouble.
        window: in which it was looked for.
        subjects: what it was found in; empty: all is well.
        severity: if it is an alert.
        summary: what was found, in words.
    """

    kind: Kind
    window: Window
    subjects: tuple[str, ...] = ()
    severity: Severity = "warning"
    summary: str = ""


def findings(seen: Observation, rules: Rules, now: datetime) -> tuple[Finding, ...]:
    """Judge an observation.

    Args:
        seen: what was found.
        rules: of the project.
        now: UTC.

    Returns:
        One finding of each kind that could be judged; the others are left out, and say neither
        that there is trouble nor that there is none.
    """
    return (*_of_drift(seen, rules), *_of_quality(seen, rules), *_of_age(seen, rules, now))


def loss(quality: Quality, estimate: Estimate | None) -> tuple[float, float]:
    """Relative loss against the baseline, above 0 where it is worse, and its standard error.

    Both sides are samples: the standard error has that of the baseline in it. NaN where there is
    no estimate, or where the baseline is 0.
    """
    base = quality.baseline
    if estimate is None or not base.value:
        return math.nan, math.nan
    sign = 1.0 if quality.better == "smaller" else -1.0
    value = sign * (estimate.value - base.value) / abs(base.value)
    own = 0.0 if math.isnan(base.standard_error) else base.standard_error
    return value, math.hypot(estimate.standard_error, own) / abs(base.value)


def _of_drift(seen: Observation, rules: Rules) -> Iterator[Finding]:
    report, window = seen.drift, seen.window
    if report is None or report.verdict == "too_few_rows" or report.rows < rules.min_rows:
        return
    broken = report.broken
    yield Finding("pipeline", window, broken, _severity_of_fault(report), _about_fault(report))
    calm: Severity = "info" if _holds(seen.overall, rules) else "warning"
    drifted = report.drifted if report.share >= rules.drift_share else ()
    told = (
        f"{len(report.drifted)} of {len(report.columns)} columns drifted ({_listed(drifted)}), "
        f"{report.rows} rows"
    )
    yield Finding("drift", window, drifted, calm, told)
    if report.prediction is not None:
        moved = ("prediction",) if report.prediction.is_drifted else ()
        told = f"predictions drifted: {report.prediction.reason}"
        yield Finding("prediction", window, moved, calm, told)


def _severity_of_fault(report: DriftReport) -> Severity:
    """Critical if a broken column is among the more important half, or none is known to be."""
    half = math.ceil(len(report.columns) / 2)
    heavy = [
        each.is_broken and (place < half or each.importance is None)
        for place, each in enumerate(report.columns)
    ]
    return "critical" if any(heavy) else "warning"


def _about_fault(report: DriftReport) -> str:
    reasons = [f"{each.column}: {each.reason}" for each in report.columns if each.is_broken]
    more = len(reasons) - SHOWN
    return "; ".join(reasons[:SHOWN]) + (f"; and {more} more" if more > 0 else "")


def _of_quality(seen: Observation, rules: Rules) -> Iterator[Finding]:
    quality = seen.overall
    if quality is None:
        return
    window = seen.quality_window or seen.window
    measured, by_labels = loss(quality, quality.measured)
    if math.isfinite(measured):
        severe = measured >= SEVERE * rules.min_quality_drop
        yield Finding(
            "quality",
            window,
            (quality.metric,) if _is_worse(measured, by_labels, rules) else (),
            "critical" if severe else "warning",
            f"{quality.metric} {_against(quality, quality.measured)}, "
            f"{quality.labelled} labelled rows",
        )
    yield from _of_estimate(seen.current or quality, seen.window, rules)


def _of_estimate(quality: Quality, window: Window, rules: Rules) -> Iterator[Finding]:
    """Where the window has labels of its own, nobody needs an estimate."""
    expected, standard_error = loss(quality, quality.expected)
    if quality.measured is None and math.isnan(expected):
        return
    is_worse = quality.measured is None and _is_worse(expected, standard_error, rules)
    told = f"{quality.metric} is expected to be {_against(quality, quality.expected)}, an estimate"
    yield Finding("estimate", window, (quality.metric,) if is_worse else (), "warning", told)


def _is_worse(value: float, standard_error: float, rules: Rules) -> bool:
    """False where one of them is NaN."""
    return value >= rules.min_quality_drop and value > Z * standard_error


def _holds(quality: Quality | None, rules: Rules) -> bool:
    """Whether labels show that the loss, if there is one, is small."""
    if quality is None:
        return False
    value, standard_error = loss(quality, quality.measured)
    return value + Z * standard_error < rules.min_quality_drop


def _against(quality: Quality, estimate: Estimate | None) -> str:
    if estimate is None:
        return "not known"
    value, _ = loss(quality, estimate)
    way = "worse" if value > 0 else "better"
    return f"{estimate.value:.4g} against {quality.baseline.value:.4g} ({abs(value):.1%} {way})"


def _of_age(seen: Observation, rules: Rules, now: datetime) -> Iterator[Finding]:
    limits = {
        "age": (rules.max_age, seen.watched.trained_at, "the model was trained"),
        "traffic": (rules.max_silence, seen.last_prediction, "the last prediction was made"),
        "labels": (rules.max_silence, seen.last_label, "the last labelled prediction was made"),
    }
    late = {
        name: f"{told} {_days(now, since)} ago"
        for name, (limit, since, told) in limits.items()
        if limit is not None and since is not None and now - since > limit
    }
    yield Finding("stale", seen.window, tuple(late), "warning", "; ".join(late.values()))


def _days(now: datetime, since: datetime) -> str:
    hours = (now - since).total_seconds() / 3600
    return f"{hours / 24:.0f} days" if hours >= 48 else f"{hours:.0f} hours"


def _listed(names: tuple[str, ...]) -> str:
    more = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {more} more" if more > 0 else "")
