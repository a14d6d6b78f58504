"""The project file as objects: frozen values, unknown keys refused, defaults visible."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

from fairlead.project.columns import ColumnSpec, TargetSpec, Task
from fairlead.project.neighbours import NeighboursSpec
from fairlead.project.parts import (
    DURATION,
    PERIOD,
    Expression,
    Identifier,
    SpecFault,
    SpecPart,
    Sticky,
    seconds,
)
from fairlead.project.quality import QualitySpec
from fairlead.project.readiness import ScoreSpec

ALIAS = r"[a-z][a-z0-9_-]{0,62}"
Choice = str | bool | int | float | None
"""A value of a parameter that a search may try."""
RESERVED_ALIASES = ("champion", "challenger", "latest")
CRON_FIELDS = 5
TargetTransform = Literal["log", "log1p", "sqrt"]
Method = Literal["sigmoid", "isotonic"]
"""How probabilities are calibrated."""


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
    decimal: Literal[".", ","] = "."
    """What stands before the decimals of a number in a CSV."""
    target: TargetSpec
    duplicates: Literal["keep", "drop", "reject"] = "keep"
    """What happens to a row that repeats an earlier one in every column."""
    columns: dict[Identifier, ColumnSpec] = Field(min_length=1)
    """The columns, in the order in which the model takes them."""
    derived: dict[Identifier, Expression] = Field(default={})
    """Further features, computed row by row: name -> expression over the columns."""
    checks: tuple[Expression, ...] = ()
    """What must hold for the data: conditions on `rows` or on every row."""
    split: SplitSpec = SplitSpec()
    quality: QualitySpec = QualitySpec()

    @property
    def headers(self) -> dict[str, str]:
        """Every column and the target -> what it is called in the file."""
        declared: dict[str, ColumnSpec | TargetSpec] = {**self.columns}
        declared[self.target.name] = self.target
        return {name: column.header or name for name, column in declared.items()}

    def faults(self) -> Iterator[SpecFault]:
        """Names differ, and the roles are taken as the split needs them."""
        if self.target.name in self.columns:
            found = f"`{self.target.name}`, which is among `columns`"
            yield SpecFault("target.name", found, "the target to be no input")
        yield from self._header_faults()
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

    def _header_faults(self) -> Iterator[SpecFault]:
        holders: dict[str, str] = {}
        for name, header in self.headers.items():
            if header in holders:
                at = "target" if name == self.target.name else f"columns.{name}"
                found = f"`{header}`, which is `{holders[header]}` already"
                yield SpecFault(f"{at}.header", found, "each column of the file once")
            holders.setdefault(header, name)


class RangeSpec(SpecPart):
    """The numbers that a search may try for one parameter."""

    low: float
    """Smallest of them."""
    high: float
    """Largest of them."""
    log: bool = False
    """Whether small numbers are tried as often as large ones, by their order of magnitude."""

    def faults(self) -> Iterator[SpecFault]:
        """The ends are in order, and have an order of magnitude where one is asked for."""
        if not self.low < self.high:
            yield SpecFault("high", f"{self.high:g} with `low: {self.low:g}`", "more than `low`")
        if self.log and self.low <= 0:
            yield SpecFault("low", f"{self.low:g} with `log: true`", "a value > 0")


def _form_of(values: Any) -> str:
    """Which of the two forms is meant, so that its mistakes are told and not those of both."""
    return "range" if isinstance(values, dict | RangeSpec) else "values"


Choices = Annotated[tuple[Choice, ...], Field(min_length=1)]
Tried = Annotated[
    Annotated[RangeSpec, Tag("range")] | Annotated[Choices, Tag("values")],
    Discriminator(_form_of),
]


class SearchSpec(SpecPart):
    """How good parameters are looked for, on the training rows only."""

    trials: int = Field(default=40, ge=1, le=10_000)
    """How many sets of parameters are tried; the first is the one that is written."""
    timeout: str | None = Field(default=None, pattern=DURATION, examples=["10m"])
    """After how long no other set is tried: seconds, minutes, hours or days."""
    space: dict[Identifier, Tried] = Field(default={})
    """Parameter -> a list of values, or `low`, `high` and `log`; beside the family's own space."""

    @property
    def timeout_s(self) -> float | None:
        """The timeout in seconds."""
        return None if self.timeout is None else seconds(self.timeout)


