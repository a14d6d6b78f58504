"""One training of a project: what all its candidates share, and what becomes of each."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairlead.bundle.making import ProvedGraph, compile_and_prove, make_bundle
from fairlead.bundle.manifest import ENVIRONMENT, MANIFEST, PROJECT, to_json
from fairlead.bundle.measure import Measurements, measure
from fairlead.data.enforcement import Dataset
from fairlead.data.fetch import sha256_of
from fairlead.data.frames import values_of
from fairlead.data.further import GATES, TRAINED, Further, join
from fairlead.data.splits import holdout_split
from fairlead.data.versions import data_version
from fairlead.errors import FairleadError
from fairlead.evaluation.comparison import Comparison, compare
from fairlead.evaluation.figures import draw_figures
from fairlead.evaluation.leaderboard import Entry
from fairlead.evaluation.records import EvaluationReport, Predictions
from fairlead.evaluation.report import evaluate
from fairlead.evaluation.slices import SliceScore, score_slices
from fairlead.graph.runtime import Session
from fairlead.models.explanation import to_document
from fairlead.project.loading import Project, canonical_json
from fairlead.project.spec import CrossValidationSpec
from fairlead.storage import write_whole
from fairlead.training.cross_validation import Fold, block_of, folds, without_leaving_one_out
from fairlead.training.fitting import Candidate, OutOfSample, Trained, cross_validate
from fairlead.training.nesting import Nesting
from fairlead.training.search import SearchResult
from fairlead.workflows.coverage import Conformed, conform, run
from fairlead.workflows.cuts import cuts_of
from fairlead.workflows.environment import environment_of
from fairlead.workflows.evidence import Evidence, keep
from fairlead.workflows.provenance import provenance
from fairlead.workflows.sample import Sample
from fairlead.workflows.store import REPORTS, bundle_store, results_folder

PER_CLASS = ("precision", "recall")
KEPT = ("metrics", "slices", "coverage")
"""What a candidate's report has of its manifest."""


@dataclass(frozen=True)
class Finished:
    """A candidate with its bundle and all its figures.

    Attributes:
        entry: its line of the leaderboard.
        bundle: its folder.
        parameters: as the family took them, defaults included.
        measurements: what it costs.
        figures: folder with its pictures.
        out_of_fold: its predictions in cross-validation, one for each repeat.
        search: what has found its parameters; None where they are as written.
    """

    entry: Entry
    bundle: Path
    parameters: Mapping[str, Any]
    measurements: Measurements
    figures: Path
    out_of_fold: tuple[OutOfSample, ...]
    search: SearchResult | None = None


@dataclass(frozen=True)
class Scored:
    """A candidate that was compiled and scored, without a bundle.

    Attributes:
        graph: its proved graph.
        parts: `cv`, `holdout` and `oob`, where there are any -> the predictions.
        reports: the same -> metrics.
    """

    graph: ProvedGraph
    parts: Mapping[str, tuple[OutOfSample, ...]]
    reports: Mapping[str, EvaluationReport]


