"""What is found of the 28 tests, and the score that follows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from fairlead.project.readiness import SECTIONS

if TYPE_CHECKING:
    from rich.console import RenderableType

MANUAL = 0.5
AUTOMATED = 1.0
READINGS = (
    (0.0, "research: nothing of it is ready for production"),
    (1.0, "not untested, but there may be serious holes in its reliability"),
    (2.0, "a first pass at production, more work is needed"),
    (3.0, "reasonably tested, more of it could run by itself"),
    (5.0, "strongly tested and monitored, fit for what matters"),
)
"""Up to this score -> what the paper makes of it; beyond the last one it is exceptional."""
EXCEPTIONAL = "exceptionally well tested and monitored"
Kind = Literal["automated", "manual", "missing"]


@dataclass(frozen=True)
class Verdict:
    """What the evidence says on one test.

    Attributes:
        points: 0, 0.5 or 1.
        text: the evidence, or what is missing.
        remedy: the command, key or file that would bring what is missing; may be empty.
    """

    points: float
    text: str
    remedy: str = ""


@dataclass(frozen=True)
class Outcome:
    """One of the 28 tests.

    Attributes:
        id: such as `data_1`.
        title: what is asked.
        verdict: what was found.
    """

    id: str
    title: str
    verdict: Verdict

    @property
    def section(self) -> str:
        """`data`, `model`, `infrastructure` or `monitoring`."""
        return self.id.rpartition("_")[0]

    @property
    def kind(self) -> Kind:
        """Whether it is made by a system, by hand, or not at all."""
        points = self.verdict.points
        return "automated" if points == AUTOMATED else "manual" if points else "missing"


@dataclass(frozen=True)
class Score:
    """The ML Test Score of a project.

    Attributes:
        project: its name.
        champion: the model that was judged; None if there is none.
        outcomes: the 28 tests in their order.
    """

    project: str
    champion: str | None
    outcomes: tuple[Outcome, ...]

    @property
    def sections(self) -> Mapping[str, float]:
        """Section -> the sum of its points."""
        return {
            section: sum(each.verdict.points for each in self.outcomes if each.section == section)
            for section in SECTIONS
        }

    @property
    def points(self) -> float:
        """The score: that of the weakest section."""
        return min(self.sections.values())

    @property
    def reading(self) -> str:
        """What the score means."""
        return next((text for most, text in READINGS if self.points <= most), EXCEPTIONAL)

    def of(self, section: str) -> Sequence[Outcome]:
        """The tests of a section."""
        return [each for each in self.outcomes if each.section == section]

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {
            "project": self.project,
            "champion": self.champion,
            "score": self.points,
            "reading": self.reading,
            "sections": dict(self.sections),
            "tests": [
                {"id": each.id, "title": each.title, "kind": each.kind, **vars(each.verdict)}
                for each in self.outcomes
            ],
        }

    def render(self) -> RenderableType:
        """For a terminal."""
        from fairlead.readiness.tables import table

        return table(self)

    def markdown(self) -> str:
        """As a Markdown document."""
        from fairlead.readiness.tables import markdown

        return markdown(self)
