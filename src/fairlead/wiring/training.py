"""Training, and what is said of a model: with the registry and the settings of this process."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import nullcontext
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from fairlead.project.loading import Project
from fairlead.settings import Settings, read_settings
from fairlead.wiring.stores import log_database, model_registry, registry_or_none, run_tracker

if TYPE_CHECKING:
    from fairlead.progress import Progress
    from fairlead.readiness.records import Score
    from fairlead.workflows.adopt import Adopted
    from fairlead.workflows.reproduction import Reproduction
    from fairlead.workflows.train import TrainingResult


def train(
    project: Project | Path | str,
    *,
    only: Sequence[str] = (),
    jobs: int = 0,
    learning_curve: bool = False,
    ablation: bool = False,
    nested: bool = False,
    trials: int | None = None,
    timeout_s: float | None = None,
    register: bool = True,
    progress: Progress | None = None,
    settings: Settings | None = None,
) -> TrainingResult:
    """Train a project's candidates, log the runs and register the versions in MLflow.

    Where MLflow is not installed, the bundles stay in `.fairlead/bundles` and have no versions.

    Args:
        project: a loaded project, or the path of its folder or file.
        only: candidates to train; all of them if empty.
        jobs: processes; 0 takes `FAIRLEAD_JOBS`, or one per core.
        learning_curve: fit growing parts of the rows too, whatever the project file says.
        ablation: fit the candidate put forward without each feature too.
        nested: repeat the whole training inside every fold too.
        trials: for every search instead of its own number, and for the candidates in `only` even
            where the file asks for none; 0 skips the searches.
        timeout_s: for every search instead of its own, seconds.
        register: log runs and register versions; to try something out, leave it.
        progress: told how far it is; if not given, bars in a notebook or a terminal.
        settings: those of the process if not given.

    Returns:
        Leaderboard, bundles and versions.

    Raises:
        ProjectError: the project file has problems, or there is no such candidate.
        RegistryUnavailableError: the registry does not answer; nothing was trained.
        ExtraMissingError: there is something to search, and Optuna is not installed.
        KeyboardInterrupt: during a search, with a sentence that says how to go on.
        DataError: the data is missing, damaged, or breaks the contract.
        FairleadError: every candidate failed; the first one's error.
    """
    from fairlead.adapters.optuna_search import OptunaSampler
    from fairlead.progress import training_bars
    from fairlead.workflows import train as workflow
    from fairlead.workflows.load import load

    project = project if isinstance(project, Project) else load(project)
    settings = settings or read_settings()
    register = register and find_spec("mlflow") is not None
    with nullcontext(progress) if progress is not None else training_bars() as progress:
        return workflow.train(
            project,
            registry=model_registry(project.root) if register else None,
            tracker=run_tracker(project) if register else None,
            only=only,
            jobs=jobs or settings.jobs,
            learning_curve=learning_curve,
            ablation=ablation,
            nested=nested,
            trials=trials,
            timeout_s=timeout_s,
            make_sampler=OptunaSampler,
            progress=progress,
        )


def adopt(model: str, data: Path, target: str, *, trust: bool, name: str | None = None) -> Adopted:
    """Make a bundle of a fitted model; see `fairlead.workflows.adopt.adopt`.

    Args:
        model: path of a joblib file, or the address of a model in MLflow: `models:/NAME@ALIAS`,
            `models:/NAME/VERSION` or `runs:/RUN/PATH`, in the store that `MLFLOW_TRACKING_URI`
            names, or in MLflow's own default.
        data: CSV with the columns that the model was fitted on, and its target.
        target: what the target is called there.
        trust: whether the model may run the code that it holds.
        name: of the model.

    Raises:
        ExtraMissingError: the model is in MLflow, which is not installed.
        AdoptionError: it cannot be adopted; which step or parameter is to blame is said.
    """
    from fairlead.adapters.mlflow_models import SCHEMES, MlflowModel
    from fairlead.errors import ExtraMissingError
    from fairlead.workflows.adopt import Offer, adopt

    if not model.startswith(SCHEMES):
        return adopt(Path(model), data, target, trust=trust, name=name)
    if find_spec("mlflow") is None:
        raise ExtraMissingError("a model in MLflow", extra="mlflow")
    found = MlflowModel(model, os.environ.get("MLFLOW_TRACKING_URI"))
    offer = Offer(model, found.title, found.load, found.origin)
    return adopt(offer, data, target, trust=trust, name=name)


def reproduce(
    project: Project,
    version: str | int,
    *,
    checkout: bool = False,
    jobs: int = 0,
    progress: Progress | None = None,
    settings: Settings | None = None,
) -> Reproduction:
    """Make a version again and compare, with the registry and the mirror of this process.

    Args:
        project: a loaded project.
        version: number, alias or candidate; or a bundle's folder, or its digest.
        checkout: take the code of the recorded commit, in a temporary worktree of git.
        jobs: processes; 0 takes `FAIRLEAD_JOBS`, or one per core.
        progress: told how far it is.
        settings: those of the process if not given.

    Raises:
        FairleadError: see `fairlead.workflows.reproduce.reproduce`.
    """
    from fairlead.progress import training_bars
    from fairlead.workflows import reproduce as workflow

    settings = settings or read_settings()
    with nullcontext(progress) if progress is not None else training_bars() as progress:
        return workflow.reproduce(
            project,
            version,
            registry=registry_or_none(project.root),
            mirror=settings.data_mirror,
            checkout=checkout,
            jobs=jobs or settings.jobs,
            progress=progress,
        )


def score(project: Project, *, settings: Settings | None = None) -> Score:
    """Judge a project and its champion by the ML Test Score.

    Where MLflow is not installed, the first of the last leaderboard stands for the champion.

    Args:
        project: a loaded project.
        settings: those of the process if not given.

    Raises:
        BundleError: the champion's bundle is not what was written.
        RegistryUnavailableError: the registry does not answer.
        StorageError: what was measured cannot be written.
        MonitorStateError: what the monitor remembers cannot be read.
    """
    from fairlead.workflows import score as workflow

    registry = registry_or_none(project.root)
    return workflow.score(project, registry, settings or read_settings(), log_database())
