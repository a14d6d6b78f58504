"""Decides by the project's rules what an observation is: nothing, a note, a warning, a failure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from fairlead.data.quality.records import STYLES, Finding, Observation, Severity
from fairlead.project.quality import QualitySpec, Verdict

SEVERITIES: Mapping[Verdict, Severity] = {"fail": "error", "warn": "warning", "info": "info"}


def judge(observations: Iterable[Observation], rules: QualitySpec) -> tuple[Finding, ...]:
    """The findings of a project, the gravest first.

    What the contract sees to already is a note, whatever the rule, unless it is ignored.
    """
    findings = [
        Finding(**vars(observation), severity="info" if observation.settled else SEVERITIES[rule])
        for observation in observations
        if observation.limit.passed_by(observation.figure)
        and (rule := getattr(rules, observation.code)) != "ignore"
    ]
    order = list(STYLES)
    return tuple(sorted(findings, key=lambda finding: order.index(finding.severity)))
