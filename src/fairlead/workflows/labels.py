"""Brings labels back: what was predicted with the truth beside it, files of labels, how many."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairlead.bundle.reading import load_bundle
from fairlead.data.contract import Contract
from fairlead.errors import DataMissingError
from fairlead.monitoring.labelled import LabelledRows, Seen
from fairlead.monitoring.labels import Imported, import_labels, read_labels
from fairlead.monitoring.records import Window
from fairlead.project.loading import Project
from fairlead.registry.champions import champion
from fairlead.registry.port import ModelRegistry
from fairlead.workflows.prediction_log import LogDatabase, ask, steadily, the_model
from fairlead.workflows.standing import champion_of
from fairlead.workflows.store import bundles_of

NO_BINS = np.empty(0)


def labelled_rows(
    folder: Path,
    model: str,
    contract: Contract,
    window: Window | None,
    database: LogDatabase,
    *,
    shadow: bool = False,
) -> LabelledRows:
    """The logged predictions that have a label, the oldest first.

    A label is the last one that was received for an id. Of predictions that share an id, the last
    counts; those whose prediction or label the contract does not know are left out.

    Args:
        folder: of the prediction log.
        model: name that it is served under.
        contract: says which columns and classes are wanted, and in which order.
        window: when the predictions were made; all of them if None.
        database: that reads.
        shadow: the shadow's predictions, instead of those that callers got.

    Raises:
        LogQueryError: the log was written by a later Fairlead, or changes too fast.
        ExtraMissingError: the database is not installed.
    """
    return steadily(
        folder, model, lambda found: database.labelled(found, contract, window, shadow=shadow)
    )


def seen(
    folder: Path,
    model: str,
    contract: Contract,
    window: Window | None,
    database: LogDatabase,
    bins: NDArray[np.float64] = NO_BINS,
) -> tuple[Seen, ...]:
    """Sums over all logged predictions but the shadow's, by version and route.

    Args:
        folder: of the prediction log.
        model: name that it is served under.
        contract: as in `labelled_rows`.
        window: when the predictions were made; all of them if None.
        database: that reads.
        bins: shape (b,), rising: edges by which the predictions of a regression are counted.

    Raises:
        LogQueryError: the log was written by a later Fairlead, or changes too fast.
        ExtraMissingError: the database is not installed.
    """
    return steadily(folder, model, lambda found: database.seen(found, contract, window, bins))


def contract_of(project: Project, model: str, registry: ModelRegistry | None) -> Contract:
    """What the labels of a model must be: by its champion, or the last training without a registry.

    Raises:
        DataMissingError: there is no such model yet.
        BundleError: its bundle is not what was written.
        RegistryUnavailableError: the registry does not answer.
    """
    bundle = None
    if model == project.spec.name:
        bundle, _ = champion_of(project, registry)
    elif registry is not None and (version := champion(registry, model)) is not None:
        bundle = load_bundle(registry.fetch(version, bundles_of(project.root)))
    if bundle is None:
        raise DataMissingError(bundles_of(project.root), f"train {model} before its labels")
    return bundle.contract


def import_file(
    path: Path,
    folder: Path,
    model: str,
    contract: Contract,
    read: Callable[[Path], Mapping[str, Sequence[Any]]],
    *,
    source: str,
    now: datetime,
    dry_run: bool = False,
) -> Imported:
    """Keep the labels of a CSV, Parquet or JSON lines file: all of them, or none.

    Args:
        path: with `prediction_id`, `label` and maybe `time`.
        folder: of the prediction log.
        model: whose predictions they are of.
        contract: of the model.
        read: the file's columns.
        source: who brings them.
        now: UTC.
        dry_run: check alone.

    Raises:
        DataError: the file is not there, cannot be read, or rows break a rule.
        StorageError: the labels cannot be written; none are kept then.
        ExtraMissingError: the database is not installed.
    """
    if not path.is_file():
        raise DataMissingError(path, "name a CSV, Parquet or JSON lines file")
    labels = read_labels(read(path), contract, path)
    return import_labels(folder, model, contract, labels, source=source, now=now, dry_run=dry_run)


@dataclass(frozen=True)
class LabelCounts:
    """How many predictions have a label.

    Attributes:
        version: label of the version; None for all.
        predictions: that are logged, the shadow's left out.
        labelled: those with a label.
        late: those of them whose label was known later than the window that was asked for.
        median_delay_s: from prediction to label, seconds; None without labels.
    """

    version: str | None
    predictions: int
    labelled: int
    late: int
    median_delay_s: float | None


@dataclass(frozen=True)
class LabelStatus:
    """What there is of labels.

    Attributes:
        model: of which.
        labels: predictions that something was said of.
        duplicated: labels that say once more what was said before.
        corrected: predictions of which different things were said.
        unmatched: labels whose prediction is not logged: expired, not sampled, or never made.
        late_after_s: what counts as late, seconds.
        all, versions: of the predictions.
    """

    model: str
    labels: int
    duplicated: int
    corrected: int
    unmatched: int
    late_after_s: float
    all: LabelCounts
    versions: tuple[LabelCounts, ...]

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {
            **vars(self),
            "all": vars(self.all),
            "versions": [vars(each) for each in self.versions],
        }


def status(
    folder: Path, model: str | None, late_after_s: float, database: LogDatabase
) -> LabelStatus:
    """Count labels, and what they are of.

    Args:
        folder: of the prediction log.
        model: may be left out if there is only one.
        late_after_s: seconds after which a label is late.
        database: that reads.

    Raises:
        LogQueryError: there is no such model, or the log cannot be read.
        ExtraMissingError: the database is not installed.
    """
    chosen = the_model(folder, model)
    counts = ask(
        folder,
        "SELECT version, count(*), count(label), "  # noqa: S608 (a number)
        f"count(*) FILTER (labelled_at > time + to_microseconds({round(late_after_s * 1e6)})), "
        "median(epoch_us(labelled_at) - epoch_us(time)) / 1e6 "
        "FROM predictions WHERE route <> 'shadow' "
        "GROUP BY GROUPING SETS ((), (version)) ORDER BY version NULLS FIRST",
        database,
        chosen,
    )
    every, *versions = [LabelCounts(*row) for row in counts.rows]
    labels = ask(
        folder,
        "SELECT count(*), coalesce(sum(sent - corrections - 1), 0)::BIGINT, "
        "count(*) FILTER (corrections > 0), count(*) FILTER (NOT EXISTS "
        "(FROM predictions WHERE predictions.prediction_id = labels.prediction_id)) FROM labels",
        database,
        chosen,
    )
    ((count, duplicated, corrected, unmatched),) = labels.rows
    return LabelStatus(
        chosen, count, duplicated, corrected, unmatched, late_after_s, every, tuple(versions)
    )
