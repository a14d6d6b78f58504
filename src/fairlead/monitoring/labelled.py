"""Predictions with the truth beside them, and sums over all that was predicted."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairlead.evaluation.records import Predictions

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class LabelledRows:
    """Predictions that have a label, the oldest first.

    Attributes:
        ids: shape (n,), of the predictions, as text.
        times: shape (n,), when each was made, microseconds since 1970, UTC.
        versions: shape (n,), labels of the versions, as text.
        routes: shape (n,), as text.
        X: shape (n, columns): what the model was given, see `fairlead.data.encoding`; NaN in
            columns whose values were not logged.
        columns: names, in the order of the contract.
        prediction: shape (n,): class codes, or numbers.
        probabilities: shape (n, k) in the order of the classes; None for a regression.
        label: shape (n,): the truth, as `prediction`.
        classes: of the contract; empty for a regression.
        absent: columns without a single value in these rows: left out of the log, masked, or
            always missing.
        labelled_at: shape (n,), when the truth was known, or came, if that was not said; as
            `times`.
    """

    ids: NDArray[np.str_]
    times: NDArray[np.int64]
    versions: NDArray[np.str_]
    routes: NDArray[np.str_]
    X: Floats
    columns: tuple[str, ...]
    prediction: NDArray[Any]
    probabilities: Floats | None
    label: NDArray[Any]
    classes: tuple[str, ...]
    absent: tuple[str, ...] = ()
    labelled_at: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def predictions(self) -> Predictions:
        """For `evaluate` and `compare`.

        Raises:
            EvaluationError: there are no rows.
        """
        return Predictions(self.label, self.prediction, self.probabilities, self.classes)

    def take(self, rows: NDArray[Any]) -> LabelledRows:
        """Those of some rows: positions, or a mask."""
        cut = {
            each.name: getattr(self, each.name)[rows]
            for each in fields(self)
            if isinstance(getattr(self, each.name), np.ndarray)
        }
        return replace(self, **cut)


@dataclass(frozen=True, eq=False)
class Seen:
    """Sums over all predictions that a version made on a route, labelled or not.

    Attributes:
        version, route: which; of the shadow's copies there are none.
        rows: how many there are.
        labelled: how many of them have a label.
        confusion: shape (k, k): of the rows that were predicted as class i, the sum of the
            probabilities of class j; None for a regression.
        log_loss: sum of the expected log loss; NaN for a regression.
        brier: the same of the Brier score.
        bins: shape (b,): how many predictions lie in each of the bins that were asked for; None
            for a classification.
    """

    version: str
    route: str
    rows: int
    labelled: int
    confusion: Floats | None = None
    log_loss: float = float("nan")
    brier: float = float("nan")
    bins: Floats | None = None

    def __add__(self, other: Seen) -> Seen:
        """Both together; version and route stay where they are the same, or else are empty."""
        return Seen(
            self.version if self.version == other.version else "",
            self.route if self.route == other.route else "",
            self.rows + other.rows,
            self.labelled + other.labelled,
            _sum(self.confusion, other.confusion),
            self.log_loss + other.log_loss,
            self.brier + other.brier,
            _sum(self.bins, other.bins),
        )


def _sum(one: Floats | None, other: Floats | None) -> Floats | None:
    return None if one is None or other is None else one + other
