"""Keeps what each bundle predicted for rows it never saw, to compare versions later."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fairlead.errors import DataMissingError, EvaluationError
from fairlead.evaluation.comparison import Comparison, compare
from fairlead.evaluation.records import Predictions
from fairlead.project.spec import ProjectSpec
from fairlead.registry.records import ModelVersion
from fairlead.storage import write_whole
from fairlead.workflows.store import predictions_of

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class Evidence:
    """Predictions of one model with what they are of.

    Attributes:
        source: `holdout`, or `cv` where no holdout was kept.
        fingerprint: of the data.
        rows: shape (n,), the numbers of the rows in the file.
        repeats: the predictions, one for each repeat of the cross-validation.
        groups: shape (n,), numbers of the rows' groups, if rows are grouped.
    """

    source: str
    fingerprint: str
    rows: NDArray[np.int64]
    repeats: Sequence[Predictions]
    groups: NDArray[np.int64] | None = None


@dataclass(frozen=True)
class Duel:
    """Two versions on the same rows, or why they cannot be compared so.

    Attributes:
        source: where the rows are from: `holdout` or `cv`.
        comparison: the first against the second; None if there is none.
        reason: why there is none.
    """

    source: str | None = None
    comparison: Comparison | None = None
    reason: str | None = None


def keep(root: Path, digest: str, evidence: Evidence) -> None:
    """Write the evidence on a bundle.

    Args:
        root: the project's folder.
        digest: of the bundle.
        evidence: its predictions.

    Raises:
        StorageError: it could not be written.
    """
    first = evidence.repeats[0]
    arrays: dict[str, Any] = {
        "source": np.array(evidence.source),
        "fingerprint": np.array(evidence.fingerprint),
        "classes": np.array(first.classes, np.str_),
        "rows": evidence.rows,
        "y_true": first.y_true,
        "y_pred": np.stack([each.y_pred for each in evidence.repeats]),
    }
    if first.y_prob is not None:
        arrays["y_prob"] = np.stack([np.asarray(each.y_prob) for each in evidence.repeats])
    if evidence.groups is not None:
        arrays["groups"] = evidence.groups
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    write_whole(predictions_of(root, digest), buffer.getvalue())


def recall(root: Path, digest: str) -> Evidence | None:
    """Read the evidence on a bundle; None if there is none here that can be read."""
    try:
        with np.load(predictions_of(root, digest), allow_pickle=False) as file:
            stored = dict(file)
        classes = tuple(stored["classes"].tolist())
        shares = stored.get("y_prob", [None] * len(stored["y_pred"]))
        repeats = [
            Predictions(stored["y_true"], y_pred, y_prob, classes)
            for y_pred, y_prob in zip(stored["y_pred"], shares, strict=True)
        ]
        names = (str(stored["source"]), str(stored["fingerprint"]))
        return Evidence(*names, stored["rows"], repeats, stored.get("groups"))
    except (OSError, EOFError, ValueError, KeyError, EvaluationError, zipfile.BadZipFile):
        return None


def predictions_frame(root: Path, digest: str) -> pl.DataFrame:
    """The evidence on a bundle as a data frame, see `TrainingResult.predictions`.

    Raises:
        DataMissingError: there is none here that can be read.
    """
    import polars as pl

    evidence = recall(root, digest)
    if evidence is None:
        raise DataMissingError(predictions_of(root, digest), "`fairlead train` writes it")
    parts = []
    for number, each in enumerate(evidence.repeats, 1):
        columns: dict[str, Any] = {"row": evidence.rows}
        if len(evidence.repeats) > 1:
            columns["repeat"] = np.full(each.rows, number)
        for name, values in (("true", each.y_true), ("predicted", each.y_pred)):
            texts = [each.classes[code] for code in values] if each.classes else values
            columns[name] = pl.Series(texts, dtype=pl.Enum(each.classes) if each.classes else None)
        if each.y_prob is not None:
            shares = zip(each.classes, each.y_prob.T, strict=True)
            columns |= {f"P({label})": share for label, share in shares}
        parts.append(pl.DataFrame(columns))
    return pl.concat(parts)


def compare_versions(root: Path, spec: ProjectSpec, a: ModelVersion, b: ModelVersion) -> Duel:
    """Compare two versions by the project's metric, on rows that neither has seen.

    Args:
        root: the project's folder.
        spec: the project.
        a: the one that the verdict is on.
        b: the other one.
    """
    found = same_rows(root, a, b)
    if isinstance(found, str):
        return Duel(reason=found)
    first, second = found
    seed = spec.evaluation.cv.seed
    metric, groups = spec.evaluation.metric, first.groups
    try:
        paired = compare(first.repeats, second.repeats, metric, groups=groups, seed=seed)
    except EvaluationError as error:
        return Duel(reason=str(error))
    return Duel(first.source, paired)


def same_rows(root: Path, a: ModelVersion, b: ModelVersion) -> tuple[Evidence, Evidence] | str:
    """The evidence on two versions where it is of the same rows, else why there is none.

    Args:
        root: the project's folder.
        a: one version.
        b: the other one.
    """
    known = []
    for version in (a, b):
        evidence = recall(root, version.digest)
        if evidence is None:
            return f"{version} was not trained in this folder"
        known.append(evidence)
    first, second = known
    if first.fingerprint != second.fingerprint:
        return "they were trained on different data"
    if first.source != second.source or not np.array_equal(first.rows, second.rows):
        return "different rows were kept from them"
    if len(first.repeats) != len(second.repeats):
        return "they were cross-validated with different repeats"
    return first, second
