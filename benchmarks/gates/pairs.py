"""Pairs of models whose true difference is known, with errors as two real models make them.

The errors are those of two models of a reference project on its holdout, row by row. Rows are
drawn with replacement; in each row the two are exchanged by a coin, so that both models are
exactly equally good; then the challenger is made better or worse by a known amount.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fairlead.data.splits import holdout_split
from fairlead.evaluation.records import Predictions
from fairlead.evaluation.slices import Cut
from fairlead.project.loading import Project
from fairlead.registry.comparisons import Rows
from fairlead.workflows.cuts import cuts_of
from fairlead.workflows.evidence import recall
from fairlead.workflows.leaderboard import last_leaderboard
from fairlead.workflows.read import read

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Pool:
    """What two real models say of the same rows, and how the rows are cut."""

    project: Project
    one: Predictions
    other: Predictions
    cuts: tuple[Cut, ...]

    @property
    def errors(self) -> tuple[Floats, Floats]:
        """What the metric averages, for each row: squared errors, or 1 where it is wrong."""
        losses = [_losses(each) for each in (self.one, self.other)]
        return losses[0], losses[1]

    @property
    def correlation(self) -> float:
        """Of the two models' errors, row by row."""
        return float(np.corrcoef(*self.errors)[0, 1])

    @property
    def level(self) -> float:
        """The metric that both have once they are exchanged by a coin."""
        mean = float(np.mean(self.errors))
        return mean if self.one.classes else math.sqrt(mean)

    def standard_error(self, rows: int) -> float:
        """Of the metric of one model on so many rows."""
        return self._scale(float(np.std(np.concatenate(self.errors)))) / math.sqrt(rows)

    def paired_error(self, rows: int) -> float:
        """Of the difference of the two on the same rows, while they are equally good."""
        one, other = self.errors
        return self._scale(float(np.sqrt(np.mean((one - other) ** 2)))) / math.sqrt(rows)

    def _scale(self, spread: float) -> float:
        """From the mean of the losses to the metric: a root has a slope."""
        return spread if self.one.classes else spread / (2 * self.level)

    def draw(self, rows: int, gain: float, rng: np.random.Generator) -> Rows:
        """So many rows, on which the challenger is truly better by `gain`."""
        chosen = rng.integers(0, self.one.rows, rows)
        coin = rng.random(rows) < 0.5
        sides = [_mixed(self.one, self.other, chosen, mask) for mask in (coin, ~coin)]
        challenger = self._shifted(sides[0], gain, rng)
        cuts = tuple(each.of(chosen) for each in self.cuts)
        return Rows("holdout", (challenger,), (sides[1],), cuts=cuts)

    def _shifted(self, said: Predictions, gain: float, rng: np.random.Generator) -> Predictions:
        if not said.classes:
            factor = 1 - gain / self.level
            return Predictions(said.y_true, said.y_true + factor * (said.y_pred - said.y_true))
        wrong = said.y_pred != said.y_true
        share = gain / self.level if gain > 0 else -gain / (1 - self.level)
        change = (wrong if gain > 0 else ~wrong) & (rng.random(said.rows) < share)
        goal = said.y_true if gain > 0 else (said.y_true + 1) % len(said.classes)
        y_pred = np.where(change, goal, said.y_pred)
        prob = np.array(said.y_prob)
        rows = np.flatnonzero(change)
        old, new = said.y_pred[rows], y_pred[rows]
        prob[rows, old], prob[rows, new] = prob[rows, new], prob[rows, old]
        return Predictions(said.y_true, y_pred, prob, said.classes)


def pool_of(project: Project, one: str, other: str) -> Pool:
    """The pool of two candidates of a project that was trained."""
    digests = {entry.name: entry.digest for entry in last_leaderboard(project).entries}
    kept = [recall(project.root, str(digests[name])) for name in (one, other)]
    if kept[0] is None or kept[1] is None:
        raise SystemExit(f"{project.root} has no predictions of {one} and {other}: train it first")
    dataset = read(project)
    train, holdout = holdout_split(project.spec.data.split, dataset)
    cuts = tuple(each.of(holdout) for each in cuts_of(project.spec, dataset, train))
    return Pool(project, kept[0].repeats[0], kept[1].repeats[0], cuts)


def project_at(root: Path) -> Project:
    """A project that was trained."""
    from fairlead.workflows.load import load

    return load(root)


def _losses(said: Predictions) -> Floats:
    if said.classes:
        return (said.y_pred != said.y_true).astype(np.float64)
    return np.asarray((said.y_pred - said.y_true) ** 2, np.float64)


def _mixed(
    one: Predictions, other: Predictions, rows: NDArray[np.int64], first: NDArray[np.bool_]
) -> Predictions:
    a, b = one.take(rows), other.take(rows)
    prob = None
    if a.y_prob is not None and b.y_prob is not None:
        prob = np.where(first[:, None], a.y_prob, b.y_prob)
    return Predictions(a.y_true, np.where(first, a.y_pred, b.y_pred), prob, a.classes)
