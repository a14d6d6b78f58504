"""The 28 tests of the ML Test Score, each with its rule, and the score that follows.

Eric Breck, Shanqing Cai, Eric Nielsen, Michael Salib, D. Sculley: The ML Test Score: A Rubric for
ML Production Readiness and Technical Debt Reduction. IEEE Big Data 2017.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from fairlead.project.readiness import ManualEvidence
from fairlead.readiness import data, infrastructure, model, monitoring
from fairlead.readiness.evidence import Evidence, claimed
from fairlead.readiness.records import MANUAL, Outcome, Score, Verdict

VALID_DAYS = 365
"""So long a test by hand counts."""
Rule = Callable[[Evidence], Verdict]


@dataclass(frozen=True)
class Criterion:
    """One of the 28 tests.

    Attributes:
        title: what is asked.
        rule: judges the evidence.
    """

    title: str
    rule: Rule


CRITERIA: Mapping[str, Criterion] = {
    "data_1": Criterion("A schema says what to expect of each feature", data.schema),
    "data_2": Criterion("Every feature is of use", data.beneficial),
    "data_3": Criterion("No feature costs too much", data.affordable),
    "data_4": Criterion("Features keep to what features may be", data.permitted),
    "data_5": Criterion("Personal data is protected all the way", data.private),
    "data_6": Criterion("A new feature is added quickly", data.extensible),
    "data_7": Criterion("The code of the features is tested", data.code_tested),
    "model_1": Criterion("Specifications are reviewed and submitted", model.reviewed),
    "model_2": Criterion("Offline and online metrics go together", model.correlated),
    "model_3": Criterion("Hyperparameters were tuned", model.tuned),
    "model_4": Criterion("What age does to the model is known", model.staleness),
    "model_5": Criterion("A simpler model is not better", model.no_simpler),
    "model_6": Criterion("It is good on all important slices", model.slices),
    "model_7": Criterion("It is tested for whom it may harm", model.inclusive),
    "infrastructure_1": Criterion("Training can be reproduced", infrastructure.reproducible),
    "infrastructure_2": Criterion("Specifications have unit tests", infrastructure.specs_tested),
    "infrastructure_3": Criterion("The whole pipeline is tested", infrastructure.pipeline_tested),
    "infrastructure_4": Criterion("Quality is checked before serving", infrastructure.validated),
    "infrastructure_5": Criterion(
        "One row can be followed step by step", infrastructure.debuggable
    ),
    "infrastructure_6": Criterion("A canary comes before serving", infrastructure.canaried),
    "infrastructure_7": Criterion("Going back is safe and quick", infrastructure.reversible),
    "monitoring_1": Criterion("A change of a dependency is noticed", monitoring.dependencies),
    "monitoring_2": Criterion("Inputs keep what must hold of them", monitoring.invariants),
    "monitoring_3": Criterion("Training and serving see the same", monitoring.no_skew),
    "monitoring_4": Criterion("The model is not too old", monitoring.fresh),
    "monitoring_5": Criterion("The model is numerically stable", monitoring.stable),
    "monitoring_6": Criterion("Speed and size do not get worse", monitoring.fast),
    "monitoring_7": Criterion("Quality on served rows does not get worse", monitoring.still_good),
}
OWN_CLAIM = "data_7"
"""Its rule asks more of a claim than that it passed."""


def assess(evidence: Evidence, root: Path) -> Score:
    """Judge all the tests; of several kinds of evidence the best counts.

    Args:
        evidence: what was found.
        root: the project's folder, where manual evidence may lie.
    """
    outcomes = tuple(
        Outcome(name, criterion.title, _verdict(name, criterion.rule, evidence, root))
        for name, criterion in CRITERIA.items()
    )
    champion = evidence.champion
    return Score(evidence.spec.name, None if champion is None else champion.label, outcomes)


def _verdict(name: str, rule: Rule, evidence: Evidence, root: Path) -> Verdict:
    found = rule(evidence)
    if name != OWN_CLAIM and name in evidence.tests.claims:
        # Of equal points, the rule's own evidence stands.
        found = max(found, claimed(evidence, name), key=lambda verdict: verdict.points)
    declared = evidence.spec.score.manual.get(name)
    if declared is None or found.points >= MANUAL:
        return found
    manual = by_hand(declared, evidence, root)
    if manual.points:
        return manual
    return Verdict(0, f"{found.text}; by hand: {manual.text}", found.remedy or manual.remedy)


def by_hand(declared: ManualEvidence, evidence: Evidence, root: Path) -> Verdict:
    """Half a point for what was declared, if it is there and not older than a year."""
    days = (evidence.now.date() - declared.date).days
    if days < 0:
        return Verdict(0, f"its date, {declared.date}, has not come yet", "the day it was made")
    if days > VALID_DAYS:
        return Verdict(0, f"it is of {declared.date}, over a year ago", "make it again")
    where = declared.evidence
    if not where.startswith(("https://", "http://")):
        file = root / where.partition("#")[0]
        if not file.is_file():
            return Verdict(0, f"there is no {where}", "a file relative to fairlead.yaml, or a URL")
    note = f": {declared.note}" if declared.note else ""
    return Verdict(MANUAL, f"by hand on {declared.date}, {where}{note}")
