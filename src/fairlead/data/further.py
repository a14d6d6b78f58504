"""Rows that came after a project's data, with a label: kept as a file, and joined to the data."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fairlead.data.contract import Contract
from fairlead.data.enforcement import Dataset
from fairlead.data.fetch import sha256_of
from fairlead.data.fingerprint import canonical
from fairlead.data.frames import decoded
from fairlead.data.parsing import parse_column
from fairlead.errors import DataInvalidError, DataMissingError
from fairlead.project.columns import ColumnSpec

Recipe = Literal["all", "recent", "levelled"]
RECIPES: tuple[Recipe, ...] = ("all", "recent", "levelled")
ID, TIME, PART, LEVEL = "fairlead.id", "fairlead.time", "fairlead.part", "fairlead.level"
TRAINED, CHOICE, GATES = 0, 1, 2
FEW = 200
"""So many rows are compared at least, if there are as many."""
BUCKETS = 10
KEPT_FOR: Mapping[int, int] = {0: GATES, 1: GATES, 2: CHOICE}
"""Bucket of a row -> what it is kept for: a fifth for the gates, a tenth for the choice."""


@dataclass(frozen=True, eq=False)
class FurtherRows:
    """Labelled rows, the oldest first.

    Attributes:
        ids: shape (n,), of the predictions.
        times: shape (n,), when they were made, microseconds since 1970, UTC.
        X: shape (n, d), encoded by the contract.
        y: shape (n,), class codes or numbers, as the labels have them.
        part: shape (n,), `TRAINED`, or what a row is kept for: `CHOICE` or `GATES`.
        level: shape (n,), what y is multiplied by to be as it would be at the end (`levelled`).
        digest: SHA-256 of the file.
    """

    ids: NDArray[np.str_]
    times: NDArray[np.int64]
    X: NDArray[np.float64]
    y: NDArray[Any]
    part: NDArray[np.int64]
    level: NDArray[np.float64]
    digest: str = ""

    def __len__(self) -> int:
        return len(self.ids)

    def newest(self, part: int) -> NDArray[np.int64]:
        """Positions of the newest rows of a part."""
        rows = np.flatnonzero(self.part == part)
        return rows[newest(len(rows))]


@dataclass(frozen=True, eq=False)
class Further:
    """How labelled rows are trained on.

    Attributes:
        rows: the rows.
        recipe: `all` (beside the project's training rows), `recent` (without them) or `levelled`
            (beside them, with every target brought to the level of the newest labels).
        base_level: what `levelled` multiplies the targets of the project's training rows by.
    """

    rows: FurtherRows
    recipe: Recipe = "all"
    base_level: float = 1.0

    def to_json(self) -> dict[str, Any]:
        """For the provenance of a model."""
        return {
            "sha256": self.rows.digest,
            "rows": len(self.rows),
            "trained_on": int((self.rows.part == TRAINED).sum()),
            "recipe": self.recipe,
            "base_level": self.base_level,
        }


def newest(count: int) -> slice:
    """The newest quarter of rows that are in order, or the last `FEW` if that is more."""
    return slice(-max(FEW, count // 4), None)


def parts_of(columns: tuple[str, ...], X: NDArray[np.float64]) -> NDArray[np.int64]:
    """What each labelled row is for, by what is in it: equal rows are never on both sides.

    Args:
        columns: names of the columns of X; their order does not count.
        X: shape (n, d), encoded rows.

    Returns:
        Shape (n,): `TRAINED`, `CHOICE` or `GATES`, the same for ever.
    """
    order = np.argsort(np.array(columns))
    content = np.ascontiguousarray(canonical(X[:, order]), "<f8")
    buckets = (
        int.from_bytes(hashlib.blake2b(row.tobytes(), digest_size=8).digest(), "big") % BUCKETS
        for row in content
    )
    return np.array([KEPT_FOR.get(bucket, TRAINED) for bucket in buckets], np.int64)


def to_parquet(rows: FurtherRows, contract: Contract) -> bytes:
    """The file of labelled rows: every value in its own type, so that it can be read by itself."""
    columns = {
        ID: pl.Series(rows.ids.tolist(), dtype=pl.String),
        TIME: pl.Series(rows.times).cast(pl.Datetime("us", "UTC")),
        PART: pl.Series(rows.part),
        LEVEL: pl.Series(rows.level),
    }
    for place, (name, spec) in enumerate(contract.columns.items()):
        series = decoded(spec, rows.X[:, place])
        columns[name] = series.cast(pl.String) if spec.type == "category" else series
    columns[contract.target.name] = _target(contract, rows.y)
    buffer = io.BytesIO()
    pl.DataFrame(columns).write_parquet(buffer, compression="zstd", statistics=False)
    return buffer.getvalue()


def read_further(path: Path, contract: Contract) -> FurtherRows:
    """Read a file of labelled rows, whose name is the SHA-256 of its bytes.

    Raises:
        DataMissingError: there is no such file.
        DataInvalidError: it is not what was written, or not of this contract.
    """
    if not path.is_file():
        raise DataMissingError(path, "the labelled rows that a retraining has kept; bring them")
    digest = sha256_of(path)
    if digest != path.stem:
        raise DataInvalidError(path, f"a file with SHA-256 {digest[:12]}…", "what was written")
    frame = pl.read_parquet(path)
    absent = [
        name for name in (*contract.columns, contract.target.name) if name not in frame.columns
    ]
    if absent:
        found = f"labelled rows without {', '.join(absent)}"
        raise DataInvalidError(path, found, "every feature of the project")
    X = np.column_stack(
        [_parsed(path, frame[name], spec) for name, spec in contract.columns.items()]
    )
    target = frame[contract.target.name]
    if contract.classes:
        codes = {label: code for code, label in enumerate(contract.classes)}
        strangers = sorted(set(target.unique().to_list()) - codes.keys())
        if strangers:
            found = f"the classes {', '.join(map(str, strangers))}"
            raise DataInvalidError(path, found, f"some of {', '.join(contract.classes)}")
        y: NDArray[Any] = np.array([codes[label] for label in target.to_list()], np.int64)
    else:
        y = target.to_numpy()
    return FurtherRows(
        np.array(frame[ID].to_list(), np.str_),
        frame[TIME].dt.epoch("us").to_numpy(),
        X,
        y,
        frame[PART].to_numpy(),
        frame[LEVEL].to_numpy(),
        digest,
    )


def join(base: Dataset, train: NDArray[np.int64], further: Further) -> Dataset:
    """The project's rows and, behind them, the labelled ones.

    Labelled rows have no group, so each is one of its own, and come after all others in time. Of
    a column that is no feature they have no value.

    Args:
        base: the project's data.
        train: positions of its training rows.
        further: what is joined.

    Returns:
        Rows with numbers above those of the file. Targets are levelled where the recipe says so,
        but for the holdout's.
    """
    rows = further.rows
    y, new = base.y, rows.y
    if further.recipe == "levelled":
        y = y.astype(np.float64)
        y[train] = _within(base.contract, y[train] * further.base_level)
        levelled = _within(base.contract, new * rows.level)
        # What is kept to score by stays as it was seen.
        new = np.where(rows.part == TRAINED, levelled, new)
    others = {name: _beside(base, name, values, rows) for name, values in base.others.items()}
    first = base.report.rows_read + 1
    return replace(
        base,
        X=np.vstack([base.X, rows.X]),
        y=np.concatenate([y, new]),
        others=others,
        rows=np.concatenate([base.rows, np.arange(first, first + len(rows))]),
    )


def _beside(base: Dataset, name: str, values: NDArray[Any], rows: FurtherRows) -> NDArray[Any]:
    """A column that is no feature, for all rows."""
    role = next((role for role, holder in base.roles.items() if holder == name), None)
    is_text = values.dtype == object
    if role == "time" and not is_text:
        latest = np.nanmax(values) if len(values) else 0.0
        ranks = np.unique(rows.times, return_inverse=True)[1] + 1.0
        return np.concatenate([values, latest + ranks])
    if role == "group":
        if is_text:
            own: list[Any] = [f"prediction {each}" for each in rows.ids.tolist()]
            return np.concatenate([values, np.array(own, object)])
        beyond = np.nanmax(values) if len(values) else 0.0
        return np.concatenate([values, beyond + 1.0 + np.arange(len(rows))])
    filler = np.full(len(rows), "", object) if is_text else np.full(len(rows), np.nan)
    return np.concatenate([values, filler])


def _target(contract: Contract, y: NDArray[Any]) -> pl.Series:
    if contract.classes:
        return pl.Series([contract.classes[code] for code in y.tolist()], dtype=pl.String)
    return pl.Series(y, dtype=pl.Float64)


def _parsed(path: Path, series: pl.Series, spec: ColumnSpec) -> NDArray[np.float64]:
    column = parse_column(series, spec, typed=True)
    if column.wrong.any():
        found = f"{int(column.wrong.sum())} values of {series.name} that are no {spec.type}"
        raise DataInvalidError(path, found, "labelled rows of this contract")
    return column.values


def _within(contract: Contract, y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Targets inside the range that the project declares."""
    target = contract.target
    low = -np.inf if target.min is None else target.min
    high = np.inf if target.max is None else target.max
    return np.clip(y, low, high)
