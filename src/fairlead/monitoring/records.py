"""Facts about a window of predictions: how its columns drift and how good its predictions are."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from fairlead.evaluation.records import Estimate

Kind = Literal["number", "category"]
Verdict = Literal["drifted", "stable", "too_few_rows"]


@dataclass(frozen=True)
class Window:
    """A stretch of time, without its end.

    Attributes:
        start: first moment, UTC.
        end: first moment after it, UTC.
    """

    start: datetime
    end: datetime

    def to_json(self) -> dict[str, str]:
        """As ISO 8601."""
        return {"start": self.start.isoformat(), "end": self.end.isoformat()}


@dataclass(frozen=True)
class ColumnDrift:
    """How far a column, or what is predicted, is from the reference.

    Attributes:
        column: its name, or `prediction`.
        kind: what it holds; a class is a category.
        method: `wasserstein` (in standard deviations of the reference) or `jensen_shannon`.
        effect: the distance; NaN where one side has no values.
        threshold: an effect from here on is a drift, if it is more than `noise` too.
        noise: what samples of this size reach by chance, rarely.
        missing: share of missing values, in [0, 1].
        missing_reference: the same of the reference.
        unknown: share of categories that are not declared, in [0, 1]; 0 for numbers.
        unknown_reference: the same of the reference.
        importance: of the column to the model, as the bundle has it; None where not known.
        is_drifted: whether the column has drifted.
        is_broken: whether it looks like a fault of the pipeline: missing or unknown values that
            were not there before, or one single value where there were many.
        reason: what was found, in words.
    """

    column: str
    kind: Kind
    method: str
    effect: float
    threshold: float
    noise: float
    missing: float
    missing_reference: float
    unknown: float
    unknown_reference: float
    importance: float | None
    is_drifted: bool
    is_broken: bool
    reason: str

    def to_json(self) -> dict[str, Any]:
        """The fields for JSON, which knows no NaN: None instead."""
        return {
            name: None if isinstance(value, float) and not math.isfinite(value) else value
            for name, value in vars(self).items()
        }


@dataclass(frozen=True)
class DriftReport:
    """A window, or a file, beside its reference.

    Attributes:
        reference: what it is compared with, in words, such as `iris version 3 (training rows)`.
        reference_rows: number of its rows.
        rows: number of rows that were looked at.
        window: when they came; None for files.
        columns: the features, the most important to the model first.
        prediction: the same of what was predicted; None where that is not known.
        share: of the columns that have drifted, in [0, 1].
        verdict: `drifted` where that is at least the project's `drift_share`; `too_few_rows`
            where there were fewer than its `min_rows`: nothing is drifted then.
    """

    reference: str
    reference_rows: int
    rows: int
    window: Window | None
    columns: tuple[ColumnDrift, ...]
    prediction: ColumnDrift | None
    share: float
    verdict: Verdict

    @property
    def drifted(self) -> tuple[str, ...]:
        """Names of the columns that have drifted."""
        return tuple(each.column for each in self.columns if each.is_drifted)

    @property
    def broken(self) -> tuple[str, ...]:
        """Names of the columns that look like a fault of the pipeline."""
        return tuple(each.column for each in self.columns if each.is_broken)

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {
            **vars(self),
            "window": self.window and self.window.to_json(),
            "columns": [each.to_json() for each in self.columns],
            "prediction": self.prediction and self.prediction.to_json(),
        }


@dataclass(frozen=True)
class Quality:
    """How good the predictions of a window are.

    Attributes:
        metric: the project's metric that ranks.
        better: whether `greater` or `smaller` values are better.
        rows: predictions in the window.
        labelled: of those, how many have a label.
        measured: by the labels; None where there are too few.
        expected: what to expect without labels, an estimate; None where it cannot be told.
        baseline: the metric when the version was trained, on rows it had not seen.
        version: label of the version; None for all together.
        route: None for all together.
        slice: column and value; None for all rows.
    """

    metric: str
    better: Literal["greater", "smaller"]
    rows: int
    labelled: int
    measured: Estimate | None
    expected: Estimate | None
    baseline: Estimate
    version: str | None = None
    route: str | None = None
    slice: tuple[str, str] | None = None

    @property
    def drop(self) -> Estimate | None:
        """Relative loss against the baseline, above 0 where it is worse; None without labels.

        For a metric that is better the greater, (baseline - measured) / |baseline|.
        """
        if self.measured is None or not self.baseline.value:
            return None
        sign = 1.0 if self.better == "smaller" else -1.0
        scale = sign / abs(self.baseline.value)
        ends = [
            scale * (end - self.baseline.value) for end in (self.measured.low, self.measured.high)
        ]
        return Estimate(
            scale * (self.measured.value - self.baseline.value),
            abs(scale) * self.measured.standard_error,
            min(ends),
            max(ends),
        )

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values."""
        estimates = {
            name: (each := getattr(self, name)) and each.to_dict()
            for name in ("measured", "expected", "baseline", "drop")
        }
        return {**vars(self), **estimates}
