"""Joins workflows to the adapters that this process uses; the only importer of adapters."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from fairlead.project.loading import Project
from fairlead.settings import Settings, read_settings

if TYPE_CHECKING:
    from fairlead.adapters.mlflow_registry import MlflowRegistry
    from fairlead.adapters.mlflow_tracking import MlflowTracker
    from fairlead.monitoring.consequences import Consequence
    from fairlead.monitoring.observation import Observation
    from fairlead.monitoring.outbox import AlertSink
    from fairlead.progress import Progress
    from fairlead.readiness.records import Score
    from fairlead.registry.decisions import Decision
    from fairlead.retraining.records import Trigger
    from fairlead.workflows.adopt import Adopted
    from fairlead.workflows.drift import Drift
    from fairlead.workflows.monitor import Monitor
    from fairlead.workflows.prediction_log import LogDatabase
    from fairlead.workflows.reproduction import Reproduction
    from fairlead.workflows.retraining_desk import Retraining
    from fairlead.workflows.stopping import Stop
    from fairlead.workflows.train import TrainingResult


def tracking_uri(root: Path) -> str:
    """`MLFLOW_TRACKING_URI`, or a database below the project's `.fairlead`."""
    named = os.environ.get("MLFLOW_TRACKING_URI")
    if named:
        return named
    return f"sqlite:///{(root / '.fairlead' / 'mlflow.db').resolve().as_posix()}"


def model_registry(root: Path) -> MlflowRegistry:
    """The registry of a project.

    Raises:
        ExtraMissingError: MLflow is not installed.
    """
    from fairlead.adapters.mlflow_registry import MlflowRegistry

    return MlflowRegistry(tracking_uri(root))


def registry_or_none(root: Path) -> MlflowRegistry | None:
    """The registry of a project; None where MLflow is not installed."""
    return model_registry(root) if find_spec("mlflow") is not None else None


def run_tracker(project: Project) -> MlflowTracker:
    """Where a project's runs are logged.

    Raises:
        ExtraMissingError: MLflow is not installed.
    """
    from fairlead.adapters.mlflow_tracking import MlflowTracker

    return MlflowTracker(tracking_uri(project.root), project.spec.name)


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


def drift_page(found: Drift) -> None:
    """Have Evidently draw its report of what drift was found, to `found.page`.

    Raises:
        ExtraMissingError: Evidently is not installed.
        StorageError: the page could not be written.
    """
    from fairlead.adapters.evidently_report import write_report

    write_report(found.rows(), found.page)


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


def log_database() -> LogDatabase | None:
    """What reads the prediction log; None where DuckDB is not installed."""
    if find_spec("duckdb") is None:
        return None
    from fairlead.adapters.duckdb_log import DuckdbLog

    return DuckdbLog()


def alert_sinks(settings: Settings, held: timedelta) -> tuple[AlertSink, ...]:
    """Where alerts are sent: the log, and what the settings name.

    Args:
        settings: of the process.
        held: how long an Alertmanager believes an alert that it hears no more of.

    Raises:
        SettingsError: an address or the secret cannot be taken.
    """
    from fairlead.adapters.alertmanager_alerts import AlertmanagerSink
    from fairlead.adapters.https_post import Post
    from fairlead.adapters.log_alerts import LogSink
    from fairlead.adapters.webhook_alerts import WebhookSink

    sinks: list[AlertSink] = [LogSink()]
    plain = settings.alert_plain_http
    if settings.alert_webhook is not None:
        address = settings.alert_webhook.get_secret_value()
        post = Post("webhook", "FAIRLEAD_ALERT_WEBHOOK", address, plain=plain)
        secret = settings.alert_secret
        sinks.append(WebhookSink(post, None if secret is None else secret.get_secret_value()))
    if settings.alertmanager is not None:
        post = Post("alertmanager", "FAIRLEAD_ALERTMANAGER", settings.alertmanager, plain=plain)
        sinks.append(AlertmanagerSink(post, held))
    return tuple(sinks)


def monitor(
    project: Project, settings: Settings, every: timedelta, stop: Stop, *, retrains: bool = True
) -> Monitor:
    """What watches a project.

    Args:
        project: a loaded project.
        settings: of the process.
        every: between two ticks; an Alertmanager believes an alert for three of them.
        stop: ends a tick before its next step.
        retrains: whether it retrains, too, where schedule, alert or age ask for it.

    Raises:
        MonitorStateError: what was remembered cannot be read.
        SettingsError: a receiver of alerts cannot be taken.
    """
    from fairlead.adapters.evidently_report import write_report
    from fairlead.workflows.monitor_parts import Tools, assembled

    database = log_database()
    registry, sinks = registry_or_none(project.root), alert_sinks(settings, 3 * every)

    def answer(follows: Consequence, seen: Observation, now: datetime) -> str | None:
        if seen.watched.trained_at is None:
            return None
        return retrain_if_asked(
            project,
            settings,
            trained_at=seen.watched.trained_at,
            alerted=follows.action == "retrain" and follows.kind == "quality",
            why=follows.reason,
            now=now,
        )

    tools = Tools(
        registry,
        database,
        sinks,
        page=lambda found, page: write_report(found.rows(), page),
        # What is retrained goes to the registry, and is trained on what the database reads.
        answer=answer if retrains and registry is not None and database is not None else None,
    )
    return assembled(project, settings, tools, stop)


