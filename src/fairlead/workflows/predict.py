"""Scores a file: rows in, rows and predictions out, written whole."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fairlead.bundle.reading import Bundle
from fairlead.data.contract import Contract, violation
from fairlead.data.encoding import TYPE_RULES, Fault, violations
from fairlead.data.parsing import parse_column
from fairlead.data.sources import PARQUET_ENDINGS, Table, read_table
from fairlead.errors import ContractError, DataInvalidError
from fairlead.storage import write_whole

CHUNK_ROWS = 50_000
PREDICTION = "prediction"


def predict(bundle: Bundle, rows: Path, to: Path) -> int:
    """Score every row of a file, in its order.

    The file is read as a whole and scored in chunks of `CHUNK_ROWS`.

    Args:
        bundle: that predicts.
        rows: CSV or Parquet with the columns of its contract.
        to: CSV or Parquet, with all columns of `rows`, `prediction`, and of a classifier with
            probabilities `P(<class>)`.

    Returns:
        Number of rows.

    Raises:
        DataError: the file cannot be read, or its rows break the contract.
        StorageError: the result cannot be written; there is none then.
    """
    ending = to.name.lower()
    if not ending.endswith((".csv", *PARQUET_ENDINGS)):
        expected = f"one that ends in .csv, {', '.join(PARQUET_ENDINGS)}"
        raise DataInvalidError(to, f"a result named {to.name}", expected)
    contract = bundle.contract
    headers = {name: spec.header or name for name, spec in contract.columns.items()}
    table = read_table(rows, list(headers.values()), rest=True, hint="name a file of rows")
    new = [PREDICTION, *(f"P({label})" for label in contract.classes)]
    taken = [name for name in new if name in table.frame.columns]
    if taken:
        raise DataInvalidError(rows, f"a column {taken[0]}", "that name to be free")
    X = _encoded(table, contract, rows)
    parts = [_scored(bundle, X[at : at + CHUNK_ROWS], new) for at in range(0, len(X), CHUNK_ROWS)]
    scored = pl.concat([table.frame, pl.concat(parts)], how="horizontal")
    buffer = io.BytesIO()
    if ending.endswith(PARQUET_ENDINGS):
        scored.write_parquet(buffer)
    else:
        scored.write_csv(buffer)
    write_whole(to, buffer.getvalue())
    return scored.height


def _encoded(table: Table, contract: Contract, source: Path) -> NDArray[np.float64]:
    """The features by the rules of the contract: all rows, or none."""
    values, faults = [], []
    for name, spec in contract.columns.items():
        column = parse_column(table.frame[spec.header or name], spec, typed=table.typed)
        values.append(column.values)
        if column.wrong.any():
            faults.append(Fault(name, TYPE_RULES[spec.type], np.flatnonzero(column.wrong)))
    X = np.column_stack(values)
    wrong = {fault.column for fault in faults}
    faults += [each for each in violations(contract.declarations, X) if each.column not in wrong]
    if faults:
        found = tuple(violation(Fault(each.column, each.rule, each.rows + 1)) for each in faults)
        raise ContractError(str(source), found)
    return X


def _scored(bundle: Bundle, X: NDArray[np.float64], names: Sequence[str]) -> pl.DataFrame:
    said = bundle.score(X)
    found = {names[0]: pl.Series(said.prediction.tolist())}
    if said.probabilities is not None:
        found |= dict(zip(names[1:], map(pl.Series, said.probabilities.T), strict=True))
    return pl.DataFrame(found)
