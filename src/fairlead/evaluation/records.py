"""What is scored and what comes of it: predictions, estimates, reports."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from fairlead.errors import EvaluationError
from fairlead.project.columns import Task


@dataclass(frozen=True, eq=False)
class Predictions:
    """What a model said about rows it never saw, and the truth, in the same row order.

    Attributes:
        y_true: shape (n,): class codes 0..k-1, or numbers.
        y_pred: shape (n,): the same kind.
        y_prob: shape (n, k): P(class) in [0, 1]; None for regression, or where there is none.
        classes: labels in the order of the codes; empty for regression.

    Raises:
        EvaluationError: there are no rows, the shapes differ, a code has no class, or a number
            is not finite.
    """

    y_true: NDArray[Any]
    y_pred: NDArray[Any]
    y_prob: NDArray[np.float64] | None = None
    classes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("y_true", "y_pred"):
            values = np.asarray(getattr(self, name))
            if values.dtype.kind not in ("iub" if self.classes else "iubf"):
                raise EvaluationError(
                    f"{name} of type {values.dtype}", "class codes" if self.classes else "numbers"
                )
            kind = np.int64 if self.classes else np.float64
            object.__setattr__(self, name, values.astype(kind))
        if self.y_prob is not None:
            object.__setattr__(self, "y_prob", np.asarray(self.y_prob, dtype=np.float64))
        self._check_shapes()
        self._check_values()

    def _check_shapes(self) -> None:
        rows = len(self.y_true)
        if rows == 0:
            raise EvaluationError("no rows to score", "at least one")
        if self.y_true.shape != (rows,) or self.y_pred.shape != (rows,):
            raise EvaluationError(
                f"y_true of shape {self.y_true.shape} and y_pred of shape {self.y_pred.shape}",
                "two vectors of one length",
            )
        if self.y_prob is not None and self.y_prob.shape != (rows, len(self.classes)):
            raise EvaluationError(
                f"y_prob of shape {self.y_prob.shape}", f"shape {(rows, len(self.classes))}"
            )

    def _check_values(self) -> None:
        for name in ("y_true", "y_pred"):
            values = getattr(self, name)
            if not self.classes and not np.isfinite(values).all():
                bad = int((~np.isfinite(values)).sum())
                raise EvaluationError(f"{bad} values of {name} NaN or infinite", "finite numbers")
            if self.classes and not ((values >= 0) & (values < len(self.classes))).all():
                raise EvaluationError(
                    f"class codes outside the classes in {name}", f"0 to {len(self.classes) - 1}"
                )
        # The sum of a float32 softmax strays from 1 by some 1e-7, and with it a single value.
        if self.y_prob is not None and not ((self.y_prob >= 0) & (self.y_prob <= 1 + 1e-6)).all():
            raise EvaluationError("probabilities outside [0, 1], or NaN", "numbers in [0, 1]")

    def take(self, rows: NDArray[np.int64]) -> Predictions:
        """Those of some rows."""
        y_prob = None if self.y_prob is None else self.y_prob[rows]
        return Predictions(self.y_true[rows], self.y_pred[rows], y_prob, self.classes)

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self.y_true)

    @property
    def task(self) -> Task:
        """Classification where there are classes."""
        return "classification" if self.classes else "regression"


@dataclass(frozen=True)
class Estimate:
    """A metric and how far it may be from the truth; NaN where it is not defined.

    Attributes:
        value: the metric on the rows that were scored.
        standard_error: of `value`, for another sample of rows of this size.
        low: lower end of the interval, of 95 % unless another level is stated beside it.
        high: upper end of the interval.
    """

    value: float
    standard_error: float = math.nan
    low: float = math.nan
    high: float = math.nan

    def __eq__(self, other: object) -> bool:
        """NaN equals NaN here: not defined is not defined."""
        return isinstance(other, Estimate) and self.to_dict() == other.to_dict()

    def __hash__(self) -> int:
        return hash(tuple(self.to_dict().values()))

    @property
    def is_defined(self) -> bool:
        """Whether there is a value."""
        return math.isfinite(self.value)

    def to_dict(self) -> dict[str, float | None]:
        """The fields for JSON, which knows no NaN: None instead."""
        return {
            name: number if math.isfinite(number := getattr(self, name)) else None
            for name in ("value", "standard_error", "low", "high")
        }

    @classmethod
    def from_dict(cls, fields: Mapping[str, float | None]) -> Self:
        """The inverse of `to_dict`."""
        return cls(**{name: math.nan if v is None else v for name, v in fields.items()})


@dataclass(frozen=True, eq=False)
class EvaluationReport(Mapping[str, Estimate]):
    """Metrics by name; those of one class as `recall[setosa]`. Equal to any mapping of the same.

    Attributes:
        estimates: name -> estimate, in the order they were asked for.
        rows: how many rows were scored.
        repeats: over how many repeats of the cross-validation the metrics are averaged.
    """

    estimates: Mapping[str, Estimate]
    rows: int
    repeats: int = 1

    def __getitem__(self, name: str) -> Estimate:
        return self.estimates[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.estimates)

    def __len__(self) -> int:
        return len(self.estimates)

    def to_dict(self) -> dict[str, dict[str, float | None]]:
        """Name -> fields of the estimate, ready for JSON."""
        return {name: estimate.to_dict() for name, estimate in self.estimates.items()}
