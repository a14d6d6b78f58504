"""Gathers what the last training left behind into a report; trains nothing."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fairlead.bundle.manifest import MANIFEST
from fairlead.bundle.reading import load_bundle
from fairlead.errors import BundleError, DataError, DataInvalidError
from fairlead.evaluation.features import FeatureEffect
from fairlead.evaluation.leaderboard import Entry
from fairlead.evaluation.partial_dependence import Dependence, Floats, partial_dependence
from fairlead.evaluation.slices import SliceScore
from fairlead.evaluation.training_report.records import (
    CandidateResults,
    DataResults,
    TrainingResults,
)
from fairlead.models.explanation import from_document
from fairlead.project.loading import Project, spec_digest
from fairlead.storage import write_whole
from fairlead.workflows.check import check
from fairlead.workflows.evidence import recall
from fairlead.workflows.store import REPORTS, bundle_store, results_folder
from fairlead.workflows.training_record import AGAIN, TrainingRecord, last_training, studies_of

HTML = "report.html"
MARKDOWN = "report.md"
SHOWN_COLUMNS = 6
"""So many of the columns that matter most are varied for partial dependence."""
SAMPLE_ROWS = 200
STUDIES = ("leaderboard.png", "importance.png", "ablation.png", "learning_curve.png")


@dataclass(frozen=True, eq=False)
class Report:
    """The report on a project's last training.

    Attributes:
        results: what is known of it.
        folder: where the training wrote its own files.
    """

    results: TrainingResults
    folder: Path

    def html(self) -> str:
        """One page that needs no other file."""
        from fairlead.evaluation.training_report.page import report_page

        return report_page(self.results)

    def markdown(self, folder: Path | None = None) -> str:
        """A summary of one page.

        Args:
            folder: where it will lie, for the links to the pictures; the training's own.
        """
        from fairlead.evaluation.training_report.markdown import report_markdown

        place = Path(os.path.relpath(self.folder, folder or self.folder)).as_posix()
        return report_markdown(self.results, place)

    def write(self, html: Path | None = None, markdown: Path | None = None) -> tuple[Path, Path]:
        """Write both.

        Args:
            html: where the page goes; `report.html` beside the leaderboard.
            markdown: where the summary goes; `report.md` beside it.

        Returns:
            The two files.

        Raises:
            StorageError: one cannot be written.
        """
        html, markdown = html or self.folder / HTML, markdown or self.folder / MARKDOWN
        write_whole(html, self.html().encode())
        write_whole(markdown, self.markdown(markdown.parent).encode())
        return html, markdown


def report(project: Project) -> Report:
    """Gather what is known of a project's last training.

    Raises:
        DataMissingError: nothing was trained here yet.
        DataInvalidError: a file of the training is damaged, or the training did not end.
    """
    record, folder = last_training(project), results_folder(project)
    candidates = {
        entry.name: _candidate(project, record, entry) for entry in record.leaderboard.ranked
    }
    studies = studies_of(folder, record.created_at)
    selected = record.leaderboard.selected
    names = [
        name
        for name, made in zip(
            STUDIES,
            (True, studies.importance, studies.ablation, studies.learning_curves),
            strict=True,
        )
        if made
    ]
    results = TrainingResults(
        spec=record.spec,
        is_current=spec_digest(record.spec) == project.digest,
        created_at=record.created_at,
        board=record.leaderboard,
        candidates=candidates,
        data=_data(project, record, candidates),
        importance=studies.importance,
        ablation=studies.ablation,
        curves=studies.learning_curves,
        studied=tuple(studies.conclusions()),
        dependences=tuple(
            _dependences(project, record.bundles[selected.name], studies.importance)
            if selected
            else ()
        ),
        figures=_pictures(folder, names),
    )
    return Report(results, folder)


def _candidate(project: Project, record: TrainingRecord, entry: Entry) -> CandidateResults:
    digest = record.bundles.get(entry.name)
    if digest is None:
        return CandidateResults(entry)
    folder = results_folder(project)
    manifest = _json(bundle_store(project) / digest / MANIFEST)
    own = _json(folder / REPORTS / f"{entry.name}.json") or {}
    # A training that was stopped may have left the report of another bundle.
    own = own if own.get("bundle") == digest else {}
    evidence = recall(project.root, digest)
    source = evidence.source if evidence else "holdout" if entry.holdout else "cv"
    slices = own.get("slices", {}).get(source, ())
    pictures = folder / "figures" / entry.name
    return CandidateResults(
        entry,
        manifest,
        record.versions.get(entry.name),
        source,
        evidence.repeats[0] if evidence else None,
        tuple(map(SliceScore.from_dict, slices)),
        from_document(own.get("explanation")),
        _pictures(pictures, sorted(path.name for path in pictures.glob("*.png"))),
    )


def _json(path: Path) -> dict[str, Any] | None:
    """A file of the training; None if it is gone."""
    if not path.is_file():
        return None
    try:
        document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8", errors="replace"))
    except ValueError as error:
        raise DataInvalidError(path, "text that is not JSON", AGAIN) from error
    return document


def _pictures(folder: Path, names: Sequence[str]) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in names if (folder / name).is_file()}


def _data(
    project: Project, record: TrainingRecord, candidates: Mapping[str, CandidateResults]
) -> DataResults:
    """The data with what its check finds, if it is still that of the training."""
    as_it_was = Project(project.path, project.root, record.spec, spec_digest(record.spec))
    try:
        found = check(as_it_was)
    except DataError as error:
        return DataResults(absent=f"The data of the training cannot be shown: {error}.")
    known = {
        each.manifest["provenance"]["data_fingerprint"]
        for each in candidates.values()
        if each.manifest is not None
    }
    if known and found.data.fingerprint not in known:
        return DataResults(
            absent=(
                f"The data has changed since the training, and is not shown: "
                f"`{record.spec.data.path}` has fingerprint {found.data.fingerprint[:12]}…, it was "
                f"trained on {min(known)[:12]}…."
            )
        )
    return DataResults(found.data, found.quality)


def _dependences(
    project: Project, digest: str, importance: Sequence[FeatureEffect]
) -> Iterator[Dependence]:
    """Vary the columns that matter most, in rows of the bundle's own sample of the training."""
    path = bundle_store(project) / digest
    try:
        bundle = load_bundle(path)
    except BundleError:
        # Gone or damaged: the page says so.
        return
    import polars as pl

    from fairlead.bundle.manifest import REFERENCE

    X = bundle.encode(pl.read_parquet(path / REFERENCE))
    if len(X) > SAMPLE_ROWS:
        chosen = np.random.default_rng(0).choice(len(X), SAMPLE_ROWS, replace=False)
        X = X[np.sort(chosen)]

    def predict(rows: Floats) -> Floats:
        scores = bundle.score(rows)
        if scores.probabilities is None:
            return np.asarray(scores.prediction, np.float64)[:, None]
        return (
            scores.probabilities[:, 1:]
            if len(bundle.contract.classes) == 2
            else scores.probabilities
        )

    columns = list(bundle.contract.columns)
    worth = {
        each.feature: abs(each.comparison.difference.value)
        for each in importance
        if each.comparison is not None
    }
    first = sorted(columns, key=lambda name: -worth.get(name, 0.0))
    for name in first[:SHOWN_COLUMNS]:
        index = columns.index(name)
        found = partial_dependence(predict, X, index, name, bundle.contract.columns[name])
        if found is not None:
            yield found
