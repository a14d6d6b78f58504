"""The leaderboard in words: numbers with as many digits as they deserve, three kinds of table."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from fairlead.evaluation.comparison import Comparison
from fairlead.evaluation.coverage_table import about_coverage, coverage_table
from fairlead.evaluation.leaderboard import Entry, Leaderboard
from fairlead.evaluation.metrics import Metric
from fairlead.evaluation.records import Estimate
from fairlead.evaluation.validation import Validation

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult
    from rich.table import Table

NONE = "–"
BEST = "★"
CLOSE = "≈"
SIMPLEST = "◆"


def unit_of(metric: Metric, unit: str | None) -> str:
    """What stands behind a number of this metric: `%`, the target's unit, or nothing."""
    return {"share": "%", "score": "", "target": unit or ""}[metric.unit]


def shown(metric: Metric, number: float) -> float:
    """The number as it is shown: shares in percent."""
    return 100 * number if metric.unit == "share" else number


def decimals(metric: Metric, estimates: Sequence[Estimate]) -> int:
    """Decimals for a column of estimates: two significant digits of the typical error."""
    errors = [
        shown(metric, e.standard_error)
        for e in estimates
        if math.isfinite(e.standard_error) and e.standard_error > 0
    ]
    if errors:
        return min(6, max(0, 1 - math.floor(math.log10(statistics.median(errors)))))
    largest = max((abs(shown(metric, e.value)) for e in estimates if e.is_defined), default=0.0)
    return min(6, max(0, 3 - math.floor(math.log10(largest)))) if largest > 0 else 3


def number_text(metric: Metric, estimate: Estimate | None, places: int) -> str:
    """Such as `97.3 ± 1.3` or `46,510 ± 450`, without the unit."""
    if estimate is None or not estimate.is_defined:
        return NONE
    text = f"{shown(metric, estimate.value):,.{places}f}"
    if math.isfinite(estimate.standard_error):
        text += f" ± {shown(metric, estimate.standard_error):,.{places}f}"
    return text


def size_text(size_bytes: int | None) -> str:
    """Such as `12 kB` or `43 MB`; powers of 1,000."""
    if size_bytes is None:
        return NONE
    for factor, unit in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        # Three digits of 999.6 kB would be 1000 kB.
        if size_bytes >= 0.9995 * factor:
            return f"{_brief(size_bytes / factor)} {unit}"
    return f"{size_bytes} B"


def time_text(seconds: float | None) -> str:
    """Such as `12 ms`, `0.12 s`, `41 s` or `3.2 min`."""
    if seconds is None:
        return NONE
    if seconds < 0.0995:
        return f"{_brief(1000 * seconds)} ms"
    return f"{_brief(seconds)} s" if seconds < 120 else f"{_brief(seconds / 60)} min"


def _brief(number: float) -> str:
    """Two significant digits, and whole numbers from 10."""
    if number >= 9.95:
        return f"{number:,.0f}"
    return f"{number:.1f}" if number >= 0.995 else f"{number:.2g}"


def _latency(entry: Entry) -> str:
    if entry.latency_p50_us is None:
        return NONE
    p99 = NONE if entry.latency_p99_us is None else _brief(entry.latency_p99_us)
    return f"{_brief(entry.latency_p50_us)} / {p99}"


@dataclass(frozen=True)
class _Column:
    title: tuple[str, str]
    """Two lines: of which kind, and what."""
    cell: Callable[[Entry], str]
    hides: int = 0
    """Which column goes first where there is no room for all; 0 never does."""


def _columns(board: Leaderboard) -> list[_Column]:
    unit = unit_of(board.rule, board.unit)
    columns = [
        _Column((f"{board.metric}{f' ({unit})' if unit else ''}", "CV"), _score(board, "cv"))
    ]
    if any(board.metric in entry.holdout for entry in board.entries):
        columns.append(_Column(("", "holdout"), _score(board, "holdout")))
    return [
        *columns,
        _Column(("1 row, µs", "p50 / p99"), _latency),
        _Column(("", "bundle"), lambda entry: size_text(entry.size_bytes), hides=4),
        _Column(("", "memory"), lambda entry: size_text(entry.memory_bytes), hides=1),
        _Column(("", "interp."), lambda entry: entry.interpretability or NONE, hides=3),
        _Column(("", "training"), lambda entry: time_text(entry.training_s), hides=2),
    ]


