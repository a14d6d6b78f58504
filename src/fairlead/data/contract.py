"""The contract: the columns that a model accepts, the target, and what the classes are called."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fairlead.data.encoding import Fault, encode, violations
from fairlead.errors import ContractError, Violation
from fairlead.project.columns import ColumnSpec, TargetSpec, Task

if TYPE_CHECKING:
    # The whole project file: what serves a bundle does without it.
    from fairlead.project.spec import DataSpec

SHOWN_ROWS = 5
UNKNOWN_CATEGORY = "(not declared)"
"""What stands for a category that is not declared, where there must be a text."""


@dataclass(frozen=True)
class Contract:
    """What callers may send and what they get back.

    Attributes:
        task: classification or regression.
        columns: the features in the order of the graph's input.
        target: the column that is predicted.
        classes: labels in the order of the probabilities; empty for regression.
    """

    task: Task
    columns: Mapping[str, ColumnSpec]
    target: TargetSpec
    classes: tuple[str, ...] = ()

    @classmethod
    def of(cls, task: Task, data: DataSpec, classes: tuple[str, ...]) -> Contract:
        """The contract of a project, once its classes are known."""
        features = {
            name: column for name, column in data.columns.items() if column.role == "feature"
        }
        return cls(task, features, data.target, classes)

    @cached_property
    def declarations(self) -> dict[str, dict[str, Any]]:
        """The columns as plain JSON values, as the manifest keeps them."""
        return {
            name: column.model_dump(mode="json", exclude_defaults=True)
            for name, column in self.columns.items()
        }

    def encode(
        self, values: Mapping[str, Any], rows: int, *, source: str = "input"
    ) -> NDArray[np.float64]:
        """Encode columns of values and enforce every rule on them.

        Args:
            values: name -> sequence, array or series of `rows` values. Nullable columns may be
                absent; unknown columns are refused.
            rows: number of rows.
            source: what the values are called in an error.

        Returns:
            Shape (rows, number of columns), float64; see `fairlead.data.encoding`.

        Raises:
            ContractError: a column is absent or unknown, or a row breaks a rule.
        """
        faults = [
            Fault(name, "left out: the contract has no such column", np.arange(rows))
            for name in values
            if name not in self.columns
        ]
        faults += [
            Fault(name, "present", np.arange(rows))
            for name, column in self.columns.items()
            if name not in values and not column.nullable
        ]
        present = {name: value for name, value in values.items() if name in self.columns}
        X, wrong = encode(self.declarations, present, rows)
        faults += wrong
        named = {fault.column for fault in faults}
        faults += [fault for fault in violations(self.declarations, X) if fault.column not in named]
        if faults:
            raise ContractError(source, tuple(violation(fault) for fault in faults))
        return X

    def to_json(self) -> dict[str, Any]:
        """As the manifest keeps it."""
        return {
            "task": self.task,
            "columns": self.declarations,
            "target": self.target.model_dump(mode="json", exclude_defaults=True),
            "classes": list(self.classes),
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Contract:
        """Read back what `to_json` wrote."""
        return cls(
            task=document["task"],
            columns={
                name: ColumnSpec.model_validate(column)
                for name, column in document["columns"].items()
            },
            target=TargetSpec.model_validate(document["target"]),
            classes=tuple(document["classes"]),
        )


def violation(fault: Fault) -> Violation:
    """A fault as an error reports it: a count and the first few rows, no values."""
    shown = tuple(int(row) for row in fault.rows[:SHOWN_ROWS])
    return Violation(fault.column, fault.rule, len(fault.rows), shown)
