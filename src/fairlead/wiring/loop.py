"""What watches a model, and what replaces it."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from typing import TYPE_CHECKING

from fairlead.project.loading import Project
from fairlead.settings import Settings, read_settings
from fairlead.wiring.stores import log_database, model_registry, registry_or_none, run_tracker

if TYPE_CHECKING:
    from fairlead.monitoring.consequences import Consequence
    from fairlead.monitoring.observation import Observation
    from fairlead.monitoring.outbox import AlertSink
    from fairlead.progress import Progress
    from fairlead.registry.decisions import Decision
    from fairlead.retraining.records import Trigger
    from fairlead.workflows.drift import Drift
    from fairlead.workflows.monitor import Monitor
    from fairlead.workflows.retraining_desk import Retraining
    from fairlead.workflows.stopping import Stop


def drift_page(found: Drift) -> None:
    """Have Evidently draw its report of what drift was found, to `found.page`.

    Raises:
        ExtraMissingError: Evidently is not installed.
        StorageError: the page could not be written.
    """
    from fairlead.adapters.evidently_report import write_report

    write_report(found.rows(), found.page)


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
