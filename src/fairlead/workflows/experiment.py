"""One training of a project: what all its candidates share, and what becomes of each."""

from __future__ import annotations

import math
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fairlead.bundle.making import ProvedGraph, compile_and_prove, make_bundle
from fairlead.bundle.measure import Measurements, measure
from fairlead.data.enforcement import Dataset
from fairlead.data.splits import holdout_split
from fairlead.errors import FairleadError
from fairlead.evaluation.figures import draw_figures
from fairlead.evaluation.leaderboard import Entry, Leaderboard
from fairlead.evaluation.records import EvaluationReport, Predictions
from fairlead.evaluation.report import evaluate
from fairlead.graph.runtime import Session
from fairlead.project.loading import Project
from fairlead.registry.port import ModelRegistry, RunTracker
from fairlead.registry.records import ModelVersion, RunRecord
from fairlead.training.cross_validation import Fold, folds
from fairlead.training.fitting import Fitted, Prediction, Trained
from fairlead.workflows.provenance import provenance
from fairlead.workflows.store import LEADERBOARD, bundle_store, results_folder, write_whole

PER_CLASS = ("precision", "recall")


@dataclass(frozen=True)
class Finished:
    """A candidate with its bundle and all its figures.

    Attributes:
        bundle: its folder.
        parameters: as the family took them, defaults included.
        reports: `cv`, and where there is one `holdout` and `oob` -> metrics.
        measurements: what it costs.
        interpretability: as its family says.
        seconds: time to fit it on all training rows.
        figures: folder with its pictures.
    """

    bundle: Path
    parameters: Mapping[str, Any]
    reports: Mapping[str, EvaluationReport]
    measurements: Measurements
    interpretability: Literal["high", "medium", "low"]
    seconds: float
    figures: Path