def retrain(
    project: Project,
    *,
    trigger: Trigger = "hand",
    reason: str = "",
    force: bool = False,
    dry_run: bool = False,
    jobs: int = 0,
    now: datetime | None = None,
    progress: Progress | None = None,
    settings: Settings | None = None,
) -> Retraining:
    """Ask the policy, and retrain if it says so; see `fairlead.workflows.retrain.retrain`.

    Args:
        project: a loaded project.
        trigger: what makes one ask.
        reason: in words.
        force: retrain although the policy says no.
        dry_run: ask the policy only.
        jobs: processes; 0 takes `FAIRLEAD_JOBS`, or one per core.
        now: UTC; the present if not given.
        progress: told how far it is; if not given, bars in a notebook or a terminal.
        settings: those of the process if not given.

    Raises:
        ExtraMissingError: MLflow or DuckDB is not installed.
        RetrainingRunningError: another process retrains the project.
        ModelVersionNotFoundError: there is no champion: train first.
        LogQueryError: the prediction log cannot be read.
        FairleadError: a training failed; that counts as a retraining.
    """
    from fairlead.adapters.duckdb_log import DuckdbLog
    from fairlead.progress import training_bars
    from fairlead.workflows import retrain as workflow
    from fairlead.workflows.gatekeeping import Gates
    from fairlead.workflows.prediction_log import predictions_of
    from fairlead.workflows.retraining_desk import Desk
    from fairlead.workflows.retraining_evidence import gather
    from fairlead.workflows.traffic import this_actor

    settings, now, actor = settings or read_settings(), now or datetime.now(UTC), this_actor()
    registry = model_registry(project.root)
    log = predictions_of(project.root, settings)
    evidence = gather(project, registry, log, DuckdbLog(), now)
    gates = Gates(project, registry, now, actor, reason or f"retraining by {trigger}")
    with nullcontext(progress) if progress is not None else training_bars() as progress:
        desk = Desk(
            project,
            registry,
            run_tracker(project),
            gates,
            now,
            actor,
            jobs=jobs or settings.jobs,
            progress=progress,
        )
        return workflow.retrain(
            desk, evidence, trigger=trigger, reason=reason, force=force, dry_run=dry_run
        )


def retrain_if_asked(
    project: Project,
    settings: Settings,
    *,
    trained_at: datetime,
    alerted: bool,
    why: str,
    now: datetime,
) -> str | None:
    """What a monitor does at each look: retrain where schedule, alert or age ask for it.

    Args:
        project: a loaded project.
        settings: of the process.
        trained_at: when its champion was trained, UTC.
        alerted: whether an alert says that quality was lost.
        why: what the alert says.
        now: UTC.

    Returns:
        What came of it, in words; None where nothing asks.

    Raises:
        FairleadError: see `retrain`.
    """
    from fairlead.workflows.retrain import asked_by

    trigger = asked_by(project, trained_at=trained_at, alerted=alerted, now=now)
    if trigger is None:
        return None
    reason = why if trigger == "alert" else ""
    return retrain(project, trigger=trigger, reason=reason, now=now, settings=settings).told


def promote(
    project: Project,
    reference: str,
    *,
    reason: str = "",
    force: bool = False,
    dry_run: bool = False,
    now: datetime | None = None,
    settings: Settings | None = None,
) -> Decision:
    """Ask the gates of a version, also on recent labelled rows where there are any.

    Args:
        project: a loaded project.
        reference: alias, candidate or version number.
        reason: why.
        force: make it champion whatever the gates say; it needs a reason.
        dry_run: ask only: nothing is changed.
        now: UTC; the present if not given.
        settings: those of the process if not given.

    Raises:
        FairleadError: see `fairlead.workflows.promote.promote`.
        LogQueryError: the prediction log cannot be read.
    """
    from fairlead.workflows import promote as workflow
    from fairlead.workflows.gatekeeping import rows_for_gates
    from fairlead.workflows.prediction_log import predictions_of
    from fairlead.workflows.traffic import this_actor

    settings, now = settings or read_settings(), now or datetime.now(UTC)
    recent = None
    if find_spec("duckdb") is not None:
        from fairlead.adapters.duckdb_log import DuckdbLog

        log = predictions_of(project.root, settings)
        recent = rows_for_gates(project, log, DuckdbLog(), now)
    return workflow.promote(
        model_registry(project.root),
        project,
        reference,
        now=now,
        actor=this_actor(),
        reason=reason,
        force=force,
        dry_run=dry_run,
        recent=recent,
        # No version was trained on these: they are kept back by what is in them.
        leave_out=(),
    )


def run_flow(verb: str, project: Path, files: Mapping[str, Path]) -> None:
    """Run a flow of Prefect's here and now.

    Args:
        verb: `train`, `drift`, `batch`, `retrain` or `monitor`.
        project: path of its folder or file.
        files: further parameters of the flow, which are paths.

    Raises:
        ExtraMissingError: Prefect is not installed.
        FlowError: the flow failed.
        FlowServerError: Prefect is set to a server that does not answer.
    """
    from fairlead.adapters.prefect_flows import run

    places = {"project": project, **files}
    # A flow may run in another folder.
    run(verb, {name: str(path.resolve()) for name, path in places.items()})


def serve_flows(project: Project, every_s: float) -> None:
    """Run what Prefect's server schedules of a project, until Ctrl-C.

    Args:
        project: a loaded project.
        every_s: seconds between two looks of the monitor.

    Raises:
        ExtraMissingError: Prefect is not installed.
        FlowServerError: there is no server, or it does not answer.
        ProjectError: `retraining.schedule` is none.
    """
    from fairlead.adapters.prefect_flows import serve_flows as serve
    from fairlead.retraining.schedule import last_due

    plan = project.spec.retraining
    if plan.schedule is not None:
        last_due(plan.schedule, datetime.now(UTC), project.path)
    serve(
        project.spec.name,
        str(project.path.resolve()),
        schedule=plan.schedule,
        on_alert=plan.on_alert,
        every_s=every_s,
    )
