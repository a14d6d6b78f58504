"""The report on a training as one HTML file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from fairlead.data.quality.records import STYLES, Finding
from fairlead.data.report import counted
from fairlead.evaluation.comparison import Comparison
from fairlead.evaluation.data_figures import bars_svg, target_svg
from fairlead.evaluation.leaderboard import Leaderboard
from fairlead.evaluation.page import page, prose, table
from fairlead.evaluation.report_figures import validation_methods, validations_png
from fairlead.evaluation.tables import (
    NONE,
    decimals,
    number_text,
    shown,
    spread_text,
    table_rows,
    unit_of,
)
from fairlead.evaluation.training_report.candidate_sections import chosen_section, others_section
from fairlead.evaluation.training_report.conclusions import best_under, conclusions
from fairlead.evaluation.training_report.parts import figure, section, sentences
from fairlead.evaluation.training_report.provenance import provenance_rows, recipe
from fairlead.evaluation.training_report.records import TrainingResults
from fairlead.evaluation.training_report.sentences import (
    choice,
    interval,
    on_holdout,
    question,
)

SECTIONS = {
    "question": "Question and verdict",
    "data": "Data",
    "leaderboard": "Candidates side by side",
    "chosen": "The candidate put forward",
    "others": "The other candidates",
    "reproducibility": "Reproducibility",
    "conclusions": "Conclusions",
}


def report_page(report: TrainingResults) -> str:
    """The report as HTML; the same bytes each time."""
    made = {
        "question": _question(report),
        "data": _data(report),
        "leaderboard": _leaderboard(report),
        "chosen": chosen_section(report),
        "others": others_section(report),
        "reproducibility": _reproducibility(report),
        "conclusions": sentences(conclusions(report)),
    }
    kept = {name: body for name, body in made.items() if body}
    links = "".join(f'<li><a href="#{name}">{SECTIONS[name]}</a></li>' for name in kept)
    parts = [
        _head(report),
        f'<nav aria-label="Contents"><ol>{links}</ol></nav>',
        "<main>",
        *(section(name, SECTIONS[name], body) for name, body in kept.items()),
        "</main>",
    ]
    return page(f"Training of {report.spec.name}", "\n".join(parts))


def _head(report: TrainingResults) -> str:
    about = report.spec.description
    told = [f"<p>{escape(about)}</p>"] if about else []
    told.append(f'<p class="soft">Trained {escape(report.created_at)}.</p>')
    if not report.is_current:
        told.append(
            '<p class="warning">The project file has changed since: this report is on the file '
            "as it was.</p>"
        )
    return f"<header><h1>Training of {escape(report.spec.name)}</h1>{''.join(told)}</header>"


def _question(report: TrainingResults) -> str:
    said = (question(report), choice(report), on_holdout(report))
    return "".join(f'<p class="lead">{prose(sentence)}</p>' for sentence in said)


def _data(report: TrainingResults) -> str:
    found = report.data
    if found.data is None:
        return f'<p class="warning">{prose(found.absent or "")}</p>'
    data, quality = found.data, found.quality
    features = [column for column in data.columns if column.role == "feature"]
    facts = {
        "file": report.spec.data.path,
        "rows": f"{data.rows_read:,} read, {data.rows_read - data.rows_kept:,} left out, "
        f"{data.rows_kept:,} kept",
        "columns": f"{counted(len(features), 'feature')}, "
        f"{counted(len(report.spec.data.derived), 'derived column')}",
        "split": quality.split if quality else NONE,
        "checks": f"{sum(check.passed for check in data.checks)} of "
        f"{counted(len(data.checks), 'check')} hold",
    }
    listed = "".join(f"<dt>{name}</dt><dd>{escape(text)}</dd>" for name, text in facts.items())
    parts = [f"<dl>{listed}</dl>", _target(report)]
    if quality is not None:
        parts.append(f"<h3>What the check found: {escape(quality.counts)}</h3>")
        if quality.findings:
            rows = [_finding(each) for each in quality.findings]
            parts.append(
                table("`fairlead check --html` says more.", ("is", "what", "found"), rows, words=3)
            )
    return "".join(parts)


def _finding(found: Finding) -> tuple[str, str, str]:
    return STYLES[found.severity][2], f"`{found.code}`", found.found


def _target(report: TrainingResults) -> str:
    data = report.data.data
    if data is None:
        return ""
    column = next(column for column in data.columns if column.role == "target")
    caption = f"Distribution of `{column.name}`"
    if data.classes:
        told = ", ".join(f"{name} {rows:,}" for name, rows in data.classes.items())
        return figure(bars_svg(data.classes, 5.6), caption, f"Rows by class: {told}")
    drawn = target_svg(column, report.spec.data.target.unit)
    alt = f"Histogram from {column.minimum:,.6g} to {column.maximum:,.6g}, mean {column.mean:,.6g}"
    return figure(drawn, caption, alt)


def _leaderboard(report: TrainingResults) -> str:
    board = report.board
    titles, *rows = table_rows(board)
    marks = "★ best in cross-validation, which alone decides the order; ≈ within one standard "
    caption = (
        f"{board.metric} ± one standard error, {board.rule.better} is better. CV: {board.cv}."
        f"{f' Holdout: {board.holdout}.' if board.holdout else ''} {marks}error of it; ◆ the "
        "simplest of these."
    )
    best = board.best.name if board.best else "none"
    parts = [
        figure(
            report.figures.get("leaderboard.png"),
            "",
            f"{board.metric} of each candidate with its error, best on top: {best}",
        ),
        table(caption, titles, rows),
        _paired(report),
        _validations(report),
    ]
    failed = [entry for entry in board.ranked if entry.error is not None]
    parts += [
        f'<p class="error">{prose(f"`{entry.name}` failed: {entry.error}")}</p>' for entry in failed
    ]
    return "".join(parts)


def _paired(report: TrainingResults) -> str:
    """Each candidate against the best and against the baseline, on the same rows."""
    board, best = report.board, report.board.best
    rows = [
        [entry.name, *_verdict(board, entry.against_best), *_verdict(board, entry.against_baseline)]
        for entry in board.ranked
        if entry.against_best is not None or entry.against_baseline is not None
    ]
    if not rows or best is None:
        return ""
    unit = unit_of(board.rule, board.unit)
    caption = (
        f"{board.metric}{f' ({unit})' if unit else ''} of each candidate less that of the other, "
        "out of fold, with 95 % interval and verdict"
    )
    titles = ("candidate", f"less `{best.name}`", "it is", "less the baseline", "it is")
    return f"<h3>Paired, on the same rows</h3>{table(caption, titles, rows)}"


def _verdict(board: Leaderboard, found: Comparison | None) -> tuple[str, str]:
    """Difference with interval, and the verdict with how likely the candidate is the better."""
    if found is None or not found.difference.is_defined:
        return NONE, NONE
    places = decimals(board.rule, [found.difference])
    value = f"{shown(board.rule, found.difference.value):+,.{places}f}"
    sure = f", better with {100 * found.probability:.0f} %" if found.probability is not None else ""
    verdict = found.verdict if found.verdict != "inconclusive" else f"inconclusive{sure}"
    return f"{value} {interval(board, found.difference)}", verdict


def _validations(report: TrainingResults) -> str:
    """What other ways to validate say, beside the one that ranks."""
    board = report.board
    methods = validation_methods(board)
    rows = list(_validation_rows(board, methods))
    if not rows:
        return ""
    first = board.cv.partition(",")[0]
    winners = [f"{method}: `{best_under(board, method)}`" for method in methods]
    best = board.best.name if board.best else NONE
    image = figure(
        validations_png(board),
        "Lines: one standard error; of several draws, their standard deviation.",
        f"{board.metric} of each candidate by {', '.join([first, *methods])}",
    )
    titles = ("candidate", first, *methods)
    unit = unit_of(board.rule, board.unit)
    caption = (
        f"{board.metric}{f' ({unit})' if unit else ''} ± as in the picture; in brackets the 95 % "
        "interval, or the smallest and the largest draw"
    )
    winning = f"Best by {first}: `{best}`; by {'; by '.join(winners)}."
    return (
        f"<h3>The same candidates, validated otherwise</h3><p>{prose(winning)}</p>{image}"
        f"{table(caption, titles, rows)}"
    )


def _validation_rows(board: Leaderboard, methods: Sequence[str]) -> Iterator[list[str]]:
    for entry in board.ranked:
        own = entry.cv.get(board.metric)
        if not entry.validations or own is None:
            continue
        places = decimals(board.rule, [own])
        found = {each.method: each for each in entry.validations}
        others = (found.get(method) for method in methods)
        yield [
            entry.name,
            number_text(board.rule, own, places),
            *(NONE if each is None else spread_text(board, each, places) for each in others),
        ]


def _reproducibility(report: TrainingResults) -> str:
    chosen = report.chosen
    if chosen is None or chosen.manifest is None:
        return '<p class="warning">The bundle is gone, and with it what it was made of.</p>'
    rows = provenance_rows(chosen.manifest)
    listed = "".join(
        f"<dt>{escape(name)}</dt><dd><code>{escape(text)}</code></dd>" for name, text in rows
    )
    return f"<p>{prose(recipe(report.spec.name, chosen))}</p><dl>{listed}</dl>"