class Experiment:
    """The rows, folds and metrics that all candidates of one training share."""

    def __init__(self, project: Project, dataset: Dataset) -> None:
        spec = project.spec
        self.project, self.dataset, self.spec = project, dataset, spec
        self.train, self.holdout = holdout_split(spec.data.split, dataset)
        self.groups = self._with_role("group")
        self.layout: list[Fold] = folds(
            spec.evaluation.cv,
            dataset.y[self.train],
            None if self.groups is None else self.groups[self.train],
            self._training_times(),
        )
        per_class = PER_CLASS if spec.task == "classification" else ()
        self.metrics = tuple(
            dict.fromkeys((spec.evaluation.metric, *spec.evaluation.also, *per_class))
        )
        self.origin = {
            **provenance(project.root),
            "data_fingerprint": dataset.fingerprint,
            "spec_digest": project.digest,
            "seed": spec.evaluation.cv.seed,
            "training_rows": len(self.train),
            "holdout_rows": len(self.holdout),
        }
        self.results = results_folder(project)

    def _with_role(self, role: str) -> NDArray[Any] | None:
        for name, column in self.spec.data.columns.items():
            if column.role == role:
                return self.dataset.others[name]
        return None

    def _training_times(self) -> NDArray[Any] | None:
        times = self._with_role("time")
        return None if times is None else times[self.train]

    def finish(self, trained: Trained) -> Finished:
        """Evaluate a trained candidate, prove it, write its bundle and measure it."""
        fitted = trained.fitted
        X = self.dataset.X[self.train]
        graph = compile_and_prove(fitted, X)
        cv = [
            self._predictions(self.train[part.rows], part.prediction)
            for part in trained.out_of_fold
        ]
        reports = {"cv": self._evaluate(cv, self.train[trained.out_of_fold[0].rows])}
        on_holdout = self._on_holdout(graph)
        if on_holdout:
            reports["holdout"] = self._evaluate([on_holdout], self.holdout)
        out_of_bag = self._out_of_bag(fitted)
        if out_of_bag:
            reports["oob"] = out_of_bag
        bundle = make_bundle(
            bundle_store(self.project),
            self.spec.name,
            fitted,
            graph,
            X,
            metrics={source: report.to_dict() for source, report in reports.items()},
            provenance=self.origin,
            description=self.spec.description,
        )
        return Finished(
            bundle=bundle,
            parameters=fitted.candidate.parameters.model_dump(mode="json"),
            reports=reports,
            measurements=measure(bundle),
            interpretability=fitted.candidate.family.interpretability,
            seconds=fitted.seconds,
            figures=self._draw(fitted.candidate.name, on_holdout or cv[0]),
        )

    def _draw(self, name: str, predictions: Predictions) -> Path:
        folder = self.results / "figures" / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        draw_figures(predictions, folder, title=name, unit=self.spec.data.target.unit)
        return folder

    def _predictions(self, rows: NDArray[np.int64], prediction: Prediction) -> Predictions:
        return Predictions(
            y_true=self.dataset.y[rows],
            y_pred=prediction.values,
            y_prob=prediction.probabilities,
            classes=self.dataset.contract.classes,
        )

    def _evaluate(
        self, predictions: Sequence[Predictions], rows: NDArray[np.int64]
    ) -> EvaluationReport:
        groups = None if self.groups is None else self.groups[rows]
        return evaluate(predictions, self.metrics, groups=groups, seed=self.spec.evaluation.cv.seed)

    def _on_holdout(self, graph: ProvedGraph) -> Predictions | None:
        """Score the holdout with the graph itself: what is shipped is what is measured."""
        if not len(self.holdout):
            return None
        outputs = Session(graph.model).run(self.dataset.X[self.holdout])
        prediction = Prediction(outputs["prediction"][:, 0], outputs.get("probabilities"))
        return self._predictions(self.holdout, prediction)

    def _out_of_bag(self, fitted: Fitted) -> EvaluationReport | None:
        votes = fitted.out_of_bag()
        if votes is None:
            return None
        basis = votes.values if votes.probabilities is None else votes.probabilities[:, 0]
        voted = ~np.isnan(basis)
        probabilities = None if votes.probabilities is None else votes.probabilities[voted]
        rows = self.train[voted]
        return self._evaluate(
            [self._predictions(rows, Prediction(votes.values[voted], probabilities))], rows
        )

    def leaderboard(
        self, finished: Mapping[str, Finished], failed: Mapping[str, FairleadError]
    ) -> Leaderboard:
        """All candidates, to be ranked by cross-validation."""
        entries = [
            _entry(name, spec.family, finished[name])
            if name in finished
            else Entry(name=name, family=spec.family, error=str(failed[name]))
            for name, spec in self.spec.candidates.items()
            if name in finished or name in failed
        ]
        return Leaderboard(
            task=self.spec.task,
            metric=self.spec.evaluation.metric,
            cv=self._validation(),
            entries=tuple(entries),
            unit=self.spec.data.target.unit,
            holdout=self._holdout_text(),
        )

    def _validation(self) -> str:
        cv = self.spec.evaluation.cv
        kind = {
            "leave_one_out": "leave-one-out",
            "kfold": f"{cv.folds}-fold",
            "stratified": f"stratified {cv.folds}-fold",
            "group": f"{cv.folds}-fold by group",
            "time": f"{cv.folds}-fold forward in time",
        }[cv.kind]
        repeated = f", {cv.repeats} times" if cv.repeats > 1 else ""
        return f"{kind}{repeated}, {len(self.train):,} rows"

    def _holdout_text(self) -> str | None:
        if not len(self.holdout):
            return None
        split = self.spec.data.split
        return f"{split.kind} {split.holdout:.0%}, {len(self.holdout):,} rows"

    def write(self, leaderboard: Leaderboard) -> None:
        """Leave the leaderboard as JSON, Markdown and a picture."""
        write_whole(self.results / f"{LEADERBOARD}.json", leaderboard.to_json().encode())
        write_whole(self.results / f"{LEADERBOARD}.md", leaderboard.markdown().encode())
        leaderboard.figure(self.results / f"{LEADERBOARD}.png")

    def register(
        self,
        registry: ModelRegistry,
        tracker: RunTracker | None,
        finished: Mapping[str, Finished],
    ) -> dict[str, ModelVersion]:
        """Log a run per candidate and register its bundle under the candidate's alias."""
        tags = {
            "project": self.spec.name,
            **{
                name: str(self.origin[name])
                for name in ("data_fingerprint", "spec_digest", "git_commit", "git_dirty")
                if self.origin[name] is not None
            },
        }
        parent = tracker.start("training", tags) if tracker else None
        versions = {}
        for name, result in finished.items():
            own = {**tags, "candidate": name, "family": self.spec.candidates[name].family}
            run = None
            if tracker:
                run = tracker.log_run(self._record(name, result, own), parent_id=parent)
            versions[name] = registry.register(
                self.spec.name, result.bundle, run_id=run, tags=own, aliases=(name,)
            )
        if tracker and parent:
            tracker.finish(parent)
        return versions

    def _record(self, name: str, result: Finished, tags: Mapping[str, str]) -> RunRecord:
        metrics, errors = {}, {}
        for source, report in result.reports.items():
            for metric, estimate in report.items():
                # MLflow takes no brackets: recall[setosa] becomes recall.setosa.
                key = f"{source}_{metric}".replace("[", ".").replace("]", "")
                if estimate.is_defined:
                    metrics[key] = estimate.value
                if math.isfinite(estimate.standard_error):
                    errors[key] = estimate.standard_error
        metrics |= {**asdict(result.measurements), "training_s": result.seconds}
        return RunRecord(
            candidate=name,
            parameters={"family": tags["family"], "seed": self.origin["seed"], **result.parameters},
            metrics=metrics,
            standard_errors=errors,
            tags=tags,
            artifacts=result.figures,
        )


def _entry(name: str, family: str, result: Finished) -> Entry:
    return Entry(
        name=name,
        family=family,
        cv=result.reports["cv"],
        holdout=result.reports.get("holdout", {}),
        oob=result.reports.get("oob", {}),
        latency_p50_us=result.measurements.latency_p50_us,
        latency_p99_us=result.measurements.latency_p99_us,
        size_bytes=result.measurements.size_bytes,
        memory_bytes=result.measurements.memory_bytes,
        interpretability=result.interpretability,
        training_s=round(result.seconds, 4),
    )
