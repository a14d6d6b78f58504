"""Infrastructure 1 to 7: what a project must show of how models are made and brought to service."""

from __future__ import annotations

import math

import numpy as np

from fairlead.errors import ExpressionError
from fairlead.project.expressions import evaluate, parse
from fairlead.project.scope import gate_scope
from fairlead.readiness.evidence import NO_CHAMPION, Evidence, claimed, probed, repeated
from fairlead.readiness.in_use import Promotion
from fairlead.readiness.records import AUTOMATED, MANUAL, Verdict


def reproducible(evidence: Evidence) -> Verdict:
    """`fairlead reproduce` has rebuilt the champion, to the last byte.

    A point where CI or DVC runs it, half a point else.
    """
    if evidence.champion is None:
        return NO_CHAMPION
    found = evidence.reproduction
    remedy = "fairlead reproduce champion"
    if found is None:
        return Verdict(0, "nobody has rebuilt the champion", remedy)
    if found.get("reproduced") is not True:
        return Verdict(0, f"rebuilt on {found.get('at')}, it differs", remedy)
    return repeated(evidence, "fairlead reproduce", f"rebuilt to the byte on {found.get('at')}")


def specs_tested(evidence: Evidence) -> Verdict:
    """A passing project test claims to test the candidates."""
    return claimed(evidence, "infrastructure_2")


def pipeline_tested(evidence: Evidence) -> Verdict:
    """A passing project test claims to drive the whole pipeline, from the data to an answer."""
    return claimed(evidence, "infrastructure_3")


def validated(evidence: Evidence) -> Verdict:
    """The project has gates, and the champion was let pass by all that were asked: a point.

    The ledger says so, whose chain holds, and the present gates were among them. Half a point
    where it does not, because it was forced, moved by somebody else or asked before the gates
    changed, but the figures of its training hold the gates now.
    """
    if evidence.champion is None:
        return NO_CHAMPION
    gates, found = evidence.spec.promotion.gates, evidence.promotion
    if not gates:
        return Verdict(0, "the project has no gates", "`promotion.gates: [rmse <= 50000]`")
    if isinstance(found, Promotion) and not found.forced and found.passed(*gates):
        text = f"all {len(found.gates)} gates passed, {', '.join(gates)} among them"
        return Verdict(AUTOMATED, f"{text}, entry {found.entry} of the ledger")
    metrics = evidence.champion.manifest["metrics"]
    source = "holdout" if "holdout" in metrics else "cv"
    figures = {name: each["value"] for name, each in metrics[source].items()}
    missed = [gate for gate in gates if not _holds(gate, figures)]
    if missed:
        text = f"the champion does not hold {missed[0]} ({source})"
        return Verdict(0, text, "train a better one, or name a metric that is measured")
    text = f"{', '.join(gates)} held by the champion ({source}), but "
    if isinstance(found, str):
        return Verdict(MANUAL, text + found, "fairlead history verify, fairlead promote")
    by = "it was promoted by force" if found.forced else "not by the present gates"
    return Verdict(MANUAL, f"{text}{by} (entry {found.entry})", "fairlead promote, without --force")


def _holds(gate: str, figures: dict[str, float | None]) -> bool:
    """Whether metrics are within a gate; one that is not defined never is."""
    try:
        parsed = parse(gate, gate_scope(gate))
        values = {name: np.array([figures.get(name, math.nan)], float) for name in parsed.names}
    except ExpressionError:
        return False
    known = all(np.isfinite(value).all() for value in values.values())
    return known and bool(evaluate(parsed, values).all())


def debuggable(evidence: Evidence) -> Verdict:
    """One row is followed through every operation of the graph now, to the bits of the answer."""
    return probed(evidence, "one_row")


def canaried(evidence: Evidence) -> Verdict:
    """The champion answered under half of the traffic before it became champion.

    The ledger, whose chain holds, says so. A point where the last look of `fairlead canary` let
    it pass, the prediction log has its answers of that time, and CI or DVC runs
    `fairlead canary start`; none where that look said that it fails; half a point else.
    """
    if evidence.champion is None:
        return NO_CHAMPION
    found = evidence.canary
    remedy = "fairlead canary start challenger, then promote it"
    if found is None:
        return Verdict(0, "the champion never had a part of the traffic first", remedy)
    text = f"{found.percent:g} % of the traffic first, entry {found.entry} of the ledger"
    if found.judged == "fail":
        return Verdict(0, f"{text}; its canary failed", remedy)
    if not found.answered:
        text += "; no answer of that time is logged"
        return Verdict(MANUAL, text, "serve with FAIRLEAD_PREDICTION_LOG")
    if found.judged != "pass":
        return Verdict(MANUAL, f"{text}, {found.judged or 'judged by nobody'}", remedy)
    return repeated(evidence, "fairlead canary start", text)


def reversible(evidence: Evidence) -> Verdict:
    """The former champion is verified and loaded now: it takes the same rows, within 10 s.

    A point where CI or DVC runs `fairlead score`, half a point else.
    """
    if evidence.champion is None:
        return NO_CHAMPION
    former = evidence.former
    if former is None:
        return Verdict(0, "there is no former champion to go back to", "promote a second version")
    if former.problem is not None:
        return Verdict(0, f"{former.label}: {former.problem}", "fairlead promote")
    text = f"{former.label} is sound, takes the same rows, loads in {former.seconds:.2f} s"
    return repeated(evidence, "fairlead score", text)
