"""What a finding is to a project is what its rules say."""

from __future__ import annotations

from typing import Any

import pytest

from fairlead.data.quality.records import LIMITS, STYLES, Observation, QualityReport
from fairlead.data.quality.rules import judge
from fairlead.project.quality import QualitySpec


def observed(code: str, figure: float = 1.0, *, settled: bool = False) -> Observation:
    return Observation(code, (), figure, "Found.", "Do it.", settled)


@pytest.mark.parametrize(
    ("verdict", "severities"),
    [("ignore", []), ("info", ["info"]), ("warn", ["warning"]), ("fail", ["error"])],
)
def test_the_rule_of_a_code_is_the_severity_of_its_finding(
    verdict: Any, severities: list[str]
) -> None:
    findings = judge([observed("target_leakage")], QualitySpec(target_leakage=verdict))
    assert [finding.severity for finding in findings] == severities
    assert QualityReport("", findings).passed == (verdict != "fail")


@pytest.mark.parametrize("verdict", ["info", "warn", "fail"])
def test_what_the_contract_sees_to_is_a_note(verdict: Any) -> None:
    rules = QualitySpec(duplicate_rows=verdict)
    (finding,) = judge([observed("duplicate_rows", settled=True)], rules)
    assert finding.severity == "info"


def test_what_passes_no_limit_is_no_finding() -> None:
    below = [
        observed("target_leakage", 0.89),
        observed("rare_class", 21),
        observed("group_leakage", 0),
    ]
    assert judge(below, QualitySpec()) == ()


def test_a_figure_at_the_limit_is_told() -> None:
    at = [observed(code, limit.value or 1e-9) for code, limit in LIMITS.items()]
    assert {finding.code for finding in judge(at, QualitySpec())} == set(LIMITS)


def test_the_gravest_come_first() -> None:
    rules = QualitySpec(dominant_column="info", capped_target="warn", rare_class="fail")
    codes = ("dominant_column", "capped_target", "rare_class")
    findings = judge([observed(code) for code in codes], rules)
    assert [finding.code for finding in findings] == [*reversed(codes)]
    report = QualityReport("", findings)
    assert report.counts == "1 failure, 1 warning, 1 note"
    assert list(STYLES) == [finding.severity for finding in findings]


def test_every_code_has_a_rule_and_a_limit() -> None:
    assert list(QualitySpec.model_fields) == list(LIMITS)
