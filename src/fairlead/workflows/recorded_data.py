"""Finds the data that a version was trained on, or says what is different in those that are there.

What is said of a difference holds numbers of rows and names of columns, never a value.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fairlead.bundle.manifest import REFERENCE
from fairlead.data.enforcement import Dataset, examine
from fairlead.data.fetch import fetch
from fairlead.data.fingerprint import canonical
from fairlead.data.report import counted
from fairlead.errors import ContractError, DataError, DataInvalidError, DataMissingError
from fairlead.git import git_bytes, top_of
from fairlead.project.spec import ProjectSpec
from fairlead.workflows.recorded import Recorded

LOOKED_AT = 20
"""Of so many rows that are gone it is asked whether they differ in one column only."""


@dataclass(frozen=True)
class FoundData:
    """The file to train on.

    Attributes:
        path: where it is.
        origin: where it was found, for people.
        recorded: the fingerprint that the version was trained on.
        fingerprint: that of the file in the project, None if there is none that can be read.
        rows_then: rows of the recorded data, where that is known.
        rows_now: rows of the file in the project.
        is_recorded: whether the file to train on has the recorded fingerprint.
        remarks: what is known of the difference.
    """

    path: Path
    origin: str
    recorded: str
    fingerprint: str | None = None
    rows_then: int | None = None
    rows_now: int | None = None
    is_recorded: bool = True
    remarks: tuple[str, ...] = ()


def find_data(
    recorded: Recorded,
    spec: ProjectSpec,
    roots: Sequence[Path],
    work: Path,
    mirror: str | None,
) -> FoundData:
    """Find the recorded data: in the project, at its source, in git, in DVC's cache.

    Args:
        recorded: the version.
        spec: the project file that it is made again by.
        roots: folders in which `data.path` is looked for; the last one is the project's.
        work: folder for what is fetched.
        mirror: see `fairlead.data.fetch.fetch`.

    Returns:
        The recorded data or, where they are nowhere, those in the project.

    Raises:
        DataMissingError: they are nowhere, and nothing is in the project.
    """
    wanted: str = recorded.provenance["data_fingerprint"]
    rows_then: int | None = recorded.provenance.get("data_rows")
    seen: _Seen | None = None
    for root in roots:
        seen = _look(root / spec.data.path, spec)
        if seen is not None and seen.fingerprint == wanted:
            return FoundData(
                seen.path.resolve(), spec.data.path, wanted, wanted, seen.rows, seen.rows
            )
    remarks: list[str] = []
    for path, origin in _copies(recorded, spec, roots[-1], work, mirror, remarks):
        copy = _look(path, spec)
        if copy is not None and copy.fingerprint == wanted:
            now = () if seen is None else _changes(copy, seen, spec)
            place = (seen.fingerprint, copy.rows, seen.rows) if seen else (None, copy.rows, None)
            return FoundData(path, origin, wanted, *place, remarks=now)
    here = roots[-1] / spec.data.path
    if seen is None:
        tried = "".join(f" {remark}" for remark in remarks)
        hint = f"the data with the fingerprint {wanted[:12]}… are needed.{tried}"
        raise DataMissingError(here, hint)
    remarks += [*_unreadable(seen), *_reference_changes(recorded, seen)]
    return FoundData(
        here.resolve(),
        spec.data.path,
        wanted,
        seen.fingerprint,
        rows_then,
        seen.rows,
        is_recorded=False,
        remarks=tuple(remarks),
    )


@dataclass(frozen=True)
class _Seen:
    """What a file holds; nothing but a reason where it is no table with these columns."""

    path: Path
    fingerprint: str | None = None
    rows: int | None = None
    dataset: Dataset | None = None
    reason: str = "it breaks the contract"


def _look(path: Path, spec: ProjectSpec) -> _Seen | None:
    if not path.is_file():
        return None
    try:
        dataset, report = examine(path, spec.task, spec.data)
    except DataInvalidError as error:
        return _Seen(path, reason=f"found {error.found}, expected {error.expected}")
    return _Seen(path, report.fingerprint, report.rows_read, dataset)


def _copies(
    recorded: Recorded,
    spec: ProjectSpec,
    root: Path,
    work: Path,
    mirror: str | None,
    remarks: list[str],
) -> Iterator[tuple[Path, str]]:
    """Files that may be the recorded one; why one cannot be had goes to the remarks."""
    origin, target = recorded.provenance, work / "data" / Path(spec.data.path).name
    target.parent.mkdir(parents=True, exist_ok=True)
    commit = origin.get("git_commit")
    if commit is not None:
        folder = origin.get("project_folder") or "."
        inside = posixpath.normpath(posixpath.join(folder, spec.data.path))
        content = git_bytes(root, "show", f"{commit}:{inside}")
        if content is not None:
            target.write_bytes(content)
            yield target, f"commit {commit[:12]}"
        pointer = git_bytes(root, "show", f"{commit}:{inside}.dvc")
        # Without a margin it is the MD5 of the stage, not of a file.
        md5 = re.search(rb"^[ -]+md5: ([0-9a-f]{32})$", pointer or b"", re.MULTILINE)
        if md5 is not None:
            digest = md5[1].decode()
            cached = _in_dvc_cache(root, digest)
            if cached.is_file():
                # A copy, because the name of a file tells what kind of table it is.
                target.write_bytes(cached.read_bytes())
                yield target, f"DVC's cache, MD5 {digest[:12]}"
            else:
                remarks.append(f"DVC has them as {digest}, not in its cache here: `dvc pull`.")
    source = spec.data.source
    if source is not None and source.sha256 == origin.get("data_sha256", source.sha256):
        target.unlink(missing_ok=True)
        try:
            yield target, fetch(source, target, mirror=mirror).origin or source.sha256
        except DataError as error:
            remarks.append(f"{error}.")


def _in_dvc_cache(root: Path, md5: str) -> Path:
    """Where DVC's cache has the file of an MD5, if the cache is in its usual place.

    A project may be a repository of DVC's by itself, or lie in one.
    """
    root = root.resolve()
    last = (top_of(root) or root).resolve()
    above = [place for place in (root, *root.parents) if place.is_relative_to(last)]
    top = next((place for place in above if (place / ".dvc").is_dir()), last)
    return top / ".dvc" / "cache" / "files" / "md5" / md5[:2] / md5[2:]


def _unreadable(seen: _Seen) -> list[str]:
    return (
        [] if seen.dataset is not None else [f"{seen.path.name} is not as declared: {seen.reason}."]
    )


def _changes(then: _Seen, now: _Seen, spec: ProjectSpec) -> tuple[str, ...]:
    """How the rows of the file in the project differ from the recorded ones."""
    if then.dataset is None or now.dataset is None:
        return tuple(_unreadable(now))
    names = (*then.dataset.contract.columns, spec.data.target.name)
    a, b = (np.column_stack([each.X, each.y]) for each in (then.dataset, now.dataset))
    gone, new = _only_in(a, b), _only_in(b, a)
    if not len(gone) and not len(new):
        return ("The rows differ in their order, or in columns that are no features.",)
    told = f"Rows of the recorded data that are gone: {len(gone):,}; new rows: {len(new):,}."
    return (told, *_one_column(gone, b, names))


def _reference_changes(recorded: Recorded, now: _Seen) -> tuple[str, ...]:
    """The same by the sample of training rows in the bundle, which has no targets."""
    if now.dataset is None:
        return ()
    bundle = recorded.bundle
    try:
        sample = bundle.encode(pl.read_parquet(bundle.path / REFERENCE))
    except ContractError:
        return ()
    current = now.dataset.X
    if sample.shape[1] != current.shape[1]:
        return ("The columns are others.",)
    gone = _only_in(sample, current)
    rows = counted(len(sample), "training row")
    if not len(gone):
        return (f"The features of {rows} in the bundle are all there: what differs is the rest.",)
    told = f"Of {rows} in the bundle, {len(gone):,} are gone."
    return (told, *_one_column(gone, current, tuple(bundle.contract.columns)))


def _only_in(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """The rows of one matrix that the other does not have."""
    there = {row.tobytes() for row in canonical(b)}
    return a[[row.tobytes() not in there for row in canonical(a)]]


def _one_column(
    gone: NDArray[np.float64], now: NDArray[np.float64], names: Sequence[str]
) -> tuple[str, ...]:
    """Names a column that alone tells a row that is gone from one that is there."""
    bits = canonical(now).view(np.int64)
    for row in canonical(gone[:LOOKED_AT]).view(np.int64):
        other = bits != row
        alone = np.flatnonzero(other.sum(axis=1) == 1)
        if len(alone):
            return (f"One of them is still there but for its {names[other[alone[0]].argmax()]}.",)
    return ()
