"""What the gates say of a version, one by one and in all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from fairlead.notebook import as_text

if TYPE_CHECKING:
    from rich.console import RenderableType

Outcome = Literal["pass", "fail", "inconclusive"]
STYLES: Mapping[Outcome, str] = {"pass": "green", "fail": "bold red", "inconclusive": "yellow"}


@dataclass(frozen=True)
class GateResult:
    """What one gate says.

    Attributes:
        name: of the gate, or the condition of the project file that it is.
        outcome: `inconclusive` where the evidence does not decide.
        found: what was found, with its figures.
        expected: what would pass.
        why: on what it was decided, and by which rule.
    """

    name: str
    outcome: Outcome
    found: str
    expected: str
    why: str = ""


CAPTION = "Differences are those of the version less the champion, with their intervals."


def overall(gates: Sequence[GateResult]) -> Outcome:
    """Fail if any gate fails, else inconclusive if any is, else pass."""
    outcomes = {gate.outcome for gate in gates}
    return next((each for each in ("fail", "inconclusive") if each in outcomes), "pass")


@dataclass(frozen=True)
class Decision:
    """Whether a version may become champion, and whether it did.

    Attributes:
        model: name of the registered model.
        version: of which version.
        candidate: its name in the project file.
        digest: of its bundle.
        champion: the version that it was compared with; None where there was none.
        at: when, UTC, as in ISO 8601.
        actor: who asked, as `user@host`.
        reason: why, in the actor's words.
        gates: all of them.
        forced: whether it is promoted against the gates.
        promoted: whether it became champion.
        is_champion: whether it was champion already: nothing was asked then.
    """

    model: str
    version: int
    candidate: str
    digest: str
    champion: int | None
    at: str
    actor: str
    reason: str
    gates: tuple[GateResult, ...] = field(default=())
    forced: bool = False
    promoted: bool = False
    is_champion: bool = False

    @property
    def outcome(self) -> Outcome:
        """What the gates say together."""
        return overall(self.gates)

    @property
    def passes(self) -> bool:
        """Whether it may become champion, by the gates or by force."""
        return self.outcome == "pass" or self.forced

    def named(self, *outcomes: Outcome) -> tuple[str, ...]:
        """Names of the gates with one of these outcomes."""
        return tuple(gate.name for gate in self.gates if gate.outcome in outcomes)

    @property
    def verdict(self) -> str:
        """The decision, as a sentence."""
        who = f"{self.model} version {self.version} ({self.candidate})"
        if self.is_champion:
            return f"{who} is the champion already."
        says = [
            f"{word}: {', '.join(names)}"
            for word, outcome in (("failed", "fail"), ("inconclusive", "inconclusive"))
            if (names := self.named(outcome))  # type: ignore[arg-type]
        ]
        told = "; ".join(says) or f"all {len(self.gates)} gates pass"
        if self.promoted:
            how = f" by force ({self.reason})" if self.forced else ""
            return f"{who} is champion now{how}: {told}."
        return f"{who} {'may become' if self.passes else 'is not made'} champion: {told}."

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {
            **vars(self),
            "gates": [vars(gate) for gate in self.gates],
            "outcome": self.outcome,
            "verdict": self.verdict,
        }

    def render(self) -> RenderableType:
        """For a terminal: every gate with its reasoning."""
        from rich.console import Group
        from rich.table import Table
        from rich.text import Text

        if not self.gates:
            return Text(self.verdict)
        against = f"champion {self.champion}" if self.champion else "no champion yet"
        columns = ("gate", "outcome", "found", "expected", "why")
        title = f"{self.model} version {self.version} ({self.candidate}), {against}"
        table = Table(*columns, title=title, caption=CAPTION)
        for gate in self.gates:
            cells = (gate.found, gate.expected, gate.why)
            mark = Text(gate.outcome, STYLES[gate.outcome])
            table.add_row(Text(gate.name), mark, *map(Text, cells))
        return Group(table, Text(self.verdict, STYLES[self.outcome]))

    def __repr__(self) -> str:
        return as_text(self.render())