class Experiment:
    """The rows, folds and metrics that all candidates of one training share.

    Attributes:
        X, y: shape (n, d) and (n,), the training rows; nothing is learned from others.
        nesting: what folds within folds keep apart.
        layout: the folds, as positions among the training rows.
        coarse: the same folds, or five where `layout` leaves out one row at a time.
        metric: the metric that ranks.
        recent: positions of labelled rows that are only scored, if there are any.
        base_rows: rows of the project's own data; those behind them were predictions.
        origin: where the models come from, as JSON values.
        recipe: the files of a bundle that say how to make it again.

    Raises:
        DataInvalidError: the rows cannot be split into training rows and holdout.
        FoldsError: the training rows cannot be cut into folds.
    """

    def __init__(
        self,
        project: Project,
        dataset: Dataset,
        further: Further | None = None,
        place: Path | None = None,
    ) -> None:
        """Lay out a training.

        Args:
            project: whose candidates are trained.
            dataset: its data.
            further: labelled predictions that are trained on and scored, too.
            place: folder for bundles and results; that of the project if not given.
        """
        spec = project.spec
        self.project, self.spec, self.further = project, spec, further
        self.train, self.holdout = holdout_split(spec.data.split, dataset)
        self.base_rows, self.recent = len(dataset.y), self.train[:0]
        cv = spec.evaluation.cv
        if further is not None:
            dataset = self._joined(dataset, further)
        self.dataset = dataset
        self.X, self.y = dataset.X[self.train], dataset.y[self.train]
        if further is not None:
            # One fit for each prediction of a quarter would take for ever.
            cv = without_leaving_one_out(cv, self.y)
        self.layout, groups = self.lay_out(cv)
        self.nesting = self.within(cv, groups)
        coarse = without_leaving_one_out(cv, self.y)
        self.coarse = self.layout if coarse is cv else folds(coarse, self.y)
        self.metric = spec.evaluation.metric
        per_class = PER_CLASS if spec.task == "classification" else ()
        self.metrics = (self.metric, *spec.evaluation.also, *per_class)
        environment = environment_of(project.root)
        self.recipe = {PROJECT: canonical_json(spec), ENVIRONMENT: to_json(environment)}
        self.origin = {
            **provenance(project.root, environment),
            "project_file": project.path.name,
            "data_version": data_version(project.root, spec.data.path),
            "data_fingerprint": dataset.fingerprint,
            "data_sha256": sha256_of(project.root / spec.data.path),
            "data_rows": dataset.report.rows_read,
            "spec_digest": project.digest,
            "seed": cv.seed,
            "training_rows": len(self.train),
            "holdout_rows": len(self.holdout),
        }
        if further is not None:
            self.origin["labelled"] = further.to_json()
        self.cuts = cuts_of(spec, self.dataset, self.train)
        self.results = results_folder(project) if place is None else place / "results"
        self.store = bundle_store(project) if place is None else place / "bundles"

    def _joined(self, dataset: Dataset, further: Further) -> Dataset:
        """The data with the labelled rows behind it; the holdout stays what it was."""
        joined = join(dataset, self.train, further)
        new = self.base_rows + np.flatnonzero(further.rows.part == TRAINED)
        self.train = new if further.recipe == "recent" else np.concatenate([self.train, new])
        self.recent = self.base_rows + further.rows.newest(GATES)
        return joined

    def lay_out(self, cv: CrossValidationSpec) -> tuple[list[Fold], NDArray[Any] | None]:
        """Cut the training rows into folds; with the groups whose rows stay together, if any.

        Raises:
            FoldsError: they cannot be cut so.
        """
        groups = self.with_role("group", self.train)
        if cv.kind == "blocks":
            places = np.column_stack(
                [values_of(self.dataset, name)[self.train] for name in cv.blocks]
            )
            groups = block_of(list(cv.blocks.values()), places)
        return folds(cv, self.y, groups, self.with_role("time", self.train)), groups

    def within(self, cv: CrossValidationSpec, groups: NDArray[Any] | None) -> Nesting:
        """What folds within the folds of `lay_out` keep apart."""
        return Nesting.of(cv, groups, self.with_role("time", self.train))

    def cross_validate(
        self,
        candidates: Sequence[Candidate],
        layout: Sequence[Fold],
        jobs: int,
        nesting: Nesting | None = None,
    ) -> dict[str, tuple[OutOfSample, ...] | FairleadError]:
        """What candidates predict on folds of the training rows; see `fairlead.training.fitting`.

        Args:
            candidates: what is fitted.
            layout: the folds.
            jobs: processes.
            nesting: what folds within them keep apart; that of the project's folds if not given.
        """
        return cross_validate(
            candidates,
            self.dataset.contract,
            self.X,
            self.y,
            layout,
            nesting=nesting or self.nesting,
            jobs=jobs,
        )

    def with_role(self, role: str, rows: NDArray[np.int64]) -> NDArray[Any] | None:
        """What the column with this role holds in some rows; None if there is none."""
        name = self.dataset.roles.get(role)
        return None if name is None else self.dataset.others[name][rows]

    @property
    def sample(self) -> Sample:
        """The training rows by themselves."""
        return Sample(
            contract=self.dataset.contract,
            X=self.X,
            y=self.y,
            groups=self.lay_out(self.spec.evaluation.cv)[1],
            times=self.with_role("time", self.train),
            cv=self.spec.evaluation.cv,
            metric=self.metric,
        )

    def bundle(
        self, trained: Trained, search: SearchResult | None = None
    ) -> tuple[Scored, Conformed, Path]:
        """Prove a trained candidate, evaluate it and write its bundle, whose folder is returned.

        Args:
            trained: the candidate.
            search: what has found its parameters, if anything has.

        Raises:
            FairleadError: one of these steps failed; there is no bundle.
        """
        scored = self.score(trained)
        metrics = {source: report.to_dict() for source, report in scored.reports.items()}
        slices = {
            source: [score.to_dict() for score in self._score_slices(parts, source)]
            for source, parts in scored.parts.items()
            if source != "oob" and self.cuts
        }
        conformed = conform(self, trained, scored)
        folder = make_bundle(
            self.store,
            self.spec.name,
            trained.fitted,
            scored.graph,
            self.X,
            metrics=metrics,
            slices=slices,
            provenance=self.origin,
            recipe=self.recipe,
            search=None if search is None else search.summary(),
            description=self.spec.description,
            conformal=conformed.proved,
            predicted=scored.parts["cv"][0].prediction.values,
            **conformed.to_json(),
        )
        return scored, conformed, folder

    def finish(self, trained: Trained, search: SearchResult | None = None) -> Finished:
        """Make a trained candidate's bundle, measure it, and keep its evidence and figures.

        Raises:
            FairleadError: one of these steps failed.
        """
        fitted, candidate = trained.fitted, trained.fitted.candidate
        scored, conformed, bundle = self.bundle(trained, search)
        reports = scored.reports
        shown = "holdout" if "holdout" in reports else "cv"
        if shown == "holdout" or self.further is None:
            # Out of fold, other rows than those of the project's data were scored, too.
            keep(self.project.root, bundle.name, self._evidence(scored.parts[shown], shown))
        measured = measure(bundle)
        entry = Entry(
            name=candidate.name,
            family=candidate.family_name,
            cv=reports["cv"],
            holdout=reports.get("holdout", {}),
            oob=reports.get("oob", {}),
            latency_p50_us=measured.latency_p50_us,
            latency_p99_us=measured.latency_p99_us,
            size_bytes=measured.size_bytes,
            memory_bytes=measured.memory_bytes,
            interpretability=candidate.interpretability,
            training_s=round(fitted.seconds, 4),
            coverage=conformed.coverage,
            digest=bundle.name,
        )
        figures = self._draw(candidate.name, self.predictions(scored.parts[shown][0], shown))
        conformed.draw(figures, candidate.name, self.spec.data.target.unit)
        learned = fitted.learned()
        manifest = json.loads((bundle / MANIFEST).read_bytes())
        kept = {key: manifest[key] for key in KEPT if key in manifest}
        document = {
            "candidate": candidate.name,
            "bundle": bundle.name,
            **learned,
            **kept,
            "explanation": to_document(fitted.explain()),
        }
        write_whole(self.results / REPORTS / f"{candidate.name}.json", to_json(document))
        recorded = {**candidate.recorded(), **learned}
        recorded.pop("members", None)
        parts = trained.out_of_fold
        return Finished(entry, bundle, recorded, measured, figures, parts, search)

    def _evidence(self, parts: Sequence[OutOfSample], source: str) -> Evidence:
        rows = self.rows(parts[0], source)
        groups = self.with_role("group", rows)
        return Evidence(
            source,
            self.dataset.fingerprint,
            self.dataset.rows[rows],
            [self.predictions(part, source) for part in parts],
            None if groups is None else np.unique(groups, return_inverse=True)[1],
        )

    def score(self, trained: Trained) -> Scored:
        """Compile and prove a trained candidate, and evaluate it.

        Raises:
            FairleadError: one of these steps failed.
        """
        graph = compile_and_prove(trained.fitted, self.X)
        parts = {"cv": trained.out_of_fold}
        for source, rows in (("holdout", self.holdout), ("recent", self.recent)):
            if len(rows):
                # By the graph itself: what is shipped is what is measured.
                prediction = run(Session(graph.model), self.dataset.X[rows])
                parts[source] = (OutOfSample(np.arange(len(rows)), prediction),)
        out_of_bag = trained.fitted.out_of_bag()
        if out_of_bag:
            parts["oob"] = (out_of_bag,)
        reports = {source: self.evaluate(part, source) for source, part in parts.items()}
        return Scored(graph, parts, reports)

    def rows(self, part: OutOfSample, source: str) -> NDArray[np.int64]:
        """Positions in the data set of the rows that were scored."""
        places = {"holdout": self.holdout, "recent": self.recent}
        rows: NDArray[np.int64] = places.get(source, self.train)[part.rows]
        return rows

    def predictions(self, part: OutOfSample, source: str = "cv") -> Predictions:
        """Predictions beside the truth; the source is `cv`, `holdout`, `recent` or `oob`."""
        return Predictions(
            y_true=self.dataset.y[self.rows(part, source)],
            y_pred=part.prediction.values,
            y_prob=part.prediction.probabilities,
            classes=self.dataset.contract.classes,
        )

    def evaluate(self, parts: Sequence[OutOfSample], source: str = "cv") -> EvaluationReport:
        """Score predictions by all metrics."""
        return evaluate(
            [self.predictions(part, source) for part in parts],
            self.metrics,
            groups=self.with_role("group", self.rows(parts[0], source)),
            seed=self.spec.evaluation.cv.seed,
        )

    def compare(self, a: Sequence[OutOfSample], b: Sequence[OutOfSample]) -> Comparison:
        """Compare what two models predicted in cross-validation, by the metric that ranks."""
        return compare(
            [self.predictions(part) for part in a],
            [self.predictions(part) for part in b],
            self.metric,
            groups=self.with_role("group", self.rows(a[0], "cv")),
            seed=self.spec.evaluation.cv.seed,
        )

    def _score_slices(self, parts: Sequence[OutOfSample], source: str) -> tuple[SliceScore, ...]:
        rows = self.rows(parts[0], source)
        return score_slices(
            [self.predictions(part, source) for part in parts],
            self.metric,
            [each.of(rows) for each in self.cuts],
            min_rows=self.spec.evaluation.min_slice_rows,
            groups=self.with_role("group", rows),
            seed=self.spec.evaluation.cv.seed,
        )

    def _draw(self, name: str, predictions: Predictions) -> Path:
        # Overwritten where they stand: another training of the project may be drawing too.
        folder = self.results / "figures" / name
        folder.mkdir(parents=True, exist_ok=True)
        draw_figures(predictions, folder, title=name, unit=self.spec.data.target.unit)
        return folder
