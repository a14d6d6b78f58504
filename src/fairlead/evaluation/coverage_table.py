"""Coverage in words: the table under a leaderboard, and the sentence of a model card."""

from __future__ import annotations

from collections.abc import Sequence

from fairlead.evaluation.coverage import Coverage
from fairlead.evaluation.records import Estimate

NONE = "–"


def coverage_table(
    candidates: Sequence[tuple[str, Coverage | None]], unit: str | None
) -> list[list[str]]:
    """How often the truth is held: titles, then a row for each candidate; or nothing.

    Args:
        candidates: names with what their intervals or sets are worth.
        unit: unit of the target of a regression.
    """
    rows = [(name, each) for name, each in candidates if each is not None and each.measured]
    if not rows:
        return []
    first = rows[0][1]
    sources = list(first.measured)
    size = "mean size" if first.kind == "set" else f"mean width{f' ({unit})' if unit else ''}"
    return [
        [
            f"{100 * first.target:g} % {first.kind}s",
            *(f"held, {source.replace('cv', 'CV')} (%)" for source in sources),
            f"worst slice, {sources[-1].replace('cv', 'CV')} (%)",
            size,
        ],
        *([name, *_cells(each, sources)] for name, each in rows),
    ]


def _cells(coverage: Coverage, sources: Sequence[str]) -> list[str]:
    """The shares held by source; of the last one, the lowest of a slice and the size."""
    last = coverage.measured[sources[-1]]
    slices = [each.coverage for each in last[1:] if each.coverage.is_defined]
    worst = min(slices, key=lambda each: each.value, default=None)
    shares = [coverage.measured[source][0].coverage for source in sources]
    return [*map(share_text, shares), share_text(worst), size_text(last[0].size)]


def share_text(share: Estimate | None) -> str:
    """Such as `90.0 ± 0.3`."""
    if share is None or not share.is_defined:
        return NONE
    return f"{100 * share.value:.1f} ± {100 * share.standard_error:.1f}"


def size_text(size: Estimate) -> str:
    """Such as `116,399` or `1.13`."""
    if not size.is_defined:
        return NONE
    return f"{size.value:,.0f}" if abs(size.value) >= 1000 else f"{size.value:.3g}"


def about_coverage(candidates: Sequence[tuple[str, Coverage | None]]) -> str:
    """What the table shows, and who has neither intervals nor sets, and why; or nothing."""
    known = [(name, each) for name, each in candidates if each is not None]
    said = [f"{name} has no {each.kind}s: {each.reason}." for name, each in known if each.reason]
    if len(said) < len(known):
        said.insert(0, "How often the truth is held, ± one standard error.")
    return " ".join(said)