class CandidateSpec(BaseModel):
    """One model to try: a family and its parameters, side by side."""

    model_config = ConfigDict(extra="allow", frozen=True, use_attribute_docstrings=True)

    family: str
    """Name of an installed family, such as `random_forest`, or `blend` or `stack`, which combine
    other candidates."""
    without: tuple[Identifier, ...] = ()
    """Features and derived columns that this candidate does not get."""
    neighbours: NeighboursSpec | None = None
    """Further features, taken from the nearest training rows."""
    transform_target: TargetTransform | None = None
    """Function of the target that is fitted (regression); predictions are transformed back and are
    medians rather than means."""
    calibrate: Method | None = None
    """How probabilities are brought into line with the shares of the classes among rows that were
    not fitted (classification)."""
    search: SearchSpec | None = None
    """Looks for good parameters; without it, they are what is written beside it."""

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters of the family, as written; the family checks them."""
        return dict(self.__pydantic_extra__ or {})


class CrossValidationSpec(SpecPart):
    """How candidates are compared on the training rows."""

    kind: Literal["kfold", "stratified", "leave_one_out", "group", "time", "blocks"] = "kfold"
    """How the training rows are cut; `group` and `time` need a column with that role."""
    blocks: dict[Identifier, Annotated[float, Field(gt=0)]] = Field(default={})
    """For `kind: blocks`: numbers -> length of a block, `{longitude: 1, latitude: 1}` for a square
    of one degree; the rows of a block are left out together."""
    folds: int = Field(default=5, ge=2, le=1000)
    """Number of folds; not used by `leave_one_out`."""
    repeats: int = Field(default=1, ge=1, le=100)
    """How often `kfold` and `stratified` are repeated with new folds."""
    seed: int = Field(default=42, ge=0, lt=2**32)
    """Seed of the folds and of everything random in a candidate."""

    @property
    def described(self) -> str:
        """In words: `stratified 5-fold, 3 times`."""
        sides = " × ".join(f"{length:g}" for length in self.blocks.values())
        kind = {
            "leave_one_out": "leave-one-out",
            "kfold": f"{self.folds}-fold",
            "stratified": f"stratified {self.folds}-fold",
            "group": f"{self.folds}-fold by group",
            "time": f"{self.folds}-fold forward in time",
            "blocks": f"{self.folds}-fold by blocks of {sides} ({', '.join(self.blocks)})",
        }[self.kind]
        return f"{kind}, {self.repeats} times" if self.repeats > 1 else kind

    def faults(self) -> Iterator[SpecFault]:
        """Only what is random can be repeated."""
        if self.repeats > 1 and self.kind not in ("kfold", "stratified"):
            found = f"{self.repeats} with `kind: {self.kind}`"
            yield SpecFault("repeats", found, "it with `kfold` or `stratified` only")
        if (self.kind == "blocks") != bool(self.blocks):
            found = "`kind: blocks` alone" if self.kind == "blocks" else f"with `{self.kind}`"
            yield SpecFault("blocks", found, "`kind: blocks` and `blocks` together")


class EvaluationSpec(SpecPart):
    """What is measured, and how."""

    metric: str
    """The metric that ranks candidates, such as `accuracy` or `rmse`."""
    also: tuple[str, ...] = ()
    """Further metrics to report."""
    cv: CrossValidationSpec = CrossValidationSpec()
    validations: tuple[CrossValidationSpec, ...] = ()
    """Further ways to validate, for comparison: they do not rank."""
    select: Literal["best", "simplest"] = "best"
    """Which candidate is put forward as the first champion and later as the challenger: the best,
    or the simplest within one standard error of it."""
    slices: tuple[str, ...] = ()
    """Columns whose categories, or quarters of the range, are scored one by one."""
    conditions: dict[Identifier, Expression] = Field(default={})
    """Further slices: name -> a condition on features and derived columns; the rows that meet it
    and those that do not."""
    min_slice_rows: int = Field(default=30, ge=2)
    """Smaller slices are counted, not scored."""
    coverage: float | None = Field(default=None, gt=0, lt=1, examples=[0.9])
    """How often a prediction interval, or a set of classes, shall hold the truth; without it there
    are none."""
    learning_curve: bool = False
    """Whether a training also fits growing parts of the rows; it takes about twice as long."""
    ablation: bool = False
    """Whether a training also fits the candidate put forward without each of its features."""
    nested: bool = False
    """Whether a training is also repeated inside each fold, searches and choice included, for a
    figure that none of them has made too good."""


class PromotionSpec(SpecPart):
    """What a version must show before it may become champion."""

    beats: dict[Literal["champion"], Annotated[float, Field(gt=0.5, lt=1)]] = Field(default={})
    """Confidence with which the champion must be beaten, one-sided; 0.965 where nothing is said."""
    gates: tuple[Expression, ...] = ()
    """Conditions on metrics and costs, such as `rmse <= 50000` or `latency_p99_ms <= 5`."""
    slice_drop: float = Field(default=0.05, ge=0)
    """Largest relative loss against the champion, on a class, a slice or the Brier score, that is
    let pass."""


class ServingSpec(SpecPart):
    """Which versions answer which share of the traffic, in percent."""

    champion: float = Field(default=100, ge=0, le=100)
    """Share that the champion answers."""
    challenger: float = Field(default=0, ge=0, le=100)
    """Share that the challenger answers; both add up to 100."""
    shadow: str | None = None
    """Alias of a version that sees a copy of the traffic and never answers."""
    sticky: Sticky | None = Field(default=None, examples=["header:X-User"])
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

    window: str = Field(default="24h", pattern=PERIOD, examples=["24h"])
    """How far back current rows are taken from: minutes, hours or days."""
    min_rows: int = Field(default=200, ge=1)
    """Fewer rows than that are not judged."""
    drift_share: float = Field(default=0.5, gt=0, le=1)
    """Share of drifted columns from which the data as a whole has drifted, in (0, 1]."""
    consecutive: int = Field(default=2, ge=1)
    """Windows in a row that must drift before there is an alert."""
    season: Literal["24h", "7d"] | None = None
    """Length of a cycle of the traffic: a column counts as drifted only if it differs from the
    same time one cycle earlier, too."""
    cooldown: str = Field(default="6h", pattern=PERIOD, examples=["6h"])
    """Time after an alert in which there is no other of its kind: minutes, hours or days."""
    max_silence: str | None = Field(default=None, pattern=PERIOD, examples=["2d"])
    """Time without a prediction, or without a label where there were some, that is an alert:
    minutes, hours or days."""


class RetrainingSpec(SpecPart):
    """When a new model is trained."""

    schedule: str | None = Field(default=None, examples=["0 3 * * 1"])
    """Cron expression, five fields."""
    on_alert: bool = True
    """Whether an alert trains a new model."""
    min_quality_drop: float = Field(default=0.03, ge=0)
    """Smallest relative loss of the ranking metric, on labelled rows, that is an alert."""
    max_age: str | None = Field(default=None, pattern=PERIOD, examples=["90d"])
    """Age from which a model is too old to serve: minutes, hours or days since its training."""
    window: str = Field(default="90d", pattern=PERIOD, examples=["90d"])
    """How young labelled predictions must be to be trained on: minutes, hours or days."""
    min_labels: int = Field(default=200, ge=1)
    """Labelled predictions that there must be since the last retraining."""
    max_label_age: str = Field(default="14d", pattern=PERIOD, examples=["14d"])
    """Age of the newest labelled prediction from which labels are stale: nothing is trained on
    them."""
    cooldown: str = Field(default="4d", pattern=PERIOD, examples=["4d"])
    """Time after a retraining in which there is no other: minutes, hours or days."""
    budget: int = Field(default=8, ge=1)
    """Most retrainings in 30 days."""
    promote: Literal["approve", "automatic"] = "approve"
    """What becomes of a challenger that passes the gates: it waits for `fairlead approve`, or
    becomes the champion at once."""

    def faults(self) -> Iterator[SpecFault]:
        """A schedule has five fields."""
        if self.schedule is not None and len(self.schedule.split()) != CRON_FIELDS:
            found = f"`{self.schedule}`"
            yield SpecFault("schedule", found, "five fields of cron, such as `0 3 * * 1`")


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
    score: ScoreSpec = ScoreSpec()
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
        yield from self._validation_faults()
        for index, name in enumerate(self.evaluation.slices):
            if name not in self.data.columns:
                yield SpecFault(f"evaluation.slices[{index}]", f"`{name}`", "the name of a column")
        for name in self.evaluation.conditions:
            if name in self.data.columns:
                found = f"`{name}`, which is a column"
                yield SpecFault(f"evaluation.conditions.{name}", found, "a name of its own")

    def _validation_faults(self) -> Iterator[SpecFault]:
        for where, cv in self._validations().items():
            roles = {column.role for column in self.data.columns.values()}
            if cv.kind in ("group", "time") and cv.kind not in roles:
                found = f"`{cv.kind}`, but no column has that role"
                yield SpecFault(f"{where}.kind", found, f"a column with `role: {cv.kind}`")
            for name in cv.blocks:
                column = self.data.columns.get(name)
                if column is None or not column.numeric:
                    found = f"`{name}`" if column is None else f"`{name}`, a {column.type}"
                    yield SpecFault(f"{where}.blocks.{name}", found, "a number or an integer")

    def _validations(self) -> dict[str, CrossValidationSpec]:
        further = enumerate(self.evaluation.validations)
        return {
            "evaluation.cv": self.evaluation.cv,
            **{f"evaluation.validations[{index}]": cv for index, cv in further},
        }

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
            **{f"{where}.kind": cv.kind for where, cv in self._validations().items()},
        }
        for key, kind in kinds.items():
            if kind == "stratified":
                found = "`stratified` with `task: regression`"
                yield SpecFault(key, found, "it only with classification")
        if target.classes:
            found = "`classes` with `task: regression`"
            yield SpecFault("data.target.classes", found, "it only with classification")
