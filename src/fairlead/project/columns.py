"""The columns and the target, as the project file and every bundle declare them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import ValidationInfo, field_validator

from fairlead.project.parts import (
    Category,
    Header,
    Identifier,
    SpecFault,
    SpecPart,
    category_text,
    repeated,
)

Task = Literal["classification", "regression"]
ColumnType = Literal["number", "integer", "boolean", "category", "datetime", "text"]


class ColumnSpec(SpecPart):
    """What one column may hold, and what happens to a value that it may not hold."""

    type: ColumnType
    """Type of the values; a `datetime` is written as in ISO 8601."""
    role: Literal["feature", "group", "time", "ignore"] = "feature"
    """`group` and `time` steer the splits and are not given to the model; neither is `ignore`."""
    min: float | None = None
    """Smallest allowed value of a number or integer."""
    max: float | None = None
    """Largest allowed value of a number or integer."""
    values: tuple[Category, ...] = ()
    """The declared categories; their order is the order of the codes in the graph."""
    nullable: bool = False
    """Whether a value may be missing."""
    missing: Literal["median", "mean", "mode", "constant", "reject"] | None = None
    """How a missing value is filled before the model sees it; without it, a model that can
    handle missing values gets them as they are, any other gets the median or the mode."""
    fill: float | str | None = None
    """The value for `missing: constant`."""
    outliers: Literal["clip", "drop", "flag", "reject"] = "reject"
    """What happens to a value outside `min`..`max`: moved to the bound, its row left out
    (training; refused online), counted and kept, or refused."""
    unknown: Literal["flag", "reject"] = "reject"
    """What happens to a category that is not declared: kept as unknown, or refused."""
    unit: str | None = None
    """Unit of the values, for people."""
    description: str | None = None
    """What the column means, for people; it is shown in the service's documentation."""
    header: Header | None = None
    """What the column is called in the file, if that is not its name here: `sepal length (cm)`."""

    @field_validator("fill", mode="before", json_schema_input_type=float | bool | str | None)
    @classmethod
    def _fill_as_encoded(cls, fill: object, info: ValidationInfo) -> object:
        kind = info.data.get("type")
        if kind == "boolean" and isinstance(fill, bool):
            return float(fill)
        return category_text(fill) if kind == "category" else fill

    @property
    def numeric(self) -> bool:
        """Whether the column holds numbers that can be compared and averaged."""
        return self.type in ("number", "integer")

    def faults(self) -> Iterator[SpecFault]:
        """The rules fit the type, and each other."""
        for key in ("min", "max"):
            if getattr(self, key) is not None and not self.numeric:
                yield SpecFault(
                    key, f"`{key}` on a {self.type}", "it only on a number or an integer"
                )
        if self.min is not None and self.max is not None and self.min > self.max:
            yield SpecFault("min", f"{self.min:g} and `max: {self.max:g}`", "`min` <= `max`")
        if self.type == "category" and not self.values:
            yield SpecFault("", "a category without `values`", "`values` with at least one")
        if self.type != "category" and self.values:
            yield SpecFault("values", f"`values` on a {self.type}", "it only on a category")
        twice = repeated(self.values)
        if twice:
            yield SpecFault("values", f"{', '.join(twice)} more than once", "each value once")
        if self.type == "text" and self.role == "feature":
            yield SpecFault("role", "a text as a feature", "`role: ignore` or `role: group`")
        if self.role == "time" and not (self.numeric or self.type == "datetime"):
            yield SpecFault("role", f"a {self.type} as the time", "a datetime, number or integer")
        yield from self._missing_faults()

    def _missing_faults(self) -> Iterator[SpecFault]:
        if self.missing in ("median", "mean") and not self.numeric:
            found = f"`{self.missing}` on a {self.type}"
            yield SpecFault("missing", found, "`mode`, `constant` or `reject`")
        if self.missing not in (None, "reject") and not self.nullable:
            found = f"`missing: {self.missing}` where nothing may be missing"
            yield SpecFault("missing", found, "`nullable: true` beside it")
        if self.missing == "constant" and self.fill is None:
            yield SpecFault("missing", "`missing: constant` alone", "`fill` beside it")
        if self.fill is None:
            return
        if self.missing != "constant":
            yield SpecFault("fill", "`fill` alone", "`missing: constant` beside it")
        elif self.type == "category" and self.fill not in self.values:
            yield SpecFault("fill", f"`{self.fill}`", "one of `values`")
        elif self.type == "boolean" and self.fill not in (0, 1):
            yield SpecFault("fill", f"`{self.fill}`", "`true` or `false`")
        elif self.numeric and isinstance(self.fill, str):
            yield SpecFault("fill", f"`{self.fill}`", "a number")
        elif self.type in ("datetime", "text"):
            yield SpecFault("fill", f"`fill` on a {self.type}", "`missing: reject` or `mode`")


class TargetSpec(SpecPart):
    """The column to predict."""

    name: Identifier
    """Name of the target."""
    header: Header | None = None
    """What the target is called in the file, if that is not its name here."""
    classes: tuple[Category, ...] = ()
    """The class labels, in the order of the probabilities; without them, those found in the
    data, sorted."""
    min: float | None = None
    """Smallest allowed target (regression); none is predicted below it."""
    max: float | None = None
    """Largest allowed target (regression); none is predicted above it."""
    unit: str | None = None
    """Unit of the target, for people."""

    def faults(self) -> Iterator[SpecFault]:
        """Classes differ, bounds are in order."""
        if self.min is not None and self.max is not None and self.min > self.max:
            yield SpecFault("min", f"{self.min:g} and `max: {self.max:g}`", "`min` <= `max`")
        twice = repeated(self.classes)
        if twice:
            yield SpecFault("classes", f"{', '.join(twice)} more than once", "each class once")
        if len(self.classes) == 1:
            yield SpecFault("classes", "one class", "at least two, or none to take the data's")
