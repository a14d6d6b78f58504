"""The project file as objects: frozen values, unknown keys refused, defaults visible."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

Task = Literal["classification", "regression"]
ColumnType = Literal["number", "integer", "boolean", "category", "datetime", "text"]
ALIAS = r"[a-z][a-z0-9_-]{0,62}"
RESERVED_ALIASES = ("champion", "challenger", "latest")
STICKY_HEADER = r"header:[A-Za-z0-9!#$%&'*+.^_|~-]+"


PARTS_ONLY = "parts_only"
"""Key of the validation context under which no part is checked for faults."""


@dataclass(frozen=True)
class SpecFault:
    """What is wrong with a part whose keys are each valid alone."""

    at: str
    """The key that is at fault, as a path inside the part; empty for the part itself."""
    found: str
    expected: str

    def __str__(self) -> str:
        return f"{self.at}: found {self.found}, expected {self.expected}".removeprefix(": ")


class InconsistentError(ValueError):
    """The keys of a part contradict each other; pydantic wraps this."""

    def __init__(self, faults: tuple[SpecFault, ...]) -> None:
        super().__init__("; ".join(map(str, faults)))
        self.faults = faults


class SpecPart(BaseModel):
    """Any part of the project file."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True
    )

    def faults(self) -> Iterator[SpecFault]:
        """What contradicts what in this part; its keys are valid one by one."""
        return iter(())

    @model_validator(mode="after")
    def _consistent(self, info: ValidationInfo) -> Self:
        if (info.context or {}).get(PARTS_ONLY):
            return self
        faults = tuple(self.faults())
        if faults:
            raise InconsistentError(faults)
        return self


