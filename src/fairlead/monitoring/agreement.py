"""What a shadow said beside what callers got, of the same rows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fairlead.evaluation.comparison import Comparison, compare
from fairlead.evaluation.records import Estimate, Predictions
from fairlead.evaluation.report import evaluate


@dataclass(frozen=True)
class Differences:
    """Shadow's numbers minus those that callers got.

    Attributes:
        mean: of the differences.
        mean_absolute: of their absolute values.
        quantiles: share -> value that so many absolute differences do not exceed.
    """

    mean: float
    mean_absolute: float
    quantiles: dict[str, float]


@dataclass(frozen=True)
class PairedQuality:
    """Both on the same labelled rows.

    Attributes:
        primary, shadow: the metric of each.
        comparison: of the shadow with the primary; its verdict is on the shadow.
    """

    primary: Estimate
    shadow: Estimate
    comparison: Comparison


@dataclass(frozen=True)
class Agreement:
    """A shadow beside one version that answered.

    Attributes:
        primary, shadow: labels of the versions.
        rows: that both have scored.
        agreed: of them, with the same class, or the same number.
        confusion: primary's class, shadow's class, rows; empty for a regression.
        differences: None for a classification.
        farthest: rows that differ most: id, what both said, how far apart, the features.
        labelled: of the rows, how many have a label.
        quality: None without labels, or where the metric is not defined on them.
        points: what both said of some rows, taken at random, for a picture.
    """

    primary: str
    shadow: str
    rows: int
    agreed: int
    confusion: tuple[tuple[str, str, int], ...]
    differences: Differences | None
    farthest: tuple[dict[str, Any], ...]
    labelled: int
    quality: PairedQuality | None
    points: tuple[tuple[float, float], ...] = ()

    @property
    def classes(self) -> tuple[str, ...]:
        """Classes that either has said, in the order of the alphabet."""
        return tuple(sorted({name for one, two, _ in self.confusion for name in (one, two)}))

    def of_class(self, name: str) -> tuple[int, int]:
        """Rows that the primary gave a class, and how many the shadow gave the same."""
        rows = sum(count for one, _, count in self.confusion if one == name)
        same = sum(count for one, two, count in self.confusion if one == two == name)
        return rows, same

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values."""
        quality = self.quality
        return {
            "primary": self.primary,
            "shadow": self.shadow,
            "rows": self.rows,
            "agreed": self.agreed,
            "confusion": [
                {"primary": one, "shadow": two, "rows": rows} for one, two, rows in self.confusion
            ],
            "differences": self.differences and vars(self.differences),
            "farthest": list(self.farthest),
            "labelled": self.labelled,
            "quality": quality
            and {
                "primary": quality.primary.to_dict(),
                "shadow": quality.shadow.to_dict(),
                "comparison": quality.comparison.to_dict(),
            },
        }


def paired_quality(primary: Predictions, shadow: Predictions, metric: str) -> PairedQuality | None:
    """Compare both on the same labelled rows.

    Returns:
        None where the metric is not defined on them.
    """
    sides = [evaluate(each, [metric]).get(metric) for each in (primary, shadow)]
    if sides[0] is None or sides[1] is None or not all(each and each.is_defined for each in sides):
        return None
    return PairedQuality(sides[0], sides[1], compare(shadow, primary, metric))


Logged = tuple[Any, dict[str, float] | None]
"""A prediction as the log has it, and its probabilities."""


def with_labels(
    sides: Sequence[Sequence[Logged]], labels: Sequence[Any]
) -> tuple[Predictions, ...] | None:
    """Predictions of the same rows by several versions, with their labels.

    Rows in which a label or a prediction is missing, is not finite, or is none of the classes,
    are left out.

    Args:
        sides: of each version, what it said of the rows.
        labels: of the rows.

    Returns:
        None where no row is left.
    """
    mapped = next(
        (probabilities for side in sides for _, probabilities in side if probabilities), None
    )
    if mapped is None and not any(isinstance(label, str) for label in labels):
        return _numbers(sides, labels)
    classes = tuple(mapped or sorted({*labels, *(said for side in sides for said, _ in side)}))
    codes = {name: code for code, name in enumerate(classes)}
    kept = [
        row
        for row, label in enumerate(labels)
        if label in codes and all(_is_known(side[row], codes, mapped is not None) for side in sides)
    ]
    if not kept:
        return None
    truth = np.array([codes[labels[row]] for row in kept])
    return tuple(
        Predictions(
            truth,
            np.array([codes[side[row][0]] for row in kept]),
            None
            if mapped is None
            else np.array([[(side[row][1] or {})[name] for name in classes] for row in kept]),
            classes,
        )
        for side in sides
    )


def _is_known(said: Logged, codes: dict[str, int], with_probabilities: bool) -> bool:
    prediction, probabilities = said
    if prediction not in codes:
        return False
    if not with_probabilities:
        return True
    return probabilities is not None and all(
        (value := probabilities.get(name)) is not None and math.isfinite(value) for name in codes
    )


def _numbers(
    sides: Sequence[Sequence[Logged]], labels: Sequence[Any]
) -> tuple[Predictions, ...] | None:
    columns = [labels, *([said for said, _ in side] for side in sides)]
    table = np.array(columns, dtype=np.float64)
    table = table[:, np.isfinite(table).all(axis=0)]
    if not table.shape[1]:
        return None
    return tuple(Predictions(table[0], row) for row in table[1:])
