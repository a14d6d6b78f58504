"""The data sets that ship with scikit-learn, as CSV: the same bytes on every machine."""

from __future__ import annotations

import re
from typing import Any

_IRIS: tuple[str, ...] = ("sepal_length", "sepal_width", "petal_length", "petal_width")


def bundled_csv(name: str) -> bytes:
    """A data set as CSV: numbers as `repr` writes them, classes by name, LF line ends.

    The columns of iris are sepal_length, sepal_width, petal_length, petal_width and species; those
    of any other set are the names it gives, turned into identifiers, and target.

    Args:
        name: `iris`, `wine`, `breast_cancer` or `diabetes`.
    """
    from sklearn import datasets

    # Diabetes scaled is computed while it is loaded; as measured it is the same bits everywhere.
    options = {"scaled": False} if name == "diabetes" else {}
    loaded: Any = getattr(datasets, f"load_{name}")(**options)
    if name == "iris":
        columns, target = _IRIS, "species"
    else:
        columns = tuple(re.sub(r"\W+", "_", column).strip("_") for column in loaded.feature_names)
        target = "target"
    labels = getattr(loaded, "target_names", None)
    lines = [",".join((*columns, target))]
    for row, value in zip(loaded.data.tolist(), loaded.target.tolist(), strict=True):
        label = repr(value) if labels is None else str(labels[value])
        lines.append(",".join((*map(repr, row), label)))
    return ("\n".join(lines) + "\n").encode()
