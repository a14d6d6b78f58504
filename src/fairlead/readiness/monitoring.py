"""Monitoring 1 to 7: what a project must show of how it is watched."""

from __future__ import annotations

from datetime import datetime, timedelta

from fairlead.readiness.evidence import NO_CHAMPION, Evidence, probed, repeated
from fairlead.readiness.records import Verdict

UNITS = {"m": "minutes", "h": "hours", "d": "days"}


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
    """Rows that break each rule of the contract are sent now, and the service refuses every one."""
    return probed(evidence, "refusals")


def no_skew(evidence: Evidence) -> Verdict:
    """Rows of the data are sent as a caller would: the same inputs and scores as in training."""
    return probed(evidence, "skew")


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
    if age > timedelta(**{UNITS[allowed[-1]]: int(allowed[:-1])}):
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
    """Quality on served rows is measured: by hand, or claimed by a test.

    Labels of served predictions are needed, which Fairlead does not take yet.
    """
    del evidence
    return Verdict(0, "no labels of served predictions", "`score.manual.monitoring_7`")
