"""Reads a fitted Pipeline of scikit-learn as preprocessing that can be compiled.

Every column of the matrix that reaches the estimator is followed back to the one column of the
data that it is made of.
"""

from __future__ import annotations

import math
from collections.abc import Container, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from fairlead.data.encoding import UNKNOWN, normalise
from fairlead.errors import AdoptionError
from fairlead.training.preprocessing import Preprocessing

STEPS = "ColumnTransformer, SimpleImputer, StandardScaler, OneHotEncoder and passthrough"


@dataclass(frozen=True)
class Traced:
    """One column of a matrix, and what was done to the column of the data that it is made of.

    Attributes:
        source: which column of the data.
        fill: what stands for a missing value; None where it stays missing.
        category: which of the encoder's categories it is 1 for; None for a number.
        shift, scale: it is (x - shift) / scale; None where it was not scaled.
    """

    source: int
    fill: Any = None
    category: int | None = None
    shift: float | None = None
    scale: float | None = None


@dataclass(frozen=True)
class Encoded:
    """A column of the data that an encoder took for categories.

    Attributes:
        values: the categories as they are to the encoder.
        flag: whether it takes an unknown category, and gives zeros for it.
    """

    values: tuple[Any, ...]
    flag: bool

    @property
    def texts(self) -> tuple[str, ...]:
        """The categories as a project has them."""
        return tuple(label_text(value) for value in self.values)


def label_text(value: Any, written: Container[str] = ()) -> str:
    """A category or class of Python as a project has it.

    Args:
        value: such as `1.0` or `True`.
        written: texts of the CSV; where one of them is that value, it is taken as it stands.
    """
    value = value.item() if isinstance(value, np.generic) else value
    plain = _plain_text(value)
    return str(value) if str(value) in written and plain not in written else plain


def _plain_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


@dataclass(frozen=True)
class Followed:
    """A model taken apart.

    Attributes:
        estimator: the last step.
        step: where it stands, such as `Pipeline.model`.
        columns: the matrix that it gets.
        encoded: column of the data -> its categories.
    """

    estimator: Any
    step: str
    columns: tuple[Traced, ...]
    encoded: dict[int, Encoded]

    def of_used(self) -> tuple[Followed, tuple[int, ...]]:
        """The same over those columns of the data alone that it uses, and which these are."""
        used = tuple(sorted({column.source for column in self.columns}))
        place = {source: number for number, source in enumerate(used)}
        columns = tuple(replace(column, source=place[column.source]) for column in self.columns)
        encoded = {place[source]: each for source, each in self.encoded.items() if source in place}
        return replace(self, columns=columns, encoded=encoded), used

    def always_filled(self, source: int) -> bool:
        """Whether a missing value of a column of the data is always filled, and taken."""
        fills = [column.fill for column in self.columns if column.source == source]
        known = self.encoded.get(source)
        return all(
            fill is not None and (known is None or known.flag or fill in known.values)
            for fill in fills
        )

    def preprocessing(self, names: Sequence[str]) -> Preprocessing:
        """What is done before the estimator, as it is compiled.

        Args:
            names: of the columns of the data.
        """
        columns = self.columns
        scaled = any(column.shift is not None for column in columns)
        shift = np.array([column.shift or 0.0 for column in columns])
        scale = np.array([1.0 if column.scale is None else column.scale for column in columns])
        return Preprocessing(
            names=tuple(names),
            low=np.full(len(names), -np.inf),
            high=np.full(len(names), np.inf),
            fill=np.full(len(names), np.nan),
            derived={},
            neighbours=None,
            picked=np.array([column.source for column in columns], np.int64),
            late_fill=np.array([self._fill(column) for column in columns], np.float64),
            codes=np.array(
                [math.nan if column.category is None else column.category for column in columns]
            ),
            mean=shift if scaled else None,
            scale=scale if scaled else None,
            columns=tuple(self._name(column, names) for column in columns),
            categories={},
        )

    def _fill(self, column: Traced) -> float:
        if column.fill is None:
            return math.nan
        if column.source not in self.encoded:
            return float(column.fill)
        values = self.encoded[column.source].values
        return float(values.index(column.fill)) if column.fill in values else UNKNOWN

    def _name(self, column: Traced, names: Sequence[str]) -> str:
        name = names[column.source]
        if column.category is None:
            return name
        return f"{name}={self.encoded[column.source].texts[column.category]}"


def follow(model: Any, width: int) -> Followed:
    """Take a fitted model apart.

    Args:
        model: an estimator, or a Pipeline that ends in one.
        width: number of columns of the data.

    Raises:
        AdoptionError: a step cannot be followed; it is named.
    """
    walk = _Walk()
    columns = tuple(Traced(source) for source in range(width))
    step = type(model).__name__
    while isinstance(model, Pipeline):
        for name, inner in model.steps[:-1]:
            columns = walk.apply(inner, columns, f"{step}.{name}")
        name, model = model.steps[-1]
        step = f"{step}.{name}"
    numbers = {column.source for column in columns if column.category is None}
    for source in numbers & walk.encoded.keys():
        raise AdoptionError(step, f"gets column {source + 1} both as a number and as categories")
    return Followed(model, step, columns, walk.encoded)