def _score(board: Leaderboard, source: str) -> Callable[[Entry], str]:
    """Metric ± error from one source, with the same decimals for all candidates and sources."""
    estimates = [entry.cv[board.metric] for entry in board.entries if board.metric in entry.cv]
    places = decimals(board.rule, estimates)
    return lambda entry: number_text(board.rule, getattr(entry, source).get(board.metric), places)


def mark_of(board: Leaderboard, entry: Entry) -> str:
    """What stands before a name: best, simplest of those close to it, close, or a space."""
    if entry == board.best:
        return BEST
    if not board.is_close(entry):
        return " "
    return SIMPLEST if entry == board.simplest else CLOSE


def _name(board: Leaderboard, entry: Entry) -> str:
    return f"{mark_of(board, entry)} {entry.name}"


def _lines(board: Leaderboard) -> tuple[Entry, ...]:
    """The entries from top to bottom, the baseline last."""
    return board.ranked if board.baseline is None else (*board.ranked, board.baseline)


def _cells(board: Leaderboard, entry: Entry, columns: Sequence[_Column]) -> list[str]:
    if entry.error is not None:
        cells = ["failed", *("" for _ in columns[1:])]
    else:
        cells = [column.cell(entry) for column in columns]
    return [_name(board, entry), *cells]


def _notes(board: Leaderboard) -> list[str]:
    notes = [f"{board.metric} ± one standard error, {board.rule.better} is better. CV: {board.cv}."]
    if board.holdout:
        notes.append(f"Holdout: {board.holdout}.")
    out_of_bag = _score(board, "oob")
    if forests := [entry for entry in board.ranked if board.metric in entry.oob]:
        texts = ", ".join(f"{entry.name} {out_of_bag(entry)}" for entry in forests)
        notes.append(f"Out-of-bag: {texts}.")
    if board.best is not None:
        notes.append(f"{BEST} best in CV, which alone decides the order.")
    if any(board.is_close(entry) for entry in board.entries):
        notes[-1] += f" {CLOSE} within one standard error of it."
    return [*notes, *conclusions(board), *_nested(board)]


def conclusions(board: Leaderboard) -> list[str]:
    """What follows from the comparisons, as sentences."""
    best, simplest = board.best, board.simplest
    if best is None or simplest is None:
        return []
    said = _against_baseline(board)
    if simplest != best:
        said.append(
            f"{SIMPLEST} {simplest.name} is the simplest within one standard error of the best"
            f"{_difference(board, simplest)}."
        )
    elif any(board.is_close(entry) for entry in board.entries):
        said.append(f"{best.name} is also the simplest within one standard error of the best.")
    if board.select == "simplest":
        said.append(f"Put forward: {simplest.name} (evaluation.select: simplest).")
    return said


def _nested(board: Leaderboard) -> list[str]:
    """What the training as a whole is worth, beside the figure of the candidate put forward."""
    found, selected = board.nested, board.selected
    if found is None or selected is None or board.metric not in found.estimates:
        return []
    estimate, difference = found.estimates[board.metric], found.optimism.difference
    places = decimals(board.rule, [estimate])
    named = unit_of(board.rule, board.unit)
    unit = f" {named}" if named else ""
    nested, plain = (
        f"{number_text(board.rule, each, places)}{unit}"
        for each in (estimate, selected.cv.get(board.metric))
    )
    value, low, high = (
        f"{shown(board.rule, number) + 0.0:,.{places}f}"
        for number in (difference.value, difference.low, difference.high)
    )
    chosen = ", ".join(f"{name} {count}" for name, count in found.counts.items())
    gap = f"{value} [{low}, {high}]{unit} (95 %)"
    return [
        f"Nested: {nested}, with searches and choice repeated in every fold (there {found.inner}).",
        f"{selected.name} has {plain}, the figure that chose it; nested less that: {gap}.",
        f"Chosen in {sum(found.counts.values())} folds: {chosen}.",
    ]


def _against_baseline(board: Leaderboard) -> list[str]:
    """Which candidates are not shown to be better than the baseline, and how likely they are."""
    if not any(entry.against_baseline for entry in board.entries):
        return []
    if not board.unproven:
        return ["Every candidate is better than the baseline, on the same rows."]
    texts = ", ".join(f"{entry.name}{_probability(entry)}" for entry in board.unproven)
    return [f"Not shown to be better than the baseline: {texts}."]


