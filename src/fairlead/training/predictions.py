"""What models say of rows, and whose fault it is when one cannot."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairlead.errors import FairleadError, TrainingError


@dataclass(frozen=True)
class Prediction:
    """What an estimator says of n rows: class codes or numbers, and probabilities (n, k)."""

    values: NDArray[Any]
    probabilities: NDArray[np.float64] | None = None


@dataclass(frozen=True)
class OutOfSample:
    """Predictions for rows by models that were fitted without them.

    Attributes:
        rows: positions of the rows among the training rows.
        prediction: their predictions, in the same order.
    """

    rows: NDArray[np.int64]
    prediction: Prediction


@contextmanager
def blame(candidate: str) -> Iterator[None]:
    """Make what a family's library raises, which may be anything, its candidate's own error.

    Raises:
        TrainingError: something was raised that is no error of Fairlead.
    """
    try:
        yield
    except FairleadError:
        raise
    except Exception as error:
        first_line = str(error).strip().split("\n")[0]
        raise TrainingError(candidate, f"{type(error).__name__}: {first_line}") from error
