"""Trains challengers on labelled predictions, and chooses one by rows that none was trained on."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairlead.bundle.manifest import PROJECT
from fairlead.bundle.reading import Bundle, load_bundle
from fairlead.data.contract import Contract
from fairlead.data.enforcement import Dataset
from fairlead.data.further import CHOICE, GATES, TRAINED, Further, FurtherRows, Recipe
from fairlead.errors import FairleadError, TrainingError
from fairlead.evaluation.comparison import Comparison, compare
from fairlead.evaluation.metrics import find_metric
from fairlead.evaluation.records import Predictions
from fairlead.evaluation.report import evaluate
from fairlead.progress import Progress
from fairlead.project.loading import Project
from fairlead.project.spec import CandidateSpec
from fairlead.registry.gates import terms_of
from fairlead.training.fitting import Trained
from fairlead.workflows.experiment import Experiment, Finished
from fairlead.workflows.labelled_data import LabelledData
from fairlead.workflows.promotion_rows import recoded
from fairlead.workflows.train import make


@dataclass(frozen=True, eq=False)
class Challenger:
    """What one recipe has made.

    Attributes:
        recipe: how labelled predictions were trained on.
        experiment: what it was trained in.
        trained: the candidate.
        bundle: its folder, in the place of the experiment.
        value: the metric that ranks, on the rows that are kept to choose by.
    """

    recipe: Recipe
    experiment: Experiment
    trained: Trained
    bundle: Path
    value: float

    def finish(self) -> Finished:
        """Measure it, and keep its figures: only for the one that is put forward."""
        return self.experiment.finish(self.trained)


@dataclass(frozen=True, eq=False)
class Choice:
    """Challengers, and the one that is put forward.

    Attributes:
        best: by the rows that are kept to choose by.
        tried: recipe -> the metric that ranks on them, or why there is no such challenger.
    """

    best: Challenger
    tried: dict[Recipe, float | str]


def challengers(
    project: Project,
    dataset: Dataset,
    data: LabelledData,
    champion: Bundle,
    place: Path,
    *,
    jobs: int = 0,
    progress: Progress | None = None,
) -> Choice:
    """Train the champion's candidate by every recipe that makes sense, and choose.

    Args:
        project: whose candidate is trained.
        dataset: its data.
        data: the labelled predictions.
        champion: whose candidate, and parameters that a search has found, are taken.
        place: folder in which bundles and results go.
        jobs: processes; 0 takes one per core.
        progress: told how far it is.

    Raises:
        FairleadError: every recipe failed; the first one's error.
    """
    project, name = tuned(project, champion)
    if not all((data.rows.part == part).any() for part in (CHOICE, GATES)):
        raise TrainingError(name, f"{len(data.rows)} labelled predictions are too few to judge by")
    tried: dict[Recipe, float | str] = {}
    made: list[Challenger] = []
    first: FairleadError | None = None
    for recipe in recipes(data, len(dataset.y)):
        level = data.base_level if recipe == "levelled" else None
        further = Further(data.rows, recipe, 1.0 if level is None else level)
        try:
            experiment = Experiment(project, dataset, further, place / recipe)
            trained = make(experiment, name, lambda one: one, jobs=jobs, progress=progress)
            bundle = experiment.bundle(trained)[-1]
        except FairleadError as error:
            tried[recipe], first = str(error), first or error
            continue
        value = metric_on(project, load_bundle(bundle), data.rows, CHOICE)
        if not math.isfinite(value):
            tried[recipe] = "its metric is not defined on the rows that are kept to choose by"
            continue
        tried[recipe] = value
        made.append(Challenger(recipe, experiment, trained, bundle, value))
    if not made:
        raise first or TrainingError(name, next(iter(map(str, tried.values()))))
    greater = find_metric(project.spec.evaluation.metric, project.spec.task).better == "greater"
    # The simplest recipe of equals: they are tried in that order.
    best = max(made, key=lambda each: each.value if greater else -each.value)
    return Choice(best, tried)


def recipes(data: LabelledData, base_rows: int) -> Sequence[Recipe]:
    """The recipes that make sense: alone, labelled predictions must be as many as a tenth."""
    enough = int((data.rows.part == TRAINED).sum()) * 10 >= base_rows
    levelled: Sequence[Recipe] = ("levelled",) if data.base_level is not None else ()
    return ("all", *(("recent",) if enough else ()), *levelled)


def tuned(project: Project, champion: Bundle) -> tuple[Project, str]:
    """The project with what a search has found for the champion, and the candidate to train.

    Where the project file has no such candidate any more, it is the first one.
    """
    spec = project.spec
    name = champion.candidate
    if name not in spec.candidates:
        return project, next(iter(spec.candidates))
    if spec.candidates[name].search is None:
        return project, name
    # As it was recorded: a champion that was retrained has what was found written in its file.
    recorded = json.loads((champion.path / PROJECT).read_bytes())["candidates"].get(name)
    written = recorded or spec.candidates[name].model_dump(mode="json")
    found = champion.manifest.get("search", {}).get("found", {})
    taken = CandidateSpec.model_validate({**written, **found, "search": None})
    known = {**spec.candidates, name: taken}
    return replace(project, spec=spec.model_copy(update={"candidates": known})), name


def metric_on(project: Project, bundle: Bundle, rows: FurtherRows, part: int) -> float:
    """The metric that ranks, on the newest rows of a part."""
    metric = project.spec.evaluation.metric
    places = rows.newest(part)
    said = _predictions(bundle, rows.X[places], rows.y[places])
    return evaluate([said], [metric], resamples=0)[metric].value


def against(
    project: Project, contract: Contract, challenger: Bundle, champion: Bundle, rows: FurtherRows
) -> Comparison | None:
    """Challenger and champion on the newest rows that are kept for gates.

    Args:
        project: whose metric and confidence count.
        contract: by which the rows are encoded.
        challenger: trained by this contract.
        champion: maybe of another one.
        rows: the labelled rows.

    Returns:
        The comparison; None where the champion does not take these rows.
    """
    newest = rows.newest(GATES)
    X, taken = recoded(contract, champion.contract, rows.X[newest])
    if not taken.all() or champion.contract.classes != contract.classes:
        return None
    return compare(
        [_predictions(challenger, rows.X[newest], rows.y[newest])],
        [_predictions(champion, X, rows.y[newest])],
        project.spec.evaluation.metric,
        level=terms_of(project.spec).interval,
        seed=project.spec.evaluation.cv.seed,
    )


def _predictions(bundle: Bundle, X: NDArray[np.float64], y: NDArray[Any]) -> Predictions:
    classes = bundle.contract.classes
    said = bundle.score(X)
    values = said.prediction
    if classes:
        codes = {label: code for code, label in enumerate(classes)}
        values = np.array([codes[label] for label in values.tolist()], np.int64)
    return Predictions(y, values, said.probabilities, classes)
