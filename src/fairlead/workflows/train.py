"""Trains a project's candidates: data to leaderboard, bundles and registered versions."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from threadpoolctl import threadpool_limits

from fairlead import notebook
from fairlead.bundle.reading import Bundle, load_bundle
from fairlead.data.further import Further
from fairlead.errors import FairleadError, Problem, ProjectError
from fairlead.evaluation.leaderboard import Leaderboard
from fairlead.notebook import as_text
from fairlead.progress import Progress
from fairlead.project.loading import Project
from fairlead.registry.decisions import Decision
from fairlead.registry.moves import Act
from fairlead.registry.port import ModelRegistry, RunTracker
from fairlead.registry.records import ModelVersion
from fairlead.training.fitting import Candidate, Trained, train_all
from fairlead.training.search import MakeSampler, SearchResult
from fairlead.workflows.crowning import crown
from fairlead.workflows.evidence import predictions_frame
from fairlead.workflows.experiment import Experiment, Finished
from fairlead.workflows.nested import check_inner_folds
from fairlead.workflows.ranking import rank
from fairlead.workflows.read import read
from fairlead.workflows.registration import register
from fairlead.workflows.searches import Searches
from fairlead.workflows.studies import Studies, study
from fairlead.workflows.traffic import this_actor
from fairlead.workflows.training_record import keep
from fairlead.workflows.validations import other_validations

if TYPE_CHECKING:
    import polars as pl


Made = TypeVar("Made")


class Silent:
    """Tells nothing."""

    def start(self, totals: Mapping[str, int]) -> None:
        """Ignore it."""

    def advance(self, candidate: str, steps: int) -> None:
        """Ignore it."""

    def note(self, candidate: str, text: str) -> None:
        """Ignore it."""


@dataclass(frozen=True)
class TrainingResult:
    """What a training has made.

    Attributes:
        project: what was trained.
        leaderboard: every candidate with its figures, the best first.
        bundles: candidate -> folder of its bundle.
        versions: candidate -> registered version; empty without a registry.
        champion: the champion after the training; None without a registry, or where the first one
            does not keep the bounds.
        decision: on the first champion; None where there was one already.
        studies: what features and rows are worth.
        searches: candidate -> all that was tried for it.
    """

    project: Project
    leaderboard: Leaderboard
    bundles: Mapping[str, Path]
    versions: Mapping[str, ModelVersion] = field(default_factory=dict)
    champion: ModelVersion | None = None
    decision: Decision | None = None
    studies: Studies = field(default_factory=Studies)
    searches: Mapping[str, SearchResult] = field(default_factory=dict)

    def bundle(self, candidate: str | None = None) -> Bundle:
        """Load a candidate's bundle; without a name, that of the one put forward.

        Raises:
            ProjectError: no such candidate was trained.
        """
        return load_bundle(self._folder(candidate))

    def predictions(self, candidate: str | None = None) -> pl.DataFrame:
        """What a candidate predicted for rows it never saw: the holdout, or by cross-validation.

        Args:
            candidate: its name; if not given, the one put forward.

        Returns:
            One row each, with `row` (its number in the file), `true`, `predicted` and, of a
            classifier with probabilities, `P(<class>)`; where cross-validation was repeated, one
            row for each `repeat`.

        Raises:
            ProjectError: no such candidate was trained.
            DataMissingError: the predictions were removed since.
        """
        return predictions_frame(self.project.root, self._folder(candidate).name)

    def _folder(self, candidate: str | None) -> Path:
        first = self.leaderboard.selected or self.leaderboard.ranked[0]
        name = candidate or first.name
        if name not in self.bundles:
            known = f"one that was trained: {', '.join(self.bundles)}"
            raise ProjectError(self.project.path, (Problem("candidates", name, known),))
        return self.bundles[name]

    def __repr__(self) -> str:
        return as_text(self.leaderboard.render(), "", *self.remarks())

    def _repr_html_(self) -> str:
        return notebook.view(
            self.project.spec.name,
            self.leaderboard._repr_html_(),
            notebook.lines(self.remarks()),
        )

    def remarks(self) -> list[str]:
        """What follows from the training, as sentences."""
        return [*self.studies.conclusions(), self.outcome]

    @property
    def outcome(self) -> str:
        """Who is champion now, as a sentence."""
        if self.champion is None and self.decision is not None:
            missed = self.decision.named("fail", "inconclusive")
            return (
                f"No champion: {self.decision.candidate} (version {self.decision.version}) does "
                f"not keep {', '.join(missed)}. It is the challenger: train a better one, change "
                "`promotion.gates`, or `fairlead promote challenger --force --reason TEXT`."
            )
        if self.champion is None:
            return "Not registered."
        shown = f"{self.champion.candidate} (version {self.champion.version})"
        if self.decision is not None and self.decision.promoted:
            return f"Champion: {shown}, the first one, by cross-validation."
        return (
            f"Champion is still {shown}; the {self.leaderboard.select} of this training is the "
            "challenger."
        )


def train(
    project: Project,
    *,
    registry: ModelRegistry | None = None,
    tracker: RunTracker | None = None,
    only: Sequence[str] = (),
    jobs: int = 0,
    learning_curve: bool = False,
    ablation: bool = False,
    nested: bool = False,
    trials: int | None = None,
    timeout_s: float | None = None,
    make_sampler: MakeSampler | None = None,
    progress: Progress | None = None,
    now: datetime | None = None,
    actor: str | None = None,
) -> TrainingResult:
    """Train, evaluate, compile, prove and register a project's candidates.

    The holdout is split off first; cross-validation, fitting and the choice of the best candidate
    see the training rows only.

    Args:
        project: a loaded project.
        registry: where versions go; None keeps the bundles in `.fairlead/bundles` only.
        tracker: where runs are logged; None logs none.
        only: candidates to train; all of them if empty.
        jobs: processes; 0 takes one per core.
        learning_curve: fit growing parts of the rows too, whatever the project file says.
        ablation: fit the candidate put forward without each feature too.
        nested: repeat the whole training inside every fold too.
        trials: for every search instead of its own number, and for the candidates in `only` even
            where the file asks for none; 0 skips the searches.
        timeout_s: for every search instead of its own, seconds.
        make_sampler: who proposes parameters; without one nothing can be searched.
        progress: told how far it is.
        now: when aliases move, for the ledger, UTC; the present time if not given.
        actor: who trains, as `user@host`; whoever runs this process if not given.

    Returns:
        Leaderboard, bundles and versions. A candidate that fails is listed with its error.

    Raises:
        DataError: the data is missing, damaged, or breaks the contract.
        ExtraMissingError: there is something to search, and nobody to propose.
        KeyboardInterrupt: during a search, with a sentence that says how to go on.
        RegistryUnavailableError: the registry does not answer; nothing was trained.
        FairleadError: every candidate failed; the first one's error.
    """
    jobs = jobs or os.cpu_count() or 1
    experiment = Experiment(project, read(project))
    written = _candidates(project, only)
    searches = Searches.of(experiment, written, only, trials, timeout_s, make_sampler)
    wanted = project.spec.evaluation
    if nested or wanted.nested:
        check_inner_folds(experiment)
    if registry is not None:
        # Asked now: a training must not fail at its end because a server is down.
        registry.versions(project.spec.name)
    act = Act(actor or this_actor(), now or datetime.now(UTC), "training")
    progress = progress or Silent()
    candidates, found, hopeless = searches.run(written, jobs, progress)

    def finish(trained: Trained) -> Finished:
        return experiment.finish(trained, found.get(trained.fitted.candidate.name))

    finished, failed = _build(experiment, candidates, hopeless, jobs, progress, finish)
    with threadpool_limits(1):
        trained = [candidate for candidate in candidates if candidate.name in finished]
        validations = other_validations(experiment, trained, jobs)
        repeated = None
        if nested or wanted.nested:
            sound = [candidate for candidate in written if candidate.name in finished]
            repeated = searches.nested(sound, jobs, progress)
        leaderboard = rank(experiment, finished, failed, validations, repeated)
    bundles = {name: one.bundle for name, one in finished.items()}
    made = TrainingResult(project, leaderboard, bundles, searches=found)
    if registry is not None:
        made = _registered(made, experiment, finished, registry, tracker, act)
    with threadpool_limits(1):
        studies = study(
            experiment,
            leaderboard,
            trained,
            finished,
            jobs,
            learning_curve=learning_curve or wanted.learning_curve,
            ablation=ablation or wanted.ablation,
        )
    # Last of all: what it names is there.
    keep(experiment, made.bundles, made.versions)
    return replace(made, studies=studies)


def build(
    project: Project,
    candidate: str,
    *,
    further: Further | None = None,
    jobs: int = 0,
    progress: Progress | None = None,
) -> Path:
    """Train one candidate as `train` does and make its bundle, and no more: nothing is ranked.

    Args:
        project: a loaded project.
        candidate: its name.
        further: labelled predictions that it is trained on, too.
        jobs: processes; 0 takes one per core.
        progress: told how far it is.

    Returns:
        The bundle's folder.

    Raises:
        DataError: the data is missing, damaged, or breaks the contract.
        FairleadError: the candidate failed.
    """
    experiment = Experiment(project, read(project), further)
    return make(experiment, candidate, experiment.bundle, jobs=jobs, progress=progress)[-1]


def make(
    experiment: Experiment,
    candidate: str,
    finish: Callable[[Trained], Made],
    *,
    jobs: int = 0,
    progress: Progress | None = None,
) -> Made:
    """Train one candidate of an experiment; returns what `finish` makes of it.

    Raises:
        FairleadError: it failed.
    """
    candidates = _candidates(experiment.project, [candidate])
    jobs = jobs or os.cpu_count() or 1
    made, _ = _build(experiment, candidates, {}, jobs, progress or Silent(), finish)
    return made[candidate]


def _build(
    experiment: Experiment,
    candidates: Sequence[Candidate],
    hopeless: Mapping[str, FairleadError],
    jobs: int,
    progress: Progress,
    finish: Callable[[Trained], Made],
) -> tuple[dict[str, Made], dict[str, FairleadError]]:
    """Train and finish; candidate -> what came of it, and candidate -> why nothing did."""
    # Each fold, the fit on all rows, and the bundle are a step.
    progress.start({candidate.name: len(experiment.layout) + 2 for candidate in candidates})
    results = train_all(
        candidates,
        experiment.dataset.contract,
        experiment.X,
        experiment.y,
        experiment.layout,
        nesting=experiment.nesting,
        jobs=jobs,
        advance=progress.advance,
    )
    finished: dict[str, Made] = {}
    failed = dict(hopeless)
    for name, result in results.items():
        try:
            if isinstance(result, FairleadError):
                raise result
            with threadpool_limits(1):
                finished[name] = finish(result)
        except FairleadError as error:
            failed[name] = error
        progress.advance(name, 1)
    if not finished:
        raise next(iter(failed.values()))
    return finished, failed


def _registered(
    made: TrainingResult,
    experiment: Experiment,
    finished: Mapping[str, Finished],
    registry: ModelRegistry,
    tracker: RunTracker | None,
    act: Act,
) -> TrainingResult:
    """Register the bundles; the candidate put forward becomes champion or challenger."""
    versions = register(experiment, finished, registry, tracker, act)
    selected = made.leaderboard.selected
    if selected is None:
        return replace(made, versions=versions)
    best, cost = versions[selected.name], finished[selected.name].measurements
    made_of_it = crown(registry, experiment.project, best, cost, act)
    return replace(
        made, versions=versions, champion=made_of_it.champion, decision=made_of_it.decision
    )


def _candidates(project: Project, only: Sequence[str]) -> list[Candidate]:
    spec = project.spec
    unknown = sorted(set(only) - set(spec.candidates))
    if unknown:
        found, known = ", ".join(unknown), ", ".join(spec.candidates)
        raise ProjectError(project.path, (Problem("candidates", found, f"some of {known}"),))
    seed = spec.evaluation.cv.seed
    return [
        Candidate.of(name, candidate, spec.data.derived, seed, spec.candidates)
        for name, candidate in spec.candidates.items()
        if not only or name in only
    ]