def _probability(entry: Entry) -> str:
    found = entry.against_baseline
    return (
        ""
        if found is None or found.probability is None
        else f" ({100 * found.probability:.0f} % sure)"
    )


def _difference(board: Leaderboard, entry: Entry) -> str:
    """Such as `: 0.7 ± 1.2 % in between`, on the same rows."""
    if entry.against_best is None:
        return ""
    found = entry.against_best.difference
    gap = Estimate(abs(found.value), found.standard_error)
    unit = unit_of(board.rule, board.unit)
    text = number_text(board.rule, gap, decimals(board.rule, [gap]))
    return f": {text}{f' {unit}' if unit else ''} in between, on the same rows"


def comparison_text(
    found: Comparison, metric: Metric, a: str, b: str, unit: str | None = None
) -> str:
    """Such as `rmse of a less b: 22,100 [21,000, 23,300] USD (95 %): a is worse`."""
    if not found.difference.is_defined:
        return f"{found.metric} is not defined for both"
    places = decimals(metric, [found.difference])
    value, low, high = (
        NONE if math.isnan(number) else f"{shown(metric, number):,.{places}f}"
        for number in (found.difference.value, found.difference.low, found.difference.high)
    )
    named = unit_of(metric, unit)
    verdict = f"{a} is {found.verdict}"
    if found.verdict == "inconclusive":
        verdict = "inconclusive"
        if found.probability is not None:
            verdict += f", {a} is better with {100 * found.probability:.0f} %"
    return (
        f"{found.metric} of {a} less {b}: {value} [{low}, {high}]{f' {named}' if named else ''} "
        f"({100 * found.level:g} %): {verdict}"
    )


def table_rows(board: Leaderboard) -> list[list[str]]:
    """The whole table as texts: the titles, then a row for each candidate, the baseline last."""
    columns = _columns(board)
    titles = [" ".join(filter(None, column.title)) for column in columns]
    cells = (_cells(board, entry, columns) for entry in _lines(board))
    return [["candidate", *titles], *([cell.strip() for cell in row] for row in cells)]


def _failures(board: Leaderboard) -> list[tuple[str, str]]:
    return [(e.name, " ".join(e.error.split())) for e in board.ranked if e.error is not None]


def _validations(board: Leaderboard) -> list[list[str]]:
    """What other validations would have said: titles, then a row for each candidate; or nothing."""
    rows = [entry for entry in board.ranked if entry.validations]
    if not rows:
        return []
    score = _score(board, "cv")
    places = decimals(board.rule, [entry.cv[board.metric] for entry in rows])
    methods = dict.fromkeys(each.method for entry in rows for each in entry.validations)
    columns = [
        [board.cv.partition(",")[0], *map(score, rows)],
        *(_validation(board, method, rows, places) for method in methods),
    ]
    first = ["candidate", *(entry.name for entry in rows)]
    return [list(row) for row in zip(first, *columns, strict=True)]


def _validation(board: Leaderboard, method: str, rows: Sequence[Entry], places: int) -> list[str]:
    """One column: its title, then a cell for each candidate, the best of several marked."""
    by_name = {
        entry.name: each for entry in rows for each in entry.validations if each.method == method
    }
    draws = next(iter(by_name.values())).draws
    sign = 1 if board.rule.better == "greater" else -1
    best = max(by_name, key=lambda name: sign * by_name[name].mean)
    cells = [
        spread_text(board, by_name[entry.name], places) if entry.name in by_name else NONE
        for entry in rows
    ]
    if len(by_name) > 1:
        cells = [
            f"{BEST} {cell}" if entry.name == best else cell
            for entry, cell in zip(rows, cells, strict=True)
        ]
    return [f"{method}, drawn {draws} times" if draws > 1 else method, *cells]


def _further(board: Leaderboard) -> list[tuple[str, list[list[str]]]]:
    """What stands under the leaderboard: texts, each with a table, which may be empty."""
    covered = [(entry.name, entry.coverage) for entry in board.ranked]
    validations, coverages = _validations(board), coverage_table(covered, board.unit)
    return [
        *([(_ABOUT_VALIDATIONS, validations)] if validations else []),
        *([(about, coverages)] if (about := about_coverage(covered)) else []),
    ]


