"""Whether to retrain: pipeline and schema first, then the traffic, then the realised quality."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from fairlead.monitoring.records import Quality
from fairlead.retraining.records import (
    BUDGET_SPAN,
    Facts,
    Reason,
    Rules,
    Run,
    Trigger,
    Verdict,
)


def decide(
    trigger: Trigger,
    facts: Facts,
    runs: Sequence[Run],
    rules: Rules,
    now: datetime,
    *,
    force: bool = False,
) -> Verdict:
    """Decide; no clock and no file is read.

    Every step is asked, whatever the ones before it say, so that all obstacles are told at once.

    Args:
        trigger: what made somebody ask.
        facts: what is known.
        runs: retrainings so far, the latest last.
        rules: of the project.
        now: UTC.
        force: retrain although a step says no, if there is anything to train on at all.
    """
    reasons = (
        _pipeline(facts),
        _traffic(facts),
        _quality(trigger, facts, rules),
        *_labels(facts, rules, now),
        *_patience(runs, rules, now),
    )
    stopped = any(each.stops for each in reasons)
    forced = stopped and force and facts.labels > 0
    return Verdict("retrain" if forced or not stopped else "wait", trigger, reasons, forced)


def has_dropped(quality: Quality, smallest: float) -> bool:
    """Whether quality was lost: at least that much, and more than chance explains."""
    drop = quality.drop
    return drop is not None and drop.value >= smallest and drop.low > 0


def _pipeline(facts: Facts) -> Reason:
    if facts.broken:
        told = "; ".join(f"{name}: {why}" for name, why in facts.broken.items())
        return Reason("pipeline", f"a fault of the pipeline, mend that first: {told}", stops=True)
    if facts.drifted is None:
        return Reason("pipeline", "no window could be judged: no fault is known")
    return Reason("pipeline", "no column looks broken")


def _traffic(facts: Facts) -> Reason:
    if facts.drifted is None:
        return Reason("traffic", "no window could be judged: no change is known")
    if facts.drifted:
        return Reason("traffic", f"drifted: {', '.join(facts.drifted)}")
    return Reason("traffic", "the mix of the traffic has not changed")


def _quality(trigger: Trigger, facts: Facts, rules: Rules) -> Reason:
    """An alert must show a loss, or a schema that has changed; the other triggers need neither."""
    told = _told(facts.quality)
    if facts.schema:
        return Reason("quality", f"the schema has changed: {', '.join(facts.schema)}")
    if facts.quality is not None and has_dropped(facts.quality, rules.min_quality_drop):
        return Reason("quality", told)
    if trigger == "alert":
        needed = f"no proved loss of {100 * rules.min_quality_drop:g} %"
        return Reason("quality", f"{needed}: {told}", stops=True)
    return Reason("quality", told)


def _told(quality: Quality | None) -> str:
    drop = None if quality is None else quality.drop
    if quality is None or drop is None or quality.measured is None:
        return "there are too few labels to measure the quality"
    way = "worse" if drop.value > 0 else "better"
    return (
        f"{quality.metric} {quality.measured.value:.4g} on {quality.labelled:,} labelled "
        f"predictions, {quality.baseline.value:.4g} when it was trained: "
        f"{abs(100 * drop.value):.1f} % {way}"
    )


def _labels(facts: Facts, rules: Rules, now: datetime) -> Iterator[Reason]:
    left_out = sum(facts.unusable.values())
    more = f", {left_out:,} cannot be trained on" if left_out else ""
    if facts.newest_label is None:
        why = "; ".join(facts.unusable)
        yield Reason(
            "labels", f"no labels to train on{more}{f': {why}' if why else ''}", stops=True
        )
        return
    age = now - facts.newest_label
    stale = age > rules.max_label_age
    told = f"the newest labelled prediction is {age.days} days old"
    yield Reason("labels", f"labels are stale: {told}" if stale else told, stops=stale)
    count = f"{facts.new_labels:,} new of {facts.labels:,} labelled predictions{more}"
    if facts.new_labels < rules.min_labels:
        yield Reason(
            "data", f"too few to learn from: {count}, {rules.min_labels:,} needed", stops=True
        )
    else:
        yield Reason("data", count)


def _patience(runs: Sequence[Run], rules: Rules, now: datetime) -> Iterator[Reason]:
    began = [run.started_at for run in runs]
    if began and now - began[-1] < rules.cooldown:
        until = (began[-1] + rules.cooldown).isoformat(timespec="minutes")
        yield Reason("cooldown", f"the last retraining was of late: not before {until}", stops=True)
    else:
        yield Reason("cooldown", "no retraining of late")
    spent = sum(now - each < BUDGET_SPAN for each in began)
    told = f"{spent} of {rules.budget} retrainings in {BUDGET_SPAN.days} days"
    yield Reason("budget", told, stops=spent >= rules.budget)
