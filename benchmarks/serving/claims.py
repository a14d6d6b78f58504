"""What a figure is held to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Claim:
    """A bound that the service must keep.

    Attributes:
        what: that is bounded.
        found: the figure.
        bound: the largest or smallest that is allowed.
        at_most: whether `bound` is the largest.
        against: the server that `found` is a ratio to, if it is one.
        timed: whether a busy machine alone may miss it.
    """

    what: str
    found: float
    bound: float
    at_most: bool = True
    against: str | None = None
    timed: bool = True

    @property
    def met(self) -> bool:
        """Whether the figure keeps the bound."""
        return self.found <= self.bound if self.at_most else self.found >= self.bound


def table_of(promised: Sequence[Claim]) -> list[str]:
    """What is promised, as a Markdown table."""
    rows = ["| what | beside | found | bound | |", "| --- | --- | ---: | ---: | --- |"]
    for claim in promised:
        sign = "≤" if claim.at_most else "≥"
        rows.append(
            f"| {claim.what} | {claim.against or ''} | {_figure(claim, claim.found)} "
            f"| {sign} {_figure(claim, claim.bound)} | {'met' if claim.met else '**missed**'} |"
        )
    return rows


def _figure(claim: Claim, value: float) -> str:
    if claim.against is None:
        return f"{value:.3g}"
    return f"1/{1 / value:.1f}" if value < 0.3 else f"{value:.2f} ×"
