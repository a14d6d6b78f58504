"""What a project says of its readiness: tests of the ML Test Score that were made by hand."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator

from pydantic import Field

from fairlead.project.parts import SpecFault, SpecPart

SECTIONS = ("data", "model", "infrastructure", "monitoring")
TESTS = 7
"""Tests in each section."""
TEST = re.compile(rf"({'|'.join(SECTIONS)})_[1-{TESTS}]")


class ManualEvidence(SpecPart):
    """A test of the ML Test Score that somebody made by hand: half a point, for a year."""

    evidence: str = Field(min_length=1, examples=["notes.md#privacy"])
    """Where the result is written down: an address, or a file relative to the project file."""
    date: dt.date
    """Day on which the test was made, such as 2026-11-20."""
    note: str | None = None
    """What was found, in a sentence."""


class ScoreSpec(SpecPart):
    """What `fairlead score` is told beside what it finds."""

    manual: dict[str, ManualEvidence] = Field(
        default={}, json_schema_extra={"propertyNames": {"pattern": f"^{TEST.pattern}$"}}
    )
    """Test of the ML Test Score, such as `data_5` -> the result of making it by hand."""

    def faults(self) -> Iterator[SpecFault]:
        """Only the 28 tests of the score have evidence."""
        for name in self.manual:
            if not TEST.fullmatch(name):
                expected = f"`data_1` to `monitoring_{TESTS}`: {', '.join(SECTIONS)}"
                yield SpecFault(f"manual.{name}", f"`{name}`", expected)