def spread_text(board: Leaderboard, validation: Validation, places: int) -> str:
    """Such as `97.9 ± 2.4 (93.3 to 100.0)`: mean, standard deviation and range of the draws."""
    mean, spread, low, high = (
        f"{shown(board.rule, number):,.{places}f}"
        for number in (validation.mean, validation.spread, validation.low, validation.high)
    )
    return f"{mean} ± {spread} ({low} to {high})"


_ABOUT_VALIDATIONS = (
    "The same candidates, validated otherwise: mean ± standard deviation of the draws (smallest "
    "to largest), or, drawn once, ± standard error (95 % interval)."
)


class TerminalTable:
    """The leaderboard for a rich console: columns that find no room are left out, and named."""

    def __init__(self, board: Leaderboard) -> None:
        self._board = board

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw as many columns as there is room for."""
        from rich.measure import Measurement
        from rich.text import Text

        columns, hidden = _columns(self._board), list[str]()
        table = _rich_table(self._board, columns)
        wide = options.update(width=10_000)
        while Measurement.get(console, wide, table).maximum > options.max_width:
            expendable = [column for column in columns if column.hides]
            if not expendable:
                break
            first = min(expendable, key=lambda column: column.hides)
            columns.remove(first)
            hidden.append(first.title[1])
            table = _rich_table(self._board, columns)
        yield table
        for note in _notes(self._board):
            yield Text(note, style="dim")
        if hidden:
            yield Text(f"No room here for: {', '.join(hidden)}", style="dim")
        for name, why in _failures(self._board):
            yield Text(f"{name} failed: {why}", style="red")
        for about, rows in _further(self._board):
            yield Text(f"\n{about}", style="dim")
            if rows:
                yield _plain_table(rows)


def _plain_table(rows: Sequence[Sequence[str]]) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    for number, title in enumerate(rows[0]):
        table.add_column(Text(title), justify="right" if number else "left")
    for row in rows[1:]:
        table.add_row(*map(Text, row))
    return table


def _rich_table(board: Leaderboard, columns: Sequence[_Column]) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    table.add_column("\n  candidate", overflow="fold", min_width=12)
    for column in columns:
        table.add_column(Text("\n".join(column.title)), justify="right", no_wrap=True)
    for entry in _lines(board):
        dim = entry.error is not None or entry == board.baseline
        style = "bold green" if entry == board.best else "dim" if dim else ""
        table.add_row(*(Text(cell) for cell in _cells(board, entry, columns)), style=style)
    return table


def markdown(board: Leaderboard) -> str:
    """The leaderboard as a Markdown table."""
    titles, *rows = table_rows(board)
    lines = [f"| {' | '.join(titles)} |", f"| --- |{' ---: |' * (len(titles) - 1)}"]
    lines += [f"| {' | '.join(cells)} |" for cells in rows]
    lines += ["", *_notes(board)]
    if failures := _failures(board):
        lines += ["", *(f"- `{name}` failed: {why}" for name, why in failures)]
    for about, rows in _further(board):
        lines += ["", about]
        if rows:
            lines += ["", f"| {' | '.join(rows[0])} |"]
            lines += [f"| --- |{' ---: |' * (len(rows[0]) - 1)}"]
            lines += [f"| {' | '.join(row)} |" for row in rows[1:]]
    return "\n".join(lines) + "\n"


def html(board: Leaderboard) -> str:
    """The leaderboard as an HTML table for notebooks."""
    columns = _columns(board)
    head = ["candidate", *("<br>".join(map(escape, column.title)) for column in columns)]
    rows = []
    for entry in _lines(board):
        tag = "th" if entry == board.best else "td"
        name, *cells = (escape(cell) for cell in _cells(board, entry, columns))
        numbers = "".join(f'<{tag} class="number">{cell}</{tag}>' for cell in cells)
        rows.append(f"<{tag}>{name}</{tag}>{numbers}")
    failures = [f"{name} failed: {why}" for name, why in _failures(board)]
    notes = "".join(f"<p>{escape(note)}</p>" for note in [*_notes(board), *failures])
    for about, cells_by_row in _further(board):
        lines = "".join(
            f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>"
            for row in cells_by_row
        )
        notes += f"<p>{escape(about)}</p><table><tbody>{lines}</tbody></table>"
    return (
        f"<table><thead><tr>{''.join(f'<th>{title}</th>' for title in head)}</tr></thead>"
        f"<tbody>{''.join(f'<tr>{row}</tr>' for row in rows)}</tbody></table>{notes}"
    )
