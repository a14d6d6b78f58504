"""The checklist of an alert, with the answers that the system knows, as a page of Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from fairlead.monitoring.alerts import Alert
from fairlead.monitoring.consequences import Action, Consequence
from fairlead.monitoring.findings import loss
from fairlead.monitoring.observation import Observation
from fairlead.monitoring.records import ColumnDrift, Quality
from fairlead.monitoring.state import Looked

NEXT: dict[Action, str] = {
    "none": "Nothing: it is over, or for information.",
    "mend_pipeline": "Find out what changed upstream in the columns named above, and mend it. "
    "Do not retrain: a model that is trained on broken data learns the fault. If the answers are "
    "harmful meanwhile, go back with `fairlead rollback` only where the fault came with a version.",
    "retrain": "Train a challenger on the labelled rows and let the gates decide.",
    "collect_labels": "Get labels for this window (`fairlead labels import`): without them nobody "
    "knows whether the model is worse. Look at the slices above meanwhile.",
    "watch": "Wait for the next window. Where the data moved, labels show that the model holds; "
    "where nothing comes, find out why.",
}
MOVED = 0.05
"""A share of the traffic that changed by so much is told."""
LOOKS = 5


@dataclass(frozen=True)
class Part:
    """A part of the traffic.

    Attributes:
        of: what it is a part by: `version`, `route` or a column.
        value: which part.
        now: share of the window's rows, in [0, 1].
        before: share of the window before, or for a column of the reference; None where unknown.
    """

    of: str
    value: str
    now: float
    before: float | None


@dataclass(frozen=True)
class Explained:
    """A drifted column beside a split of the traffic.

    Attributes:
        column: that drifted.
        by: column whose mix is held as in the window.
        effect: the distance that is left then.
        threshold: from which it would still be a drift.
    """

    column: str
    by: str
    effect: float
    threshold: float

    @property
    def is_explained(self) -> bool:
        """Whether the mix alone is the reason."""
        return self.effect < self.threshold


@dataclass(frozen=True)
class Facts:
    """What the system knows when an alert is raised.

    Attributes:
        alert, seen, follows: the alert, the look that raised it, and what follows.
        looks: those before, the latest last.
        rows: predictions in the window; None where unknown.
        rows_before: in the window before.
        parts: shares of the traffic.
        explained: each drifted column by each column that is scored in slices.
        refused: rows that broke the contract, and all, since the services started; None where no
            service of this folder told.
        changes: what the ledger says of this window and the one before, a line each.
        unknown: what could not be found out, and why.
    """

    alert: Alert
    seen: Observation
    follows: Consequence
    looks: Sequence[Looked] = ()
    rows: int | None = None
    rows_before: int | None = None
    parts: Sequence[Part] = ()
    explained: Sequence[Explained] = ()
    refused: tuple[int, int] | None = None
    changes: Sequence[str] = ()
    unknown: Sequence[str] = ()


def triage(facts: Facts) -> str:
    """The page.

    Args:
        facts: all that is known; what is not is said.
    """
    lines = [
        *_head(facts.alert),
        "",
        "## 1. Schema and pipeline",
        "",
        *_pipeline(facts),
        "",
        "## 2. Traffic mix",
        "",
        *_traffic(facts),
        "",
        "## 3. Quality on labelled rows",
        "",
        *_quality(facts.seen),
        "",
        "## What to do next",
        "",
        f"**{facts.follows.action}**: {facts.follows.reason}.",
        "",
        NEXT[facts.follows.action],
    ]
    if facts.unknown:
        lines += [
            "",
            "## What could not be found out",
            "",
            *(f"- {each}" for each in facts.unknown),
        ]
    return "\n".join(lines) + "\n"


def _head(alert: Alert) -> Iterator[str]:
    yield f"# {alert.severity.upper()}: {alert.kind} of {alert.model}"
    yield ""
    yield alert.summary
    yield ""
    yield "| | |"
    yield "| --- | --- |"
    facts = {
        "alert": f"`{alert.id}`",
        "model": f"{alert.model} version {alert.version}",
        "digest": f"`{alert.digest}`",
        "run": f"`{alert.run_id}`" if alert.run_id else "not logged",
        "window": f"{alert.window.start:%Y-%m-%d %H:%M} to {alert.window.end:%Y-%m-%d %H:%M} UTC",
        "first seen": f"{alert.first_seen:%Y-%m-%d %H:%M} UTC",
    }
    yield from (f"| {name} | {value} |" for name, value in facts.items())


def _pipeline(facts: Facts) -> Iterator[str]:
    report = facts.seen.drift
    if report is None:
        yield "- [ ] Columns: not known, see below."
    else:
        for each in report.columns:
            if each.is_broken:
                yield f"- [ ] **`{each.column}` looks broken**: {each.reason}."
        if not report.broken:
            yield f"- [x] None of the {len(report.columns)} columns looks broken."
        moved = [_rates(each) for each in report.columns if _rates_moved(each)]
        yield f"- {'[ ] Missing or unknown values: ' + '; '.join(moved) if moved else '[x] Missing and unknown values are as in the reference'}."  # noqa: E501
    if facts.refused is None:
        yield "- [ ] Refused rows: no service of this folder tells of any."
    else:
        refused, rows = facts.refused
        mark = " " if refused else "x"
        yield f"- [{mark}] {refused:,} of {rows:,} rows were refused since the services started."
    if facts.changes:
        yield "- [ ] Changed in this window or the one before:"
        yield from (f"  - {each}" for each in facts.changes)
    else:
        yield "- [x] No promotion, rollback or change of traffic in this window or the one before."


def _rates_moved(column: ColumnDrift) -> bool:
    missing = abs(column.missing - column.missing_reference)
    return max(missing, abs(column.unknown - column.unknown_reference)) >= 0.01


def _rates(column: ColumnDrift) -> str:
    return (
        f"`{column.column}` {column.missing:.1%} missing (before {column.missing_reference:.1%}), "
        f"{column.unknown:.1%} unknown (before {column.unknown_reference:.1%})"
    )


def _traffic(facts: Facts) -> Iterator[str]:
    now, before = (
        "not known" if rows is None else f"{rows:,}" for rows in (facts.rows, facts.rows_before)
    )
    yield f"- Rows: {now}; in the window before: {before}."
    earlier = [f"{each.rows:,}" for each in facts.looks[-LOOKS:] if each.rows is not None]
    if earlier:
        yield f"- Rows at earlier looks: {', '.join(earlier)}."
    for part in facts.parts:
        if part.before is None:
            yield f"- {part.of} `{part.value}`: {part.now:.1%} of the rows."
        elif abs(part.now - part.before) >= MOVED:
            then = "before" if part.of in ("version", "route") else "in the reference"
            yield (
                f"- **{part.of} `{part.value}`: {part.now:.1%} of the rows, "
                f"{then} {part.before:.1%}.**"
            )
    yield from _explanation(facts)


def _explanation(facts: Facts) -> Iterator[str]:
    if not facts.explained:
        yield "- [ ] Whether the mix explains the drift: nothing to hold it against (`evaluation.slices`)."  # noqa: E501
        return
    told = sorted({each.column for each in facts.explained if each.is_explained})
    rest = sorted({each.column for each in facts.explained} - set(told))
    for each in facts.explained:
        if each.is_explained:
            yield (
                f"- [x] `{each.column}` drifts because the mix of `{each.by}` shifted: with the "
                f"same mix {each.effect:.3f}, below {each.threshold:g}."
            )
    if rest:
        yield f"- [ ] No shift of the mix explains {', '.join(f'`{each}`' for each in rest)}."


def _quality(seen: Observation) -> Iterator[str]:
    whole = seen.overall
    if whole is None:
        yield "- [ ] Not known."
        return
    window = seen.quality_window or seen.window
    stretch = f"{window.start:%Y-%m-%d %H:%M} to {window.end:%Y-%m-%d %H:%M} UTC"
    yield f"- {whole.labelled:,} of {whole.rows:,} predictions have a label ({stretch})."
    if window.end < seen.window.end:
        yield f"- The newest labels are {_hours(seen)} behind the window of this alert."
    yield from _table([whole, *(each for each in seen.quality if each is not whole)])


def _hours(seen: Observation) -> str:
    behind = seen.window.end - (seen.quality_window or seen.window).end
    return f"{behind.total_seconds() / 3600:.0f} hours"


def _table(quality: Sequence[Quality]) -> Iterator[str]:
    yield ""
    yield "| rows | metric | labelled | measured | expected (estimate) | baseline | loss |"
    yield "| --- | --- | ---: | ---: | ---: | ---: | ---: |"
    for each in quality:
        names = {"version": each.version, "route": each.route}
        parts = [f"{name} {value}" for name, value in names.items() if value is not None]
        parts += ["=".join(each.slice)] if each.slice else []
        values = [
            "–" if found is None else f"{found.value:.4g} ± {found.standard_error:.2g}"
            for found in (each.measured, each.expected, each.baseline)
        ]
        lost, _ = loss(each, each.measured)
        told = "–" if each.measured is None else f"{lost:+.1%}"
        yield f"| {', '.join(parts) or 'all'} | {each.metric} | {each.labelled:,} | {' | '.join(values)} | {told} |"  # noqa: E501
