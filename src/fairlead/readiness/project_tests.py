"""Reads what pytest wrote of the last run of a project's own tests."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from xml.etree import ElementTree as ET

from fairlead.readiness.evidence import ProjectTests

RESULT = Path(".fairlead/results/tests.xml")
PROPERTY = "ml_test_score"
NOT_PASSED = ("failure", "error", "skipped")


def project_tests(root: Path, file: Path) -> ProjectTests:
    """What the project's tests claim of the score.

    A test claims to be one of the score by `record_property("ml_test_score", "data_7")`. The run
    counts if none failed and if neither the tests nor the project file have changed since.

    Args:
        root: the project's folder.
        file: the project file.
    """
    result = root / RESULT
    if not result.is_file():
        return ProjectTests(trouble="there was no run of them")
    try:
        # Written by the user's own pytest, and read as it is: it is as trusted as the tests.
        cases = list(ET.parse(result).iter("testcase"))  # noqa: S314
    except ET.ParseError:
        return ProjectTests(trouble=f"{RESULT} is no report of pytest")
    claims: dict[str, tuple[str, ...]] = defaultdict(tuple)
    failed, passed = [], 0
    for case in cases:
        name = case.get("name", "?")
        if any(case.find(kind) is not None for kind in NOT_PASSED):
            if case.find("skipped") is None:
                failed.append(name)
            continue
        passed += 1
        for each in case.iter("property"):
            if each.get("name") == PROPERTY:
                claims[str(each.get("value"))] += (name,)
    sources = sorted((root / "tests").rglob("*.py"))
    trouble = None
    if failed:
        trouble = f"{failed[0]} failed" + (f", and {len(failed) - 1} more" if failed[1:] else "")
    elif any(each.stat().st_mtime > result.stat().st_mtime for each in (file, *sources)):
        trouble = "tests or fairlead.yaml have changed since they ran"
    text = "\n".join(source.read_text(encoding="utf-8", errors="replace") for source in sources)
    return ProjectTests(dict(claims), passed, tuple(failed), text, trouble)
