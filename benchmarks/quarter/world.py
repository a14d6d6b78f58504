"""The world that a model is served in: who asks, what becomes of it, and how that changes.

Rows are those of the reference data that the first model never saw, drawn anew every day; what
happens to them is written down here and nowhere else, so that what the monitor tells can be
compared with what was true.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

DAYS = 91
LABEL_DELAY_DAYS = 7
"""So late is the truth known."""
LABELLED = 0.6
"""Share of the predictions whose truth is ever known."""
SPIKE = 8
"""Times the usual traffic."""
PAST = 0.6
"""Share of the rows that the first model is trained on."""

Rows = pl.DataFrame
Select = Callable[[Rows], NDArray[np.bool_]]


@dataclass(frozen=True)
class Chapter:
    """A stretch of days in which the world is not as it was at first.

    Attributes:
        kind: `spike`, `broken`, `shift` or `concept`.
        first, last: days, from 1 on, both included.
        told: what happens, in words.
    """

    kind: str
    first: int
    last: int
    told: str

    def holds(self, day: int) -> bool:
        """Whether it is that day."""
        return self.first <= day <= self.last


QUARTER = (
    Chapter("spike", 23, 24, "eight times the traffic"),
    Chapter("broken", 31, 33, "a column arrives broken"),
    Chapter("shift", 41, 44, "other people ask"),
    Chapter("concept", 51, DAYS, "the truth itself changes, slowly"),
)


@dataclass(frozen=True)
class Scenery:
    """What is particular to a project.

    Attributes:
        name: of the reference project.
        target: name of its target.
        per_day: usual number of predictions.
        damage: what the broken column looks like.
        others: which rows ask in the shift.
        later: the truth of rows, when the change of concept has come so far, in [0, 1].
        noticed: relative loss of quality from which the change counts as one.
        scale: what the metric of an equally good model is multiplied by in the end.
        concept_days: how long that change takes.
    """

    name: str
    target: str
    per_day: int
    broken: str
    damage: Callable[[Rows], Rows]
    others: Select
    later: Callable[[Rows, NDArray[Any], float, np.random.Generator], NDArray[Any]]
    noticed: float
    scale: float = 1.0
    concept_days: int = 21


@dataclass(frozen=True)
class Day:
    """What happened on one day.

    Attributes:
        number: from 1 on.
        rows: what was asked, as callers send it.
        truth: of every row, in the same order.
        is_labelled: which of them anybody will ever know of.
    """

    number: int
    rows: Rows
    truth: NDArray[Any]
    is_labelled: NDArray[np.bool_]


class World:
    """Days of one project, the same for the same seed.

    Args:
        scenery: of the project.
        rows: all rows of the reference data, with the target.
        chapters: what happens; nothing at all if empty.
        seed: of the draws.
    """

    def __init__(
        self,
        scenery: Scenery,
        rows: Rows,
        chapters: tuple[Chapter, ...] = QUARTER,
        seed: int = 1,
    ) -> None:
        self.scenery, self.chapters, self._seed = scenery, chapters, seed
        order = np.random.default_rng(0).permutation(len(rows))
        cut = int(PAST * len(rows))
        self.past, self._pool = rows[np.sort(order[:cut])], rows[order[cut:]]

    def chapter(self, day: int) -> Chapter | None:
        """What happens that day, if anything."""
        return next((each for each in self.chapters if each.holds(day)), None)

    def change(self, day: int) -> float:
        """How far the change of concept has come, in [0, 1]."""
        (concept,) = [each for each in self.chapters if each.kind == "concept"] or [None]
        if concept is None:
            return 0.0
        return float(np.clip((day - concept.first + 1) / self.scenery.concept_days, 0, 1))

    def day(self, number: int) -> Day:
        """One day."""
        rng = np.random.default_rng((self._seed, number))
        chapter = self.chapter(number)
        kind = "" if chapter is None else chapter.kind
        pool = self._others if kind == "shift" else self._pool
        count = self.scenery.per_day * (SPIKE if kind == "spike" else 1)
        # Traffic varies as it does anywhere.
        drawn = pool[rng.integers(len(pool), size=rng.poisson(count))]
        truth = drawn[self.scenery.target].to_numpy()
        truth = self.scenery.later(drawn, truth, self.change(number), rng)
        rows = drawn.drop(self.scenery.target)
        if kind == "broken":
            rows = self.scenery.damage(rows)
        return Day(number, rows, truth, rng.random(len(rows)) < LABELLED)

    @functools.cached_property
    def _others(self) -> Rows:
        return self._pool.filter(pl.Series(self.scenery.others(self._pool)))


def _cheaper(
    rows: Rows, truth: NDArray[Any], change: float, rng: np.random.Generator
) -> NDArray[Any]:
    """Prices fall, in the end by 30 %."""
    del rows, rng
    return truth * (1 - 0.3 * change)


LEVELS = (
    "Insufficient_Weight",
    "Normal_Weight",
    "Overweight_Level_I",
    "Overweight_Level_II",
    "Obesity_Type_I",
    "Obesity_Type_II",
    "Obesity_Type_III",
)
NEW_BOUNDS = (17.5, 23.5, 26.0, 28.5, 33.5, 38.5)
"""Body mass index from which the stricter guideline sees the next level."""


def _stricter(
    rows: Rows, truth: NDArray[Any], change: float, rng: np.random.Generator
) -> NDArray[Any]:
    """More and more clinics go by a stricter guideline; nobody's level falls by it."""
    bmi = (rows["Weight"] / rows["Height"] ** 2).to_numpy()
    known = {level: code for code, level in enumerate(LEVELS)}
    before = np.array([known[level] for level in truth])
    after = np.maximum(before, np.searchsorted(NEW_BOUNDS, bmi, side="right"))
    goes_by_it = rng.random(len(rows)) < change
    return np.array(LEVELS, object)[np.where(goes_by_it, after, before)]


HOUSING = Scenery(
    name="housing",
    target="median_house_value",
    per_day=2000,
    broken="total_bedrooms",
    damage=lambda rows: rows.with_columns(pl.lit(None, pl.Int64).alias("total_bedrooms")),
    others=lambda rows: (rows["housing_median_age"] < 18).to_numpy(),
    later=_cheaper,
    noticed=0.2,
    # Lower prices have smaller errors.
    scale=0.7,
)
OBESITY = Scenery(
    name="obesity",
    target="NObeyesdad",
    per_day=1000,
    broken="CH2O",
    damage=lambda rows: rows.with_columns(pl.lit(2.0).alias("CH2O")),
    others=lambda rows: (rows["Weight"] > 100).to_numpy(),
    later=_stricter,
    noticed=0.05,
    concept_days=14,
)
