"""The parts of the page on the candidate put forward and on the others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape

import numpy as np

from fairlead.evaluation.coverage_figure import coverage_png
from fairlead.evaluation.coverage_table import about_coverage, coverage_table
from fairlead.evaluation.explanation_figures import dependence_png
from fairlead.evaluation.features import FeatureEffect
from fairlead.evaluation.metrics import find_metric
from fairlead.evaluation.page import prose, table
from fairlead.evaluation.report_figures import slices_png, tenths_png
from fairlead.evaluation.slices import SliceScore
from fairlead.evaluation.tables import NONE, decimals, number_text, unit_of
from fairlead.evaluation.training_report.explanation_section import explained
from fairlead.evaluation.training_report.parts import beside, figure
from fairlead.evaluation.training_report.records import CandidateResults, TrainingResults
from fairlead.evaluation.training_report.sentences import SOURCES, interval, size, told

SHOWN_CLASSES = 7
"""More lines than inks cannot be told apart."""
CHOSEN, OTHERS = 0.85, 0.65
"""How large the pictures of a candidate are, beside their width on paper."""
FIGURES: Mapping[str, tuple[str, str]] = {
    "confusion_matrix.png": (
        "Confusion matrix: rows are true classes, percent of each row",
        "Confusion matrix",
    ),
    "calibration.png": (
        "Reliability: on the diagonal the model is as sure as it may be; bars are 95 % intervals",
        "Reliability diagram",
    ),
    "predicted_vs_actual.png": (
        "Predicted against true: right predictions lie on the dashed line",
        "Predicted against true values",
    ),
    "residuals.png": (
        "Residuals along the predictions, with their median and middle 80 %",
        "Residuals against predictions",
    ),
}
"""Picture of a training -> caption, and what it shows."""


def chosen_section(report: TrainingResults) -> str:
    """All that is known of the candidate put forward."""
    chosen = report.chosen
    if chosen is None:
        return "<p>No candidate has a figure.</p>"
    parts = [
        f"<p>{prose(_recipe(report, chosen))}</p>",
        _metrics(report, chosen),
        f"<h3>What it gets right</h3>{_predicted(report, chosen)}",
        _coverage(report, chosen),
        _slices(report, chosen),
        _effects(report, "importance", report.importance, "Permutation importance"),
        _dependence(report, chosen),
        _effects(report, "ablation", report.ablation, "Ablation"),
        _learning_curve(report),
        explained(report, chosen, "h3"),
    ]
    return "".join(parts)


def others_section(report: TrainingResults) -> str:
    """Figures and inner workings of every other candidate."""
    parts = []
    for each in report.others:
        parts.append(f"<h3>{escape(each.name)}</h3>")
        if each.entry.error is not None:
            parts.append(f'<p class="error">It failed: {escape(each.entry.error)}</p>')
            continue
        parts.append(f"<p>{prose(_recipe(report, each))}</p>{_metrics(report, each)}")
        parts.append(beside(*_drawn(each, OTHERS)))
        parts.append(explained(report, each, "h4"))
    return "".join(parts)


def _recipe(report: TrainingResults, candidate: CandidateResults) -> str:
    """Family and the parameters that were set, in a line."""
    spec = report.spec.candidates[candidate.name]
    written = spec.model_dump(mode="json", exclude_defaults=True, exclude={"family"})
    manifest = candidate.manifest
    text = f"`{candidate.name}` is of the family `{candidate.entry.family}`"
    if manifest is None:
        return f"{text}; its bundle is gone."
    if candidate.entry.family == "rules":
        return f"{text}."
    listed = ", ".join(f"`{name}: {_flow(value)}`" for name, value in written.items())
    return f"{text}{f': {listed}' if listed else ''}."


def _flow(value: object) -> str:
    """A value as a project file has it in a line."""
    if isinstance(value, dict):
        return f"{{{', '.join(f'{name}: {_flow(each)}' for name, each in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(_flow, value))}]"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _metrics(report: TrainingResults, candidate: CandidateResults) -> str:
    """All metrics by source, those of one class left aside."""
    entry, task = candidate.entry, report.spec.task
    sources = [name for name in SOURCES if getattr(entry, name)]
    rows = []
    for name in entry.cv:
        if "[" in name:
            continue
        metric = find_metric(name, task)
        found = [getattr(entry, source).get(name) for source in sources]
        places = decimals(metric, [each for each in found if each is not None])
        unit = unit_of(metric, report.board.unit)
        arrow = "↑" if metric.better == "greater" else "↓"
        title = f"{name}{f' ({unit})' if unit else ''} {arrow}"
        rows.append([title, *(number_text(metric, each, places) for each in found)])
    titles = ["metric", *(SOURCES[source] for source in sources)]
    caption = f"Figures of `{entry.name}`, ± one standard error; ↑ greater is better, ↓ smaller"
    return table(caption, titles, rows)


def _predicted(report: TrainingResults, candidate: CandidateResults) -> str:
    drawn = list(_drawn(candidate, CHOSEN))
    found = candidate.predictions
    if found is not None and report.spec.task == "regression":
        drawn.append(
            figure(
                tenths_png(found, report.board.unit),
                "Calibration: tenths of the rows by prediction, mean truth with 95 % interval",
                "Mean true value against mean prediction of each tenth of the rows",
                CHOSEN,
            )
        )
    if not any(drawn):
        return "<p>The pictures are gone; `fairlead train` draws them.</p>"
    where = SOURCES[candidate.source]
    return f"<p>Rows that it never saw: {where}.</p>{beside(*drawn)}"


def _drawn(candidate: CandidateResults, scale: float) -> Iterator[str]:
    for name, (caption, alt) in FIGURES.items():
        whole = f"{alt} of {candidate.name}, {SOURCES[candidate.source]}"
        yield figure(candidate.figures.get(name), caption, whole, scale)


def _coverage(report: TrainingResults, chosen: CandidateResults) -> str:
    """How often intervals or sets hold the truth: on all rows, and a picture by slice."""
    found = next(each.coverage for each in report.board.entries if each.name == chosen.name)
    if found is None:
        return ""
    kind, rows = found.kind, coverage_table([(chosen.name, found)], report.board.unit)
    about = prose(about_coverage([(chosen.name, found)]))
    said = f"<h3>Prediction {kind}s</h3><p>{about}</p>"
    if not rows:
        return said
    picture = figure(
        coverage_png(found, unit=report.board.unit),
        f"How often {kind}s hold the truth, and how large they are, by slice",
        f"Coverage of the {kind}s of {chosen.name} by slice",
        CHOSEN,
    )
    return f"{said}{table('On all rows, and in the worst slice', rows[0], rows[1:])}{picture}"


def _slices(report: TrainingResults, chosen: CandidateResults) -> str:
    board = report.board
    whole = chosen.estimate(board.metric)
    if not chosen.slices or whole is None:
        return (
            "<h3>Slices</h3><p>None are declared: <code>evaluation.slices</code> names columns "
            "whose parts are scored one by one.</p>"
        )
    rows = [
        [
            f"{each.column}: {each.value}",
            f"{each.rows:,}",
            told(board, each.estimate) if each.estimate.is_defined else "too few rows",
            interval(board, each.estimate) if each.estimate.is_defined else NONE,
            _verdict(each),
        ]
        for each in chosen.slices
    ]
    image = figure(
        slices_png(chosen.slices, whole, board.rule, board.unit),
        f"`{chosen.name}` by slice, {SOURCES[chosen.source]}: 95 % intervals, rows in brackets; "
        "orange is worse than the whole",
        f"{board.metric} of each slice with its interval, beside {told(board, whole)} of all rows",
    )
    titles = ("slice", "rows", board.metric, "95 % interval", "verdict")
    return f"<h3>Slices</h3>{image}{table('The same in numbers', titles, rows)}"


def _verdict(found: SliceScore) -> str:
    if not found.estimate.is_defined:
        return NONE
    return "worse than the whole" if found.is_worse else "not shown to be worse"


def _effects(
    report: TrainingResults, name: str, effects: tuple[FeatureEffect, ...], title: str
) -> str:
    """What features are worth, as a picture of the training, and in words for who cannot see it."""
    if not effects:
        how = "fairlead train --ablation"
        if name != "ablation":
            return ""
        return f"<h3>{title}</h3><p>Not made: <code>{how}</code> leaves out each feature.</p>"
    board = report.board
    texts = [
        f"{each.feature} {size(board, each.comparison.difference)}"
        for each in effects
        if each.comparison is not None and each.comparison.difference.is_defined
    ]
    done = "shuffled" if name == "importance" else "left out"
    image = figure(
        report.figures.get(f"{name}.png"),
        f"What `{board.metric}` loses where a feature is {done}, with 95 % intervals",
        f"Loss where a feature is {done}: {', '.join(texts)}",
    )
    return f"<h3>{title}</h3>{image}"


def _dependence(report: TrainingResults, chosen: CandidateResults) -> str:
    if not report.dependences:
        return (
            "<h3>Partial dependence</h3><p>There is no column to vary, or the bundle cannot be "
            "loaded: <code>fairlead bundle verify</code> says why.</p>"
        )
    classes = chosen.predictions.classes if chosen.predictions else ()
    names = classes[1:] if len(classes) == 2 else classes
    found, more = report.dependences, ""
    if len(names) > SHOWN_CLASSES:
        reach = np.max([each.reach for each in found], axis=0)
        kept = np.sort(np.argsort(-reach, kind="stable")[:SHOWN_CLASSES]).tolist()
        names, found = tuple(names[k] for k in kept), tuple(each.of(kept) for each in found)
        more = f" The {SHOWN_CLASSES} classes that move most."
    unit = report.board.unit
    label = f"prediction{f' ({unit})' if unit else ''}"
    if classes:
        label = f"P({names[0]})" if len(names) == 1 else "probability"
    caption = (
        "Mean answer for the same rows while one column is varied; derived columns follow it. "
        "Shaded, or lines at points: the middle 80 % of the rows. Black ticks: where rows are."
        f"{more}"
    )
    alt = "; ".join(
        f"{each.column} moves the mean answer by up to {each.reach.max():,.3g}" for each in found
    )
    drawn = dependence_png(found, names or ("",), label, share=bool(classes))
    return f"<h3>Partial dependence</h3>{figure(drawn, caption, alt)}"


def _learning_curve(report: TrainingResults) -> str:
    if not report.curves:
        return (
            "<h3>Learning curve</h3><p>Not made: <code>fairlead train --learning-curve</code> fits "
            "growing parts of the rows.</p>"
        )
    texts = [
        f"{curve.candidate} {told(report.board, curve.estimates[0])} with {curve.rows[0]:,} rows, "
        f"{told(report.board, curve.estimates[-1])} with {curve.rows[-1]:,}"
        for curve in report.curves
    ]
    drawn = report.figures.get("learning_curve.png")
    return f"<h3>Learning curve</h3>{figure(drawn, '', '; '.join(texts))}"
