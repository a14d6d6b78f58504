"""Evaluates what a project says must hold for its data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairlead.data.contract import SHOWN_ROWS
from fairlead.data.enforcement import Dataset
from fairlead.data.report import CheckResult
from fairlead.errors import ExpressionError
from fairlead.project.derived import extend, parse_derived
from fairlead.project.expressions import Expression, evaluate, parse
from fairlead.project.scope import ROWS, check_scope
from fairlead.project.spec import DataSpec

Columns = Mapping[str, NDArray[np.float64]]


def run_checks(dataset: Dataset, data: DataSpec) -> tuple[CheckResult, ...]:
    """Evaluate `data.checks` on the rows that are kept.

    A check that names nothing but `rows` is one verdict; any other must hold in every row. Values
    are as they stand in the file: neither filled nor moved to a bound. Comparing a missing value
    is false.

    Args:
        dataset: the rows.
        data: checks and derived columns.

    Returns:
        One result for each check, in their order.

    Raises:
        ExpressionError: a check is no condition in the language.
    """
    scope = check_scope(dataset.contract.task, data, dataset.contract.classes)
    columns = _columns(dataset, data)
    return tuple(_run(parse(text, scope), columns, dataset.rows) for text in data.checks)


def _columns(dataset: Dataset, data: DataSpec) -> dict[str, NDArray[np.float64]]:
    features = dict(zip(dataset.contract.columns, dataset.X.T, strict=True))
    others: dict[str, NDArray[Any]] = {
        name: values for name, values in dataset.others.items() if values.dtype == np.float64
    }
    return {
        ROWS: np.full(len(dataset.y), float(len(dataset.y))),
        **extend(features, parse_derived(dataset.contract.columns, data.derived)),
        **others,
        data.target.name: dataset.y.astype(np.float64),
    }


def _run(check: Expression, columns: Columns, rows: NDArray[np.int64]) -> CheckResult:
    if check.kind != "boolean":
        raise ExpressionError(check.text, "a number", "a condition, such as `rows > 0`")
    used = {name: columns[name] for name in check.names}
    if set(check.names) <= {ROWS}:
        return CheckResult(check.text, bool(evaluate(check, used).all()))
    failing = rows[~evaluate(check, used).astype(np.bool_)]
    first = tuple(int(row) for row in failing[:SHOWN_ROWS])
    return CheckResult(check.text, not len(failing), len(failing), first)