def _category(value: object) -> object:
    """A YAML scalar as the text that stands in the data: `values: [1, 2]` means "1" and "2"."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else value


def _normalised(value: str) -> str:
    if value != value.strip() or not value:
        raise ValueError("a category without white space around it, and not empty")
    return value


def _repeated(values: tuple[str, ...]) -> list[str]:
    return [f"`{value}`" for value, times in Counter(values).items() if times > 1]


def _name(value: str) -> str:
    if not value.isidentifier():
        raise ValueError("letters, digits and _, not starting with a digit")
    return value


def is_sticky(text: str) -> bool:
    """Whether a text is `header:<name>` or `field:<column>`."""
    kind, _, name = text.partition(":")
    return name.isidentifier() if kind == "field" else bool(re.fullmatch(STICKY_HEADER, text))


def _sticky(value: str) -> str:
    if not is_sticky(value):
        raise ValueError("`header:<name>` or `field:<column>`")
    return value


Category = Annotated[
    str,
    BeforeValidator(_category, json_schema_input_type=str | int | float | bool),
    AfterValidator(_normalised),
]
Identifier = Annotated[str, AfterValidator(_name)]
Expression = Annotated[str, Field(min_length=1)]


class SourceSpec(SpecPart):
    """Where the data comes from, for `fairlead data fetch`."""

    url: str | None = Field(default=None, examples=["https://example.org/housing.csv"])
    """Address of the file, `https:`, `http:` or `file:`."""
    member: str | None = None
    """Name of the file inside the zip archive that `url` names; a mirror holds it unpacked."""
    sklearn: Literal["iris", "wine", "breast_cancer", "diabetes"] | None = None
    """A data set that ships with scikit-learn, written as CSV; instead of `url`."""
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$", examples=["8a3727f4…"])
    """SHA-256 of the file, unpacked, 64 hexadecimal digits in lower case."""

    def faults(self) -> Iterator[SpecFault]:
        """The origin is one thing; only what is fetched can be an archive."""
        if self.member is not None and self.url is None:
            yield SpecFault("member", self.member, "no `member` without `url`")
        if (self.url is None) == (self.sklearn is None):
            found = "neither" if self.url is None else "both"
            yield SpecFault("", found, "exactly one of `url` and `sklearn`")


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

    @field_validator("fill", mode="before", json_schema_input_type=float | bool | str | None)
    @classmethod
    def _fill_as_encoded(cls, fill: object, info: ValidationInfo) -> object:
        kind = info.data.get("type")
        if kind == "boolean" and isinstance(fill, bool):
            return float(fill)
        return _category(fill) if kind == "category" else fill

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
        twice = _repeated(self.values)
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
    """Name of the column in the data."""
    classes: tuple[Category, ...] = ()
    """The class labels, in the order of the probabilities; without them, those found in the
    data, sorted."""
    min: float | None = None
    """Smallest allowed target (regression)."""
    max: float | None = None
    """Largest allowed target (regression)."""
    unit: str | None = None
    """Unit of the target, for people."""

    def faults(self) -> Iterator[SpecFault]:
        """Classes differ, bounds are in order."""
        if self.min is not None and self.max is not None and self.min > self.max:
            yield SpecFault("min", f"{self.min:g} and `max: {self.max:g}`", "`min` <= `max`")
        twice = _repeated(self.classes)
        if twice:
            yield SpecFault("classes", f"{', '.join(twice)} more than once", "each class once")
        if len(self.classes) == 1:
            yield SpecFault("classes", "one class", "at least two, or none to take the data's")


class SplitSpec(SpecPart):
    """Which rows are kept back as the holdout, never seen in training or selection."""

    kind: Literal["random", "stratified", "group", "time", "none"] = "random"
    """`group` and `time` need a column with that role; `none` keeps no holdout."""
    holdout: float = Field(default=0.2, gt=0, lt=1)
    """Share of the rows, in (0, 1); with `time`, the latest ones."""
    seed: int = Field(default=42, ge=0, lt=2**32)
    """Seed of the draw."""


class DataSpec(SpecPart):
    """The data and its contract."""

    path: str = Field(examples=["data/raw/housing.csv"])
    """CSV or Parquet file, relative to the project file."""
    source: SourceSpec | None = None
    """Where `fairlead data fetch` gets it from."""
    target: TargetSpec
    duplicates: Literal["keep", "drop", "reject"] = "keep"
    """What happens to a row that repeats an earlier one in every column."""
    columns: dict[Identifier, ColumnSpec] = Field(min_length=1)
    """The columns, in the order in which the model takes them."""
    derived: dict[Identifier, Expression] = {}
    """Further features, computed row by row: name -> expression over the columns."""
    checks: tuple[Expression, ...] = ()
    """What must hold for the data: conditions on `rows` or on every row."""
    split: SplitSpec = SplitSpec()

    def faults(self) -> Iterator[SpecFault]:
        """Names differ, and the roles are taken as the split needs them."""
        if self.target.name in self.columns:
            found = f"`{self.target.name}`, which is among `columns`"
            yield SpecFault("target.name", found, "the target to be no input")
        for name in self.derived:
            if name in self.columns or name == self.target.name:
                found = f"`{name}`, which is a column"
                yield SpecFault(f"derived.{name}", found, "a name of its own")
        for role in ("group", "time"):
            holders = [name for name, column in self.columns.items() if column.role == role]
            if len(holders) > 1:
                found = f"`role: {role}` on {', '.join(holders)}"
                yield SpecFault(f"columns.{holders[1]}.role", found, "it on one column at most")
            if self.split.kind == role and not holders:
                found = f"`{role}`, but no column has that role"
                yield SpecFault("split.kind", found, f"a column with `role: {role}`")
        if not any(column.role == "feature" for column in self.columns.values()):
            yield SpecFault("columns", "no feature", "a column with `role: feature`")


class CandidateSpec(BaseModel):
    """One model to try: a family and its parameters, side by side."""

    model_config = ConfigDict(extra="allow", frozen=True, use_attribute_docstrings=True)

    family: str
    """Name of an installed family, such as `random_forest`."""

    @property
    def parameters(self) -> dict[str, Any]:
        """Everything but the family, as written; the family checks it."""
        return dict(self.__pydantic_extra__ or {})


class CrossValidationSpec(SpecPart):
    """How candidates are compared on the training rows."""

    kind: Literal["kfold", "stratified", "leave_one_out", "group", "time"] = "kfold"
    """How the training rows are cut; `group` and `time` need a column with that role."""
    folds: int = Field(default=5, ge=2, le=1000)
    """Number of folds; not used by `leave_one_out`."""
    repeats: int = Field(default=1, ge=1, le=100)
    """How often `kfold` and `stratified` are repeated with new folds."""
    seed: int = Field(default=42, ge=0, lt=2**32)
    """Seed of the folds and of everything random in a candidate."""

    def faults(self) -> Iterator[SpecFault]:
        """Only what is random can be repeated."""
        if self.repeats > 1 and self.kind not in ("kfold", "stratified"):
            found = f"{self.repeats} with `kind: {self.kind}`"
            yield SpecFault("repeats", found, "it with `kfold` or `stratified` only")


class EvaluationSpec(SpecPart):
    """What is measured, and how."""

    metric: str
    """The metric that ranks candidates, such as `accuracy` or `rmse`."""
    also: tuple[str, ...] = ()
    """Further metrics to report."""
    cv: CrossValidationSpec = CrossValidationSpec()
    slices: tuple[str, ...] = ()
    """Columns whose categories are scored one by one."""


class PromotionSpec(SpecPart):
    """What a version must show before it may become champion."""

    beats: dict[Literal["champion"], Annotated[float, Field(gt=0.5, lt=1)]] = {}
    """Confidence with which the champion must be beaten."""
    gates: tuple[Expression, ...] = ()
    """Conditions on metrics, such as `rmse <= 50000`."""


class ServingSpec(SpecPart):
    """Which versions answer which share of the traffic, in percent."""

    champion: float = Field(default=100, ge=0, le=100)
    """Share that the champion answers."""
    challenger: float = Field(default=0, ge=0, le=100)
    """Share that the challenger answers; both add up to 100."""
    shadow: str | None = None
    """Alias of a version that sees a copy of the traffic and never answers."""
    sticky: Annotated[str, AfterValidator(_sticky)] | None = Field(
        default=None, examples=["header:X-User"]
    )
    """What keeps a caller on one version: `header:<name>` or `field:<column>`."""

    def faults(self) -> Iterator[SpecFault]:
        """Every request is answered by somebody, and by one; a shadow has whom to follow."""
        if self.champion + self.challenger != 100:
            found = f"{self.champion:g} + {self.challenger:g} percent"
            yield SpecFault("", found, "`champion` and `challenger` to add up to 100")
        if self.shadow is not None and getattr(self, self.shadow, None) == 100:
            yield SpecFault("shadow", f"`{self.shadow}`, which answers all of it", "another one")


class MonitoringSpec(SpecPart):
    """When a change of the data is an alert."""

    window: str = Field(default="24h", pattern=r"^[1-9][0-9]*[mhd]$", examples=["24h"])
    """How far back current rows are taken from: minutes, hours or days."""
    min_rows: int = Field(default=200, ge=1)
    """Fewer rows than that are not judged."""
    drift_share: float = Field(default=0.5, gt=0, le=1)
    """Share of drifted columns from which the data as a whole has drifted, in (0, 1]."""
    consecutive: int = Field(default=2, ge=1)
    """Windows in a row that must drift before there is an alert."""
    cooldown: str = Field(default="6h", pattern=r"^[1-9][0-9]*[mhd]$", examples=["6h"])
    """Time after an alert in which there is no other: minutes, hours or days."""


class RetrainingSpec(SpecPart):
    """When a new model is trained."""

    schedule: str | None = Field(default=None, examples=["0 3 * * 1"])
    """Cron expression, five fields."""
    on_alert: bool = True
    """Whether an alert trains a new model."""
    min_quality_drop: float = Field(default=0.03, ge=0)
    """Smallest relative loss of the ranking metric, on labelled rows, that is an alert."""


class ProjectSpec(SpecPart):
    """A whole project file."""

    spec_version: Literal[1] = 1
    """Version of the file's format."""
    name: str = Field(pattern=f"^{ALIAS}$", examples=["housing"])
    """Name of the registered model."""
    task: Task
    """What is predicted: a class or a number."""
    data: DataSpec
    candidates: dict[str, CandidateSpec] = Field(min_length=1)
    """Name -> family and parameters; the name is also the version's alias in the registry."""
    evaluation: EvaluationSpec
    promotion: PromotionSpec = PromotionSpec()
    serving: ServingSpec = ServingSpec()
    monitoring: MonitoringSpec = MonitoringSpec()
    retraining: RetrainingSpec = RetrainingSpec()
    description: str | None = None
    """What the model is for; the first paragraph of the model card."""

    def faults(self) -> Iterator[SpecFault]:
        """The parts fit the task, the names and each other."""
        for name in self.candidates:
            if not re.fullmatch(ALIAS, name) or re.fullmatch(r"v\d+", name):
                expected = "a name in lower case (a-z, 0-9, _, -), not like v1"
                yield SpecFault(f"candidates.{name}", f"`{name}`", expected)
            elif name in RESERVED_ALIASES:
                expected = f"a name other than {', '.join(RESERVED_ALIASES)}"
                yield SpecFault(f"candidates.{name}", f"`{name}`", expected)
        yield from self._task_faults()
        kind = self.evaluation.cv.kind
        if kind in ("group", "time") and not any(
            column.role == kind for column in self.data.columns.values()
        ):
            found = f"`{kind}`, but no column has that role"
            yield SpecFault("evaluation.cv.kind", found, f"a column with `role: {kind}`")
        for index, name in enumerate(self.evaluation.slices):
            if name not in self.data.columns:
                yield SpecFault(f"evaluation.slices[{index}]", f"`{name}`", "the name of a column")

    def _task_faults(self) -> Iterator[SpecFault]:
        target = self.data.target
        if self.task == "classification":
            for key in ("min", "max"):
                if getattr(target, key) is not None:
                    found = f"`{key}` with `task: classification`"
                    yield SpecFault(f"data.target.{key}", found, "it only with regression")
            return
        kinds = {
            "data.split.kind": self.data.split.kind,
            "evaluation.cv.kind": self.evaluation.cv.kind,
        }
        for key, kind in kinds.items():
            if kind == "stratified":
                found = "`stratified` with `task: regression`"
                yield SpecFault(key, found, "it only with classification")
        if target.classes:
            found = "`classes` with `task: regression`"
            yield SpecFault("data.target.classes", found, "it only with classification")
