"""What a feature is worth: what becomes of the metric where it is shuffled or left out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from fairlead.evaluation.comparison import Comparison, compare
from fairlead.evaluation.metrics import Floats
from fairlead.evaluation.records import Predictions
from fairlead.evaluation.report import evaluate

SHUFFLES = 5


@dataclass(frozen=True)
class FeatureEffect:
    """A model without a feature against the model with it.

    Attributes:
        feature: name of the column.
        comparison: without against with; `worse` means that the feature is needed. None where it
            cannot be taken away.
        shuffles: the difference in each shuffle; empty where the feature was left out.
        error: why it cannot be taken away.
    """

    feature: str
    comparison: Comparison | None
    shuffles: tuple[float, ...] = ()
    error: str | None = None

    @property
    def is_needed(self) -> bool:
        """Whether the model is shown to be worse without it."""
        return self.comparison is None or self.comparison.verdict == "worse"

    def to_dict(self) -> dict[str, Any]:
        """The fields, ready for JSON."""
        return {
            "feature": self.feature,
            "is_needed": self.is_needed,
            "comparison": None if self.comparison is None else self.comparison.to_dict(),
            "shuffles": list(self.shuffles),
            "error": self.error,
        }

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Self:
        """The inverse of `to_dict`."""
        found, shuffles = fields["comparison"], tuple(fields["shuffles"])
        comparison = None if found is None else Comparison.from_dict(found)
        return cls(fields["feature"], comparison, shuffles, fields["error"])


def permutation_importance(
    predict: Callable[[Floats], Predictions],
    X: Floats,
    names: Sequence[str],
    metric: str,
    *,
    groups: NDArray[Any] | None = None,
    shuffles: int = SHUFFLES,
    seed: int = 42,
) -> tuple[FeatureEffect, ...]:
    """Shuffle one column after the other and see what the metric loses.

    The interval is that of the mean over the shuffles, for another sample of rows.

    Args:
        predict: the model, on rows that it never saw.
        X: shape (n, d), those rows, encoded.
        names: the d columns.
        metric: a name, that of one class as `recall[setosa]`.
        groups: shape (n,): rows of one group are resampled together.
        shuffles: how often each column is shuffled.
        seed: seeds the shuffles and the resamples.

    Raises:
        EvaluationError: the metric is not known for this task.
    """
    whole = predict(X)
    value = _value(whole, metric)
    effects = []
    for index, name in enumerate(names):
        rng = np.random.default_rng([seed, index])
        without = []
        for _ in range(shuffles):
            shuffled = X.copy()
            shuffled[:, index] = rng.permutation(X[:, index])
            without.append(predict(shuffled))
        found = compare(without, [whole] * shuffles, metric, groups=groups, seed=seed)
        each = tuple(_value(one, metric) - value for one in without)
        effects.append(FeatureEffect(name, found, each))
    return tuple(effects)


def _value(predictions: Predictions, metric: str) -> float:
    return evaluate(predictions, [metric], resamples=0)[metric].value
