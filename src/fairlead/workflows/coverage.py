"""Gives a trained candidate its intervals or sets, and measures how often they hold the truth."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fairlead.bundle.conformal import ProvedConformal, prove_conformal
from fairlead.evaluation.coverage import Coverage, Covered, Kind, measure_coverage
from fairlead.evaluation.coverage_figure import coverage_png
from fairlead.evaluation.drawing import write
from fairlead.evaluation.slices import Cut, cut
from fairlead.graph.runtime import Session
from fairlead.project.columns import ColumnSpec
from fairlead.training.coverage import Calibrated, calibrate, obstacle
from fairlead.training.fitting import OutOfSample, Prediction, Trained

if TYPE_CHECKING:
    from fairlead.workflows.experiment import Experiment, Scored

FIGURE = "coverage.png"
QUARTERS_OF = "prediction"
"""What the slices by the size of the prediction are called."""


@dataclass(frozen=True)
class Conformed:
    """A candidate's intervals or sets.

    Attributes:
        coverage: what they are worth, or why there are none; None where none were asked for.
        proved: their graph; None where there are none.
    """

    coverage: Coverage | None = None
    proved: ProvedConformal | None = None

    def to_json(self) -> dict[str, Any]:
        """`coverage`, as manifest and report keep it; nothing where none were asked for."""
        if self.coverage is None:
            return {}
        method = self.proved.conformal.method if self.proved else None
        return {"coverage": {**self.coverage.to_dict(), "method": method}}

    def draw(self, folder: Path, title: str, unit: str | None) -> None:
        """Write the picture, or remove that of an earlier training.

        Raises:
            StorageError: the file cannot be written.
        """
        path = folder / FIGURE
        if self.coverage is not None and self.proved is not None:
            write(coverage_png(self.coverage, title=title, unit=unit), path)
        else:
            path.unlink(missing_ok=True)


def conform(experiment: Experiment, trained: Trained, scored: Scored) -> Conformed:
    """Calibrate on out-of-fold predictions, prove, and measure on those and on the holdout.

    In cross-validation the rows of a fold are judged by what the other folds calibrate; on the
    holdout the graph is judged that is shipped.

    Args:
        experiment: the rows, the folds, the slices, and the coverage if one is asked for.
        trained: the candidate.
        scored: its graph and its predictions.

    Raises:
        ParityError: the graph gives something else than was calibrated.
    """
    target = experiment.spec.evaluation.coverage
    if target is None:
        return Conformed()
    contract, seed = experiment.dataset.contract, trained.fitted.candidate.seed
    kind: Kind = "set" if contract.classes else "interval"
    found = trained.out_of_fold[0]
    parts = _parts(experiment, found)
    why_not = obstacle(target, experiment.y, found, parts)
    if why_not:
        return Conformed(Coverage(target, kind, reason=why_not))
    X, y = experiment.X, experiment.y
    calibrated = calibrate(target, contract, X, y, found, parts, seed)
    model = Session(scored.graph.model)
    proved = prove_conformal(calibrated.conformal, contract, X, lambda rows: run(model, rows), seed)
    measured = _measured(experiment, calibrated, proved, scored)
    return Conformed(Coverage(target, kind, measured), proved)


def run(session: Session, X: NDArray[np.float64]) -> Prediction:
    """What a graph predicts for encoded rows."""
    outputs = session.run(X)
    return Prediction(outputs["prediction"][:, 0], outputs.get("probabilities"))


def _parts(experiment: Experiment, found: OutOfSample) -> list[NDArray[np.int64]]:
    """The out-of-fold rows of each fold, as positions among them."""
    tests = [fold.test for fold in experiment.coarse if fold.repeat == 0]
    return [np.flatnonzero(np.isin(found.rows, test)) for test in tests]


def _measured(
    experiment: Experiment, calibrated: Calibrated, proved: ProvedConformal, scored: Scored
) -> dict[str, tuple[Covered, ...]]:
    """`cv` and, where there is a holdout, `holdout` -> how often the truth was held."""
    cv = scored.parts["cv"][0]
    said = {"cv": calibrated.crossed}
    if "holdout" in scored.parts:
        (part,) = scored.parts["holdout"]
        X = experiment.dataset.X[experiment.holdout[part.rows]]
        inputs = proved.conformal.inputs(X, part.prediction)
        said["holdout"] = Session(proved.model).run(inputs)[proved.conformal.output]
    evaluation = experiment.spec.evaluation
    found = {}
    for source, beside in said.items():
        part = scored.parts[source][0]
        rows = experiment.rows(part, source)
        held, sizes = _held(experiment.dataset.y[rows], beside)
        found[source] = measure_coverage(
            held,
            sizes,
            [*(each.of(rows) for each in experiment.cuts), _own_cut(experiment, cv, part, rows)],
            min_rows=evaluation.min_slice_rows,
            groups=experiment.with_role("group", rows),
            seed=evaluation.cv.seed,
        )
    return found


def _held(truth: NDArray[Any], said: NDArray[Any]) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Whether each row's truth is held, and the width of its interval or the size of its set."""
    if said.dtype == np.bool_:
        return said[np.arange(len(truth)), truth], said.sum(axis=1, dtype=np.float64)
    return (said[:, 0] <= truth) & (truth <= said[:, 1]), said[:, 1] - said[:, 0]


def _own_cut(
    experiment: Experiment, cv: OutOfSample, part: OutOfSample, rows: NDArray[np.int64]
) -> Cut:
    """Rows by their true class, or by the quarter that the prediction is in, out of fold."""
    contract = experiment.dataset.contract
    if contract.classes:
        return Cut(contract.target.name, contract.classes, experiment.dataset.y[rows])
    known, own = cv.prediction.values, part.prediction.values
    both, first = np.concatenate([known, own]), np.arange(len(known))
    quarters = cut(QUARTERS_OF, ColumnSpec(type="number"), both, first)
    return quarters.of(np.arange(len(known), len(both)))
