"""Monitoring 1 to 7: what a project must show of how it is watched."""

from __future__ import annotations

from datetime import datetime, timedelta

from fairlead.monitoring.alerts import Kind
from fairlead.project.parts import seconds
from fairlead.readiness.evidence import (
    NO_CHAMPION,
    Evidence,
    probed,
    quality_in_use,
    repeated,
)
from fairlead.readiness.in_use import LABELLED_DAYS, against_training, is_worse
from fairlead.readiness.records import AUTOMATED, MANUAL, Verdict

LATEST_LOOK = timedelta(days=1)


def dependencies(evidence: Evidence) -> Verdict:
    """What the champion was trained with is what runs now, and the data is pinned.

    Compared now: Python, Fairlead and the libraries that its manifest names; the data by the
    digest of `data.source` or a `.dvc` file. A point where CI or DVC runs `fairlead score`.
    """
    if evidence.champion is None:
        return NO_CHAMPION
    then, now = evidence.champion.provenance, evidence.environment
    changed = [
        f"{name} {was} is now {is_now}"
        for name, was, is_now in (
            *((key, then[key], now[key]) for key in ("python", "fairlead")),
            *((key, was, now["libraries"].get(key)) for key, was in then["libraries"].items()),
        )
        if was != is_now
    ]
    if changed:
        return Verdict(0, "; ".join(changed), "fairlead train")
    if evidence.pinned is None:
        return Verdict(0, "a change of the data would not be noticed", "`data.source.sha256`")
    if isinstance(evidence.rows, str):
        return Verdict(0, evidence.rows, "fairlead data fetch")
    libraries = len(then["libraries"])
    text = f"Python, Fairlead, {libraries} libraries and {evidence.pinned} are as at training"
    return repeated(evidence, "fairlead score", text)


def invariants(evidence: Evidence) -> Verdict:
    """Rows that break each rule of the contract are sent now, and the service refuses every one.

    No point while the monitor has an alert of kind `pipeline`.
    """
    return _alerted(evidence, "pipeline") or probed(evidence, "refusals")


def no_skew(evidence: Evidence) -> Verdict:
    """Rows of the data are sent as a caller would: the same inputs and scores as in training.

    No point while the monitor has an alert of kind `drift`: callers send other rows.
    """
    return _alerted(evidence, "drift") or probed(evidence, "skew")


def _alerted(evidence: Evidence, *kinds: Kind) -> Verdict | None:
    """No point for what the monitor says is not so."""
    alert = None if evidence.watch is None else evidence.watch.firing(*kinds)
    if alert is None:
        return None
    return Verdict(0, f"{alert.kind}: {alert.summary}", f"fairlead alerts show {alert.number}")


def fresh(evidence: Evidence) -> Verdict:
    """The champion is younger than `retraining.max_age`, now.

    A point where CI or DVC runs `fairlead score`, half a point else.
    """
    if evidence.champion is None:
        return NO_CHAMPION
    age = evidence.now - datetime.fromisoformat(evidence.champion.provenance["created_at"])
    allowed = evidence.spec.retraining.max_age
    days = age / timedelta(days=1)
    if allowed is None:
        text = f"{days:.1f} days old; nothing says how old it may be"
        return Verdict(0, text, "`retraining.max_age: 90d`")
    if age > timedelta(seconds=seconds(allowed)):
        return Verdict(0, f"{days:.1f} days old, over {allowed}", "fairlead train")
    return repeated(evidence, "fairlead score", f"{days:.1f} days old, under {allowed}")


def stable(evidence: Evidence) -> Verdict:
    """Missing, unknown, extreme and boundary values are sent now: every score is finite."""
    return probed(evidence, "extremes")


def fast(evidence: Evidence) -> Verdict:
    """Measured now, nothing is much slower or larger than before, nor slowly getting so.

    Training time, latency, throughput and memory of this candidate on this kind of machine: not
    twice the median of the last ten times, and the last three not 1.5 times the first three. The
    first time there is nothing to compare with.
    """
    return probed(evidence, "speed")


def still_good(evidence: Evidence) -> Verdict:
    """Labels of the last 30 days show no loss against training, and no alert says otherwise.

    A loss is what an alert on `quality` is raised for. A point where the monitor has measured
    the champion by labels in those days, its last look is not over a day old, and it runs now, or
    CI or DVC runs `fairlead monitor`; half a point else.
    """
    own = quality_in_use(evidence)
    if isinstance(own, Verdict):
        return own
    text = against_training(own)
    if is_worse(own, evidence.spec.retraining.min_quality_drop):
        return Verdict(0, f"it got worse: {text}", "fairlead retrain")
    if (alerted := _alerted(evidence, "quality", "estimate")) is not None:
        return alerted
    why = _not_watched(evidence)
    if why is not None:
        return Verdict(MANUAL, f"{text}; {why}", "fairlead monitor")
    if evidence.watch is not None and evidence.watch.is_running:
        return Verdict(AUTOMATED, f"{text}; a monitor runs and raises no alert of it")
    return repeated(evidence, "fairlead monitor", f"{text}; the monitor raises no alert of it")


def _not_watched(evidence: Evidence) -> str | None:
    """Why the monitor does not see to the champion's quality; None if it does."""
    found, champion = evidence.watch, evidence.champion
    if found is None or found.state.ticked_at is None or champion is None:
        return "no monitor looks"
    if evidence.now - found.state.ticked_at > LATEST_LOOK:
        return f"the monitor looked last on {found.state.ticked_at:%Y-%m-%d}"
    since = evidence.now - timedelta(days=LABELLED_DAYS)
    measured = any(
        look.version == champion.served_as and look.at >= since and look.measured is not None
        for look in found.state.looks
    )
    return None if measured else "the monitor has not measured it by labels"