class _Walk:
    """One way through the steps of a model."""

    def __init__(self) -> None:
        self.encoded: dict[int, Encoded] = {}

    def apply(self, step: Any, columns: tuple[Traced, ...], at: str) -> tuple[Traced, ...]:
        """The columns that a fitted step makes of others."""
        if step is None or (isinstance(step, str) and step == "passthrough"):
            return columns
        if isinstance(step, str) and step == "drop":
            return ()
        if type(step) is FunctionTransformer and step.func is None:
            return columns
        if type(step) is Pipeline:
            for name, inner in step.steps:
                columns = self.apply(inner, columns, f"{at}.{name}")
            return columns
        if type(step) is ColumnTransformer:
            return self._column_transformer(step, columns, at)
        if type(step) is SimpleImputer:
            return self._imputer(step, columns, at)
        if type(step) is StandardScaler:
            return self._scaler(step, columns, at)
        if type(step) is OneHotEncoder:
            return self._encoder(step, columns, at)
        raise AdoptionError(at, f"is a {type(step).__name__}; what can be followed: {STEPS}")

    def _column_transformer(
        self, step: ColumnTransformer, columns: tuple[Traced, ...], at: str
    ) -> tuple[Traced, ...]:
        if step.transformer_weights:
            raise AdoptionError(at, "`transformer_weights` is not supported")
        places = step._transformer_to_input_indices  # noqa: SLF001 (no public name)
        made: tuple[Traced, ...] = ()
        for name, inner, _ in step.transformers_:
            chosen = tuple(columns[place] for place in places[name])
            if chosen:
                made += self.apply(inner, chosen, f"{at}.{name}")
        return made

    def _imputer(
        self, step: SimpleImputer, columns: tuple[Traced, ...], at: str
    ) -> tuple[Traced, ...]:
        if step.add_indicator:
            raise AdoptionError(at, "`add_indicator=True` is not supported")
        missing = step.missing_values
        if not (missing is None or missing != missing or type(missing).__name__ == "NAType"):
            raise AdoptionError(at, f"`missing_values={missing!r}` is not supported")
        made = []
        for column, value in zip(columns, step.statistics_.tolist(), strict=True):
            if column.category is not None or column.shift is not None:
                raise AdoptionError(at, "fills after encoding or scaling, which is not supported")
            if isinstance(value, float) and math.isnan(value):
                continue  # a column without any value is left out
            made.append(column if column.fill is not None else replace(column, fill=value))
        return tuple(made)

    def _scaler(
        self, step: StandardScaler, columns: tuple[Traced, ...], at: str
    ) -> tuple[Traced, ...]:
        if any(column.shift is not None for column in columns):
            raise AdoptionError(at, "scales what is scaled already, which is not supported")
        count = len(columns)
        shift = step.mean_ if step.with_mean else np.zeros(count)
        scale = step.scale_ if step.scale_ is not None else np.ones(count)
        return tuple(
            replace(column, shift=float(a), scale=float(b))
            for column, a, b in zip(columns, shift, scale, strict=True)
        )

    def _encoder(
        self, step: OneHotEncoder, columns: tuple[Traced, ...], at: str
    ) -> tuple[Traced, ...]:
        if step.min_frequency is not None or step.max_categories is not None:
            raise AdoptionError(at, "`min_frequency` and `max_categories` are not supported")
        dropped = [None] * len(columns) if step.drop_idx_ is None else step.drop_idx_
        made: list[Traced] = []
        for column, values, left_out in zip(columns, step.categories_, dropped, strict=True):
            if column.category is not None or column.shift is not None:
                raise AdoptionError(at, "encodes what is no column of the data any more")
            encoded = Encoded(tuple(values.tolist()), flag=step.handle_unknown != "error")
            _require_texts(encoded, at)
            if self.encoded.setdefault(column.source, encoded) != encoded:
                raise AdoptionError(at, "encodes a column that another step encodes otherwise")
            made += [
                replace(column, category=code)
                for code in range(len(encoded.values))
                if code != left_out
            ]
        return tuple(made)


def _require_texts(encoded: Encoded, at: str) -> None:
    """Refuse categories that a project cannot have."""
    if any(value is None or value != value for value in encoded.values):
        raise AdoptionError(at, "has missing values as a category: fill them before")
    texts = encoded.texts
    if any(not text or normalise(text) != text for text in texts):
        raise AdoptionError(at, "has a category that is empty or has white space around it")
    if len(set(texts)) < len(texts):
        raise AdoptionError(at, "has categories that are one text in a CSV")
