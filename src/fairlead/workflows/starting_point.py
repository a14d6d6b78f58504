"""What a new project begins with: candidates, split and evaluation, by its size and its classes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

SMALL = 200
"""With fewer rows a holdout is too small to tell anything (docs/adr/0005)."""
TINY = 50
RARE = 10
"""A class with fewer rows is too rare to be divided between training, folds and holdout."""
LARGE = 20_000
MANY_CLASSES = 10
LOPSIDED = 0.8
HOLDOUT = 0.2
FOLDS = 5


@dataclass(frozen=True)
class StartingPoint:
    """Sections of a project file as plain values, and why they are so."""

    split: Mapping[str, Any]
    candidates: Mapping[str, Mapping[str, Any]]
    evaluation: Mapping[str, Any]
    why_split: str
    why_evaluation: str


def starting_point(rows: int, classes: Mapping[str, int]) -> StartingPoint:
    """Choose what a project begins with.

    Args:
        rows: number of rows.
        classes: label -> rows; empty for regression.
    """
    rarest = min(classes.values(), default=rows)
    kept_back = rows >= SMALL and rarest >= RARE
    kind = "stratified" if classes else "random"
    if kept_back:
        split: dict[str, Any] = {"kind": kind, "holdout": HOLDOUT}
        why = "The holdout is scored once, at the end; nothing is learned or chosen from it."
    else:
        split = {"kind": "none"}
        what = f"{rows} rows" if rows < SMALL else f"{rarest} rows of the rarest class"
        why = f"{what} are too few to keep any back: cross-validation is the estimate."
    return StartingPoint(
        split=split,
        candidates=_candidates(rows, classes),
        evaluation={
            **_metrics(rows, classes),
            "cv": _validation(rows, rarest, classes, kept_back),
        },
        why_split=why,
        why_evaluation=_why(rows, classes),
    )


def _metrics(rows: int, classes: Mapping[str, int]) -> dict[str, Any]:
    if not classes:
        return {"metric": "rmse", "also": ["mae", "r2"]}
    if max(classes.values()) > LOPSIDED * rows:
        return {"metric": "balanced_accuracy", "also": ["accuracy", "macro_f1", "log_loss"]}
    return {"metric": "accuracy", "also": ["balanced_accuracy", "macro_f1", "log_loss"]}


def _why(rows: int, classes: Mapping[str, int]) -> str:
    if not classes:
        return "The candidates are ranked by `metric`; `also` is shown beside it."
    most = max(classes.values())
    if most > LOPSIDED * rows:
        return (
            f"{most / rows:.0%} of the rows are of one class: to say that one always would be "
            "accurate, and of no use. Hence the mean over the classes."
        )
    return "The candidates are ranked by `metric`; `also` is shown beside it."


def _validation(
    rows: int, rarest: int, classes: Mapping[str, int], kept_back: bool
) -> dict[str, Any]:
    if rows < TINY:
        return {"kind": "leave_one_out"}
    kind = "stratified" if classes else "kfold"
    # The fewer rows, the more it matters how they happen to be cut.
    repeats = {} if kept_back else {"repeats": 5 if rows < SMALL else 2}
    return {"kind": kind, "folds": min(FOLDS, rarest), **repeats}


def _candidates(rows: int, classes: Mapping[str, int]) -> dict[str, dict[str, Any]]:
    """From one that anyone can follow to one that is usually the best."""
    forest: dict[str, Any] = {"family": "random_forest", "n_estimators": 100}
    boosting: dict[str, Any] = {"family": "hist_gradient_boosting"}
    if rows >= 10 * SMALL:
        forest["min_samples_leaf"] = 3
    if rows > LARGE:
        # Each tree sees that many rows: more cost time and give little.
        forest["max_samples"] = float(f"{LARGE / rows:.3g}")
    if rows < SMALL:
        boosting["min_samples_leaf"] = 5
    if len(classes) > MANY_CLASSES:
        # Each iteration grows a tree for each class.
        boosting["max_iter"] = 50
    elif rows >= SMALL:
        boosting["max_iter"] = 200
    return {
        "small_tree": {"family": "decision_tree", "max_depth": 3},
        **({"logistic": {"family": "logistic"}} if classes else {"ridge": {"family": "ridge"}}),
        "random_forest": forest,
        "boosting": boosting,
    }
