"""Finds the leaderboard of a project's last training, and writes it down for other tools."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping
from pathlib import Path

from fairlead.bundle.manifest import to_json
from fairlead.errors import DataInvalidError, DataMissingError, EvaluationError
from fairlead.evaluation.leaderboard import Entry, Leaderboard
from fairlead.evaluation.records import Estimate, Predictions
from fairlead.project.loading import Project
from fairlead.storage import write_whole
from fairlead.workflows.evidence import Evidence, recall
from fairlead.workflows.store import LEADERBOARD, bundle_store, predictions_of, results_folder

METRICS, PREDICTIONS, FIGURES = "metrics.json", "predictions.csv", "figures"


def last_leaderboard(project: Project) -> Leaderboard:
    """Read it.

    Raises:
        DataMissingError: nothing was trained here yet.
        DataInvalidError: the file is damaged.
    """
    path = _path(project)
    if not path.is_file():
        raise DataMissingError(path, "run `fairlead train` first")
    try:
        return Leaderboard.from_json(path.read_text(encoding="utf-8", errors="replace"))
    except EvaluationError as error:
        expected = "what `fairlead train` wrote; run it again"
        raise DataInvalidError(path, error.found, expected) from error


def chosen_bundle(project: Project, board: Leaderboard, candidate: str | None = None) -> Path:
    """The folder of the bundle of the candidate put forward, or of another one.

    Raises:
        DataInvalidError: the leaderboard knows no such candidate, or no bundle of it.
        DataMissingError: the bundle is not in this folder.
    """
    known = {entry.name: entry for entry in board.ranked if entry.digest}
    first = board.selected or board.ranked[0]
    entry = known.get(candidate or first.name)
    if entry is None or entry.digest is None:
        found = f"no bundle of {candidate or first.name}"
        expected = f"one of {', '.join(known)}" if known else "bundles: run `fairlead train` again"
        raise DataInvalidError(_path(project), found, expected)
    folder = bundle_store(project) / entry.digest
    if not folder.is_dir():
        raise DataMissingError(folder, "it was trained elsewhere: run `fairlead train` here")
    return folder


def write_leaderboard(project: Project, folder: Path) -> tuple[str, ...]:
    """Write the last leaderboard as DVC and spreadsheets read it.

    Args:
        project: one that was trained here.
        folder: where to write; made if it does not exist, files of the same names are replaced.

    Returns:
        What was written: metrics as flat JSON, what the candidate put forward has predicted for
        rows it never saw as CSV, and the folder with the pictures.

    Raises:
        DataMissingError: nothing was trained here, or what was predicted is not here.
        DataInvalidError: the leaderboard is damaged.
        StorageError: something could not be written.
    """
    from fairlead.evaluation.figures import draw_figures

    board = last_leaderboard(project)
    bundle = chosen_bundle(project, board)
    evidence = recall(project.root, bundle.name)
    if evidence is None:
        missing = predictions_of(project.root, bundle.name)
        raise DataMissingError(missing, "it was trained elsewhere: run `fairlead train` here")
    write_whole(folder / METRICS, to_json(flat_metrics(board)))
    write_whole(folder / PREDICTIONS, _table(evidence).encode())
    (folder / FIGURES).mkdir(exist_ok=True)
    chosen = board.selected or board.ranked[0]
    unit = project.spec.data.target.unit
    draw_figures(evidence.repeats[0], folder / FIGURES, title=chosen.name, unit=unit)
    board.figure(folder / FIGURES / f"{LEADERBOARD}.png")
    return METRICS, PREDICTIONS, FIGURES


def flat_metrics(board: Leaderboard) -> dict[str, float]:
    """All metrics of the candidate put forward, and the one that ranks of every candidate.

    Returns:
        `cv_<metric>`, `holdout_<metric>` and `<candidate>.cv_<metric>`, … -> value; `…_se` is a
        standard error. What is not defined, and what is of one class only, is left out.
    """
    chosen = board.selected or board.ranked[0]
    ranking = f"cv_{board.metric}", f"holdout_{board.metric}"
    errors = {
        f"{source}_{board.metric}_se": error
        for source, estimates in _sources(chosen).items()
        if board.metric in estimates
        and math.isfinite(error := estimates[board.metric].standard_error)
    }
    return {
        **_values(chosen),
        **errors,
        **{
            f"{entry.name}.{name}": value
            for entry in board.ranked
            for name, value in _values(entry).items()
            if name in ranking
        },
    }


def _sources(entry: Entry) -> dict[str, Mapping[str, Estimate]]:
    return {"cv": entry.cv, "holdout": entry.holdout}


def _values(entry: Entry) -> dict[str, float]:
    return {
        f"{source}_{name}": estimate.value
        for source, estimates in _sources(entry).items()
        for name, estimate in estimates.items()
        if estimate.is_defined and "[" not in name
    }


def _table(evidence: Evidence) -> str:
    """Number of the row in the data, truth and prediction as CSV; for numbers the residual too."""
    first = evidence.repeats[0]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    residual = [] if first.classes else ["residual"]
    writer.writerow(["row", "actual", "predicted", *residual])
    writer.writerows(sorted(zip(evidence.rows.tolist(), *_columns(first), strict=True)))
    return text.getvalue()


def _columns(predictions: Predictions) -> list[list[str] | list[float]]:
    y_true, y_pred, classes = predictions.y_true, predictions.y_pred, predictions.classes
    if classes:
        return [[classes[int(code)] for code in codes] for codes in (y_true, y_pred)]
    return [y_true.tolist(), y_pred.tolist(), (y_true - y_pred).tolist()]


def _path(project: Project) -> Path:
    return results_folder(project) / f"{LEADERBOARD}.json"
