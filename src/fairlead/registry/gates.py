"""The gates between a version and the champion's place: pure decisions on evidence."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from fairlead.data.contract import Contract
from fairlead.errors import EvaluationError
from fairlead.evaluation.metrics import metric_names
from fairlead.evaluation.records import Predictions
from fairlead.evaluation.report import evaluate
from fairlead.project.expressions import evaluate as calculate
from fairlead.project.expressions import parse
from fairlead.project.scope import gate_scope
from fairlead.project.spec import ProjectSpec
from fairlead.registry import comparisons
from fairlead.registry.comparisons import Rows, Terms
from fairlead.registry.compatibility import breaks
from fairlead.registry.decisions import GateResult, Outcome

COSTS = ("latency_p50_ms", "latency_p99_ms", "load_s", "memory_mb", "size_mb")
SLICE_DROP = "slice_drop"
SHOWN = 6
"""So many breaks of the contract are named."""


@dataclass(frozen=True, eq=False)
class Evidence:
    """All that the gates look at.

    Attributes:
        contract: of the version.
        champion: contract of the champion; None if there is none.
        costs: name as in `COSTS` -> what was measured.
        holdout: the frozen holdout, or what stands for it; None where there is nothing.
        why_no_holdout: why there is nothing.
        champion_fault: why the champion cannot be loaded; empty if it can, or there is none.
        why_no_recent: why the rows of late could not be scored.
        recent: labelled rows of late; None where there are none.
        settled: the holdout and the recent rows as the last champion sees them that has learned
            from the project's data alone; None where that is the champion, or cannot be asked.
        refused: how many rows that callers sent the version would refuse, and of how many; None
            if none are at hand.
        quality: whether the data that it was trained on keeps `data.quality`, and what was found;
            None where that data is not at hand.
    """

    contract: Contract
    champion: Contract | None
    costs: Mapping[str, float]
    holdout: Rows | None = None
    why_no_holdout: str = ""
    champion_fault: str = ""
    why_no_recent: str = ""
    recent: Rows | None = None
    settled: tuple[Rows, Rows] | None = None
    refused: tuple[int, int] | None = None
    quality: tuple[bool, str] | None = None

    def deciding(self, min_rows: int) -> Rows | None:
        """The rows that decide: the recent ones if they are enough, else the holdout."""
        if self.recent is not None and self.recent.rows >= min_rows:
            return self.recent
        return self.holdout


def known_names(spec: ProjectSpec) -> tuple[str, ...]:
    """What `promotion.gates` may name."""
    return (*metric_names(spec.task), *COSTS, SLICE_DROP)


def terms_of(spec: ProjectSpec) -> Terms:
    """What a project says on comparisons."""
    return Terms(
        metric=spec.evaluation.metric,
        level=spec.promotion.beats.get("champion", comparisons.DEFAULT_LEVEL),
        tolerance=spec.promotion.slice_drop,
        min_slice_rows=spec.evaluation.min_slice_rows,
        seed=spec.evaluation.cv.seed,
        unit=spec.data.target.unit,
    )


def judge(spec: ProjectSpec, evidence: Evidence) -> tuple[GateResult, ...]:
    """Ask every gate; the bundle itself was verified before.

    Args:
        spec: the project.
        evidence: what was found out.

    Returns:
        All results, also those that pass.
    """
    terms, rows = terms_of(spec), evidence.deciding(spec.monitoring.min_rows)
    return (
        *_against_champion(evidence, rows, terms),
        *bounds(spec, rows, evidence.costs, evidence.why_no_holdout),
        _cost(evidence.costs),
        _contract(evidence),
        _quality(evidence),
    )


def _against_champion(evidence: Evidence, rows: Rows | None, terms: Terms) -> Iterator[GateResult]:
    expected = f"better than the champion by {terms.metric}"
    if evidence.champion_fault:
        why = "the champion's bundle is not sound"
        yield GateResult("beats_champion", "inconclusive", evidence.champion_fault, expected, why)
        return
    if evidence.champion is None:
        yield no_champion(terms)
        return
    if rows is None:
        yield GateResult(
            "beats_champion", "inconclusive", "no rows", expected, evidence.why_no_holdout
        )
        return
    first = comparisons.beats_champion(rows, terms)
    yield replace(first, why=f"{first.why}{_late(evidence, rows)}")
    if rows is evidence.recent:
        yield _guard(evidence, rows, terms)
    yield comparisons.classes(rows, terms)
    yield comparisons.slices(rows, terms)
    yield comparisons.calibration(rows, terms)


def _late(evidence: Evidence, rows: Rows) -> str:
    """Why recent rows do not decide, where there are some."""
    if evidence.why_no_recent:
        return f"; the recent rows cannot be scored: {evidence.why_no_recent}"
    if evidence.recent is None or rows is evidence.recent:
        return ""
    return f"; {evidence.recent.title} are too few to decide"


def no_champion(terms: Terms) -> GateResult:
    """The gate of whoever is first."""
    expected = f"better than the champion by {terms.metric}"
    return GateResult("beats_champion", "pass", "no champion yet", expected, "nobody to beat")


def _guard(evidence: Evidence, recent: Rows, terms: Terms) -> GateResult:
    if evidence.holdout is None:
        expected = f"not worse than the champion by {terms.metric}"
        why = evidence.why_no_holdout
        return GateResult("holdout_guard", "inconclusive", "no rows", expected, why)
    return comparisons.guard(evidence.holdout, recent, terms, evidence.settled)


def bounds(
    spec: ProjectSpec, rows: Rows | None, costs: Mapping[str, float], why_no_rows: str = ""
) -> Iterator[GateResult]:
    """Ask the conditions of `promotion.gates`.

    The figures themselves must keep the bound, not their intervals: an interval that straddles
    it is told, and decides nothing.

    Args:
        spec: the project.
        rows: the rows that decide; None where there are none.
        costs: see `Evidence`.
        why_no_rows: why there are none.
    """
    for text in spec.promotion.gates:
        condition = parse(text, gate_scope(text))
        values, told = {}, []
        for name in condition.names:
            value, shown = _figure(name, spec, rows, costs)
            values[name] = np.array([value])
            told.append(f"{name} {shown}")
        undefined = [name for name, value in values.items() if not np.isfinite(value).all()]
        why = f"on {rows.title}" if rows is not None else why_no_rows
        if undefined:
            found = f"{', '.join(undefined)} not known"
            yield GateResult(text, "inconclusive", found, text, why)
            continue
        outcome: Outcome = "pass" if bool(calculate(condition, values).all()) else "fail"
        yield GateResult(text, outcome, ", ".join(told), text, why)


def _figure(
    name: str, spec: ProjectSpec, rows: Rows | None, costs: Mapping[str, float]
) -> tuple[float, str]:
    """A value and how it is shown; NaN where it is not known."""
    if name in COSTS:
        value = costs.get(name, math.nan)
        return value, f"{value:.3g}"
    if rows is None:
        return math.nan, ""
    if name == SLICE_DROP:
        value = comparisons.slice_drop(rows, terms_of(spec))
        return value, f"{value:.3g}"
    return _metric(name, rows.challenger, spec.evaluation.cv.seed, rows)


def _metric(
    name: str, predictions: tuple[Predictions, ...], seed: int, rows: Rows
) -> tuple[float, str]:
    try:
        found = evaluate(predictions, [name], groups=rows.groups, seed=seed)
    except EvaluationError:
        return math.nan, ""
    # Of a metric with a value for each class the worst counts: all of them are better the greater.
    worst = min(found.values(), key=lambda each: each.value)
    if any(not each.is_defined for each in found.values()):
        return math.nan, ""
    return worst.value, f"{worst.value:.6g} [{worst.low:.6g}, {worst.high:.6g}]"


def _cost(costs: Mapping[str, float]) -> GateResult:
    found = ", ".join(f"{name} {value:.3g}" for name, value in costs.items())
    told = "told; `promotion.gates` may bound it"
    return GateResult("cost", "pass", found, "", told)


def _contract(evidence: Evidence) -> GateResult:
    expected = "takes what callers send today"
    if evidence.champion_fault:
        fault = evidence.champion_fault
        return GateResult("contract", "inconclusive", fault, expected, "no contract to compare")
    if evidence.champion is None:
        return GateResult("contract", "pass", "no champion yet", expected, "nobody sends anything")
    found = breaks(evidence.champion, evidence.contract)
    why = "the champion's contract against its own"
    if evidence.refused is not None:
        refused, sent = evidence.refused
        why += f"; of {sent:,} rows that were sent it refuses {refused:,}"
    if not found:
        return GateResult("contract", "pass", "takes the same rows", expected, why)
    more = f"; and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    return GateResult("contract", "fail", "; ".join(found[:SHOWN]) + more, expected, why)


def _quality(evidence: Evidence) -> GateResult:
    expected = "no failure by `data.quality` and `data.checks`"
    if evidence.quality is None:
        why = "the data that it was trained on is not at hand"
        return GateResult("data_quality", "pass", "not asked", expected, why)
    passed, found = evidence.quality
    return GateResult("data_quality", "pass" if passed else "fail", found, expected)
