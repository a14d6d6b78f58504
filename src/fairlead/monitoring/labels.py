"""Files of labels: what a table says by the contract, and the one file that it becomes."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from fairlead.data.contract import SHOWN_ROWS, Contract, violation
from fairlead.data.encoding import Fault, encode, violations
from fairlead.errors import ContractError, DataInvalidError, StorageError, Violation
from fairlead.project.columns import ColumnSpec
from fairlead.serving.label_log import sync_folder
from fairlead.serving.labels import (
    FORMAT,
    IMPORTED,
    LONGEST_ID,
    LabelHeader,
    LabelLine,
    is_prediction_id,
    label_column,
    labels_of,
    microseconds,
)
from fairlead.serving.prediction_segments import FINISHED
from fairlead.storage import write_whole

ID, LABEL, TIME = "prediction_id", "label", "time"
NAME_DIGITS = 32


@dataclass(frozen=True)
class Label:
    """What a file says of one prediction.

    Attributes:
        id: of the prediction.
        label: the class, or the number.
        time: when it was known, microseconds since 1970, UTC; None if that is not said.
    """

    id: str
    label: str | float
    time: int | None


@dataclass(frozen=True)
class Imported:
    """What became of a file.

    Attributes:
        file: where its labels are, or would be.
        labels: how many it has.
        is_new: whether they were not there before.
        is_written: whether they are there now.
    """

    file: Path
    labels: int
    is_new: bool
    is_written: bool


def read_labels(
    table: Mapping[str, Sequence[Any]], contract: Contract, source: Path
) -> list[Label]:
    """Check a table of labels by a model's contract: all rows, or none.

    Args:
        table: `prediction_id`, `label` and maybe `time` -> values; numbers may be texts.
        contract: of the model.
        source: the file, for errors.

    Raises:
        DataInvalidError: it has other columns, or no rows.
        ContractError: rows break a rule; they are counted from 1.
    """
    names = ", ".join(table) or "none"
    if not {ID, LABEL} <= table.keys() <= {ID, LABEL, TIME}:
        raise DataInvalidError(source, f"the columns {names}", f"{ID}, {LABEL} and maybe {TIME}")
    rows = len(table[ID])
    if not rows:
        raise DataInvalidError(source, "no rows", "at least one")
    column = label_column(contract)
    columns = {LABEL: column, TIME: ColumnSpec(type="datetime", nullable=True)}
    declared = {
        name: each.model_dump(mode="json", exclude_defaults=True) for name, each in columns.items()
    }
    values = {LABEL: [_typed(value, column) for value in table[LABEL]]}
    values |= {TIME: [value or None for value in table[TIME]]} if TIME in table else {}
    X, faults = encode(declared, values, rows)
    told = {fault.column: fault.rows for fault in faults}
    for each in violations(declared, X):
        # What is of another type is NaN by now, which is not missing.
        left = np.setdiff1d(each.rows, told.get(each.column, each.rows[:0]))
        faults += [Fault(each.column, each.rule, left)] if len(left) else []
    wrong = [row for row, value in enumerate(table[ID]) if not is_prediction_id(value)]
    if wrong:
        rule = f"1 to {LONGEST_ID} visible ASCII characters"
        faults.insert(0, Fault(ID, rule, np.array(wrong)))
    if faults:
        raise ContractError(str(source), tuple(map(_from_one, faults)))
    labels = [column.values[int(x)] for x in X[:, 0]] if column.values else X[:, 0].tolist()
    times = map(microseconds, X[:, 1].tolist())
    return [Label(*each) for each in zip(table[ID], labels, times, strict=True)]


def import_labels(
    folder: Path,
    model: str,
    contract: Contract,
    labels: Sequence[Label],
    *,
    source: str,
    now: datetime,
    dry_run: bool = False,
) -> Imported:
    """Keep labels in one file, which is named by what they are: a second time changes nothing.

    Args:
        folder: of the prediction log.
        model: whose predictions they are of.
        contract: of the model.
        labels: in their order; of several for one prediction, the last one holds.
        source: who brought them; the same labels of another source are another file.
        now: when they are received, UTC.
        dry_run: write nothing.

    Raises:
        StorageError: the file cannot be written; there is none then.
    """
    encoder = msgspec.json.Encoder()
    said = [(each.id, each.label, each.time) for each in labels]
    name = hashlib.sha256(encoder.encode((source, said))).hexdigest()[:NAME_DIGITS]
    file = labels_of(folder, model) / IMPORTED / f"{name}{FINISHED}"
    is_new = not file.exists()
    if is_new and not dry_run:
        began = int(now.timestamp() * 1e6)
        header = LabelHeader(FORMAT, model, contract.task, source, began)
        # What comes from now on is later than all of them.
        first = began - len(labels)
        lines = [
            LabelLine(first + place, each.id, each.label, each.time)
            for place, each in enumerate(labels)
        ]
        write_whole(file, encoder.encode(header) + b"\n" + encoder.encode_lines(lines))
        try:
            os.chmod(file, 0o640)  # noqa: PTH101
            sync_folder(file.parent)
        except OSError as error:
            raise StorageError(file, error.strerror or str(error)) from error
    return Imported(file, len(labels), is_new, is_new and not dry_run)


def _typed(value: Any, column: ColumnSpec) -> Any:
    """A number that is written as text; nothing where there is nothing."""
    if not isinstance(value, str):
        return value
    if column.type == "category":
        return value or None
    try:
        return float(value) if value.strip() else None
    except ValueError:
        return value


def _from_one(fault: Fault) -> Violation:
    found = violation(fault)
    rows = tuple(int(row) + 1 for row in fault.rows[:SHOWN_ROWS])
    return Violation(found.column, found.rule, found.count, rows)
