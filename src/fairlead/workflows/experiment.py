"""One training of a project: what all its candidates share, and what becomes of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairlead.bundle.making import ProvedGraph, compile_and_prove, make_bundle
from fairlead.bundle.manifest import to_json
from fairlead.bundle.measure import Measurements, measure
from fairlead.data.enforcement import Dataset
from fairlead.data.splits import holdout_split
from fairlead.errors import EvaluationError, FairleadError, TrainingError
from fairlead.evaluation.comparison import Comparison, compare
from fairlead.evaluation.figures import draw_figures
from fairlead.evaluation.leaderboard import Entry, Leaderboard
from fairlead.evaluation.records import EvaluationReport, Predictions
from fairlead.evaluation.report import evaluate
from fairlead.evaluation.slices import SliceScore, cut, score_slices
from fairlead.graph.runtime import Session
from fairlead.project.loading import Project
from fairlead.project.spec import CandidateSpec
from fairlead.storage import write_whole
from fairlead.training.cross_validation import folds, without_leaving_one_out
from fairlead.training.fitting import Candidate, OutOfSample, Prediction, Trained, train_all
from fairlead.workflows.provenance import provenance
from fairlead.workflows.store import LEADERBOARD, REPORTS, bundle_store, results_folder

PER_CLASS = ("precision", "recall")
BASELINE = "(baseline)"
"""No candidate can be called so."""


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
    """

    entry: Entry
    bundle: Path
    parameters: Mapping[str, Any]
    measurements: Measurements
    figures: Path
    out_of_fold: tuple[OutOfSample, ...]


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
        layout: the folds, as positions among the training rows.
        origin: where the models come from, as JSON values.

    Raises:
        DataInvalidError: the rows cannot be split into training rows and holdout.
        FoldsError: the training rows cannot be cut into folds.
    """

    def __init__(self, project: Project, dataset: Dataset) -> None:
        spec = project.spec
        self.project, self.dataset, self.spec = project, dataset, spec
        self.train, self.holdout = holdout_split(spec.data.split, dataset)
        self.X, self.y = dataset.X[self.train], dataset.y[self.train]
        groups, times = (self._with_role(role, self.train) for role in ("group", "time"))
        self.layout = folds(spec.evaluation.cv, self.y, groups, times)
        per_class = PER_CLASS if spec.task == "classification" else ()
        self.metrics = (spec.evaluation.metric, *spec.evaluation.also, *per_class)
        self.origin = {
            **provenance(project.root),
            "data_fingerprint": dataset.fingerprint,
            "spec_digest": project.digest,
            "seed": spec.evaluation.cv.seed,
            "training_rows": len(self.train),
            "holdout_rows": len(self.holdout),
        }
        self.cuts = [
            cut(name, spec.data.columns[name], self._column(name), self.train)
            for name in spec.evaluation.slices
        ]
        self.results = results_folder(project)

    def _column(self, name: str) -> NDArray[Any]:
        """The values of a column, whether it is a feature or not."""
        if name in self.dataset.others:
            return self.dataset.others[name]
        return self.dataset.X[:, list(self.dataset.contract.columns).index(name)]

    def _with_role(self, role: str, rows: NDArray[np.int64]) -> NDArray[Any] | None:
        """What the column with this role holds in some rows; None if there is none."""
        name = self.dataset.roles.get(role)
        return None if name is None else self.dataset.others[name][rows]

    def finish(self, trained: Trained) -> Finished:
        """Prove a trained candidate, evaluate it, write its bundle and measure it.

        Raises:
            FairleadError: one of these steps failed; there is no bundle.
        """
        fitted, candidate = trained.fitted, trained.fitted.candidate
        scored = self._score(trained)
        reports = scored.reports
        metrics = {source: report.to_dict() for source, report in reports.items()}
        slices = {
            source: [score.to_dict() for score in self._score_slices(parts, source)]
            for source, parts in scored.parts.items()
            if source != "oob" and self.cuts
        }
        bundle = make_bundle(
            bundle_store(self.project),
            self.spec.name,
            fitted,
            scored.graph,
            self.X,
            metrics=metrics,
            slices=slices,
            provenance=self.origin,
            description=self.spec.description,
        )
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
            interpretability=candidate.family.interpretability,
            training_s=round(fitted.seconds, 4),
        )
        shown = "holdout" if "holdout" in reports else "cv"
        figures = self._draw(candidate.name, self._predictions(scored.parts[shown][0], shown))
        document = {"candidate": candidate.name, "metrics": metrics, "slices": slices}
        write_whole(self.results / REPORTS / f"{candidate.name}.json", to_json(document))
        parameters = candidate.parameters.model_dump(mode="json")
        return Finished(entry, bundle, parameters, measured, figures, trained.out_of_fold)

    def _score(self, trained: Trained) -> Scored:
        """Compile and prove a trained candidate, and evaluate it."""
        graph = compile_and_prove(trained.fitted, self.X)
        parts = {"cv": trained.out_of_fold}
        if len(self.holdout):
            parts["holdout"] = (self._on_holdout(graph.model),)
        out_of_bag = trained.fitted.out_of_bag()
        if out_of_bag:
            parts["oob"] = (out_of_bag,)
        reports = {source: self._evaluate(part, source) for source, part in parts.items()}
        return Scored(graph, parts, reports)

    def baseline(self) -> tuple[Entry, tuple[OutOfSample, ...]] | None:
        """Train and score what a model must beat, on the rows and folds of the candidates.

        With leave-one-out it has five folds instead: the row left out is of the class that has
        one row less, so the most frequent class of a balanced problem would never be right.

        Returns:
            Its line of the leaderboard, without costs, and its predictions in cross-validation;
            None where not even a constant can be fitted or scored.
        """
        evaluation, contract = self.spec.evaluation, self.dataset.contract
        absolute = evaluation.metric in ("mae", "mape")
        parameters = {"statistic": "median" if absolute else "mean"}
        spec = CandidateSpec.model_validate({"family": "dummy", **parameters})
        candidate = Candidate.of(BASELINE, spec, {}, evaluation.cv.seed)
        coarse = without_leaving_one_out(evaluation.cv, self.y)
        layout = self.layout if coarse == evaluation.cv else folds(coarse, self.y)
        result = train_all([candidate], contract, self.X, self.y, layout)[BASELINE]
        try:
            if isinstance(result, FairleadError):
                raise result
            reports = self._score(result).reports
        except (TrainingError, EvaluationError):
            return None
        entry = Entry(BASELINE, spec.family, reports["cv"], reports.get("holdout", {}))
        return entry, result.out_of_fold

    def _on_holdout(self, model: bytes) -> OutOfSample:
        """Score the holdout with the graph itself: what is shipped is what is measured."""
        outputs = Session(model).run(self.dataset.X[self.holdout])
        prediction = Prediction(outputs["prediction"][:, 0], outputs.get("probabilities"))
        return OutOfSample(np.arange(len(self.holdout)), prediction)

    def _rows(self, part: OutOfSample, source: str) -> NDArray[np.int64]:
        """Positions in the data set of the rows that were scored."""
        rows: NDArray[np.int64] = (self.holdout if source == "holdout" else self.train)[part.rows]
        return rows

    def _predictions(self, part: OutOfSample, source: str) -> Predictions:
        return Predictions(
            y_true=self.dataset.y[self._rows(part, source)],
            y_pred=part.prediction.values,
            y_prob=part.prediction.probabilities,
            classes=self.dataset.contract.classes,
        )

    def _evaluate(self, parts: Sequence[OutOfSample], source: str) -> EvaluationReport:
        return evaluate(
            [self._predictions(part, source) for part in parts],
            self.metrics,
            groups=self._with_role("group", self._rows(parts[0], source)),
            seed=self.spec.evaluation.cv.seed,
        )

    def _score_slices(self, parts: Sequence[OutOfSample], source: str) -> tuple[SliceScore, ...]:
        rows = self._rows(parts[0], source)
        return score_slices(
            [self._predictions(part, source) for part in parts],
            self.spec.evaluation.metric,
            [each.of(rows) for each in self.cuts],
            min_rows=self.spec.evaluation.min_slice_rows,
            groups=self._with_role("group", rows),
            seed=self.spec.evaluation.cv.seed,
        )

    def compare(
        self, a: Sequence[OutOfSample], b: Sequence[OutOfSample], source: str = "cv"
    ) -> Comparison:
        """Compare what two models predict for the same rows, by the metric that ranks."""
        return compare(
            [self._predictions(part, source) for part in a],
            [self._predictions(part, source) for part in b],
            self.spec.evaluation.metric,
            groups=self._with_role("group", self._rows(a[0], source)),
            seed=self.spec.evaluation.cv.seed,
        )

    def _draw(self, name: str, predictions: Predictions) -> Path:
        # Overwritten where they stand: another training of the project may be drawing too.
        folder = self.results / "figures" / name
        folder.mkdir(parents=True, exist_ok=True)
        draw_figures(predictions, folder, title=name, unit=self.spec.data.target.unit)
        return folder

    def leaderboard(
        self, finished: Mapping[str, Finished], failed: Mapping[str, FairleadError]
    ) -> Leaderboard:
        """All candidates, each compared with the best and with the baseline."""
        families = {name: spec.family for name, spec in self.spec.candidates.items()}
        entries = [result.entry for result in finished.values()]
        entries += [
            Entry(name=name, family=families[name], error=str(error))
            for name, error in failed.items()
        ]
        order = list(families)
        board = Leaderboard(
            task=self.spec.task,
            metric=self.spec.evaluation.metric,
            cv=self._validation(),
            entries=tuple(sorted(entries, key=lambda entry: order.index(entry.name))),
            unit=self.spec.data.target.unit,
            holdout=self._holdout_text(),
            select=self.spec.evaluation.select,
        )
        return self._with_comparisons(board, finished)

    def _with_comparisons(self, board: Leaderboard, finished: Mapping[str, Finished]) -> Leaderboard:
        """The leaderboard with each candidate compared with the best and with the baseline."""
        baseline, best = self.baseline(), board.best

        def compared(entry: Entry) -> Entry:
            if entry.error is not None:
                return entry
            own = finished[entry.name].out_of_fold
            others = None if best is None or entry == best else finished[best.name].out_of_fold
            return replace(
                entry,
                against_best=self.compare(own, others) if others else None,
                against_baseline=self.compare(own, baseline[1]) if baseline else None,
            )

        return replace(
            board,
            entries=tuple(map(compared, board.entries)),
            baseline=baseline[0] if baseline else None,
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
