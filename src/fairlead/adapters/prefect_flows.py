"""Fairlead's verbs as flows of Prefect: each runs the command line, with retries, log, artifacts.

A command is a process of its own: a training that is killed for want of memory is a failed task
then, not a dead worker, and what a flow does is what a person would type.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from fairlead.errors import ExtraMissingError, FlowError, FlowServerError

QUIET = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
    # 20 s are too few where a machine is busy (prefect 3.8).
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
}
"""What Prefect is told, unless the environment says otherwise: it does not call home, and waits."""
for _name, _value in QUIET.items():
    os.environ.setdefault(_name, _value)

try:
    from prefect import flow, get_run_logger, serve, task
    from prefect.artifacts import create_markdown_artifact, create_table_artifact
    from prefect.client.schemas.objects import State, TaskRun
    from prefect.events import DeploymentEventTrigger, emit_event
    from prefect.flows import Flow
    from prefect.settings import get_current_settings
    from prefect.tasks import Task
    from prefect.types.entrypoint import EntrypointType
except ModuleNotFoundError as _missing:
    raise ExtraMissingError("flows", "prefect") from _missing

ALERT = "fairlead.alert"
"""Event of an alert that was raised; its resource is `fairlead.model.<name>`."""
CODE = re.compile(r"^error \((\w+)\)")
TEXT = re.compile(r"\w")
PASSING = frozenset(
    {"registry_unavailable", "storage", "system", "fetch", "log_query", "alias_moved"}
)
"""Codes of errors that may be gone at another try."""
DRIFTED = 3
"""Status of `fairlead drift` where the data has drifted: no failure."""
ASKED_TO_STOP_S = 30


def _may_pass(_: Task[..., Any], __: TaskRun, state: State[Any]) -> bool:
    """Whether another try may do better: nobody is to pay twice for a mistake in a file."""
    try:
        state.result()
    except FlowError as error:
        return error.passing
    except Exception:  # noqa: BLE001 (whatever ended the task, such as a lost worker)
        return True
    return False


@task(
    name="fairlead",
    task_run_name="fairlead {arguments}",
    retries=2,
    retry_delay_seconds=[10, 60],
    retry_condition_fn=_may_pass,
)
def command(arguments: list[str], fine: tuple[int, ...] = (0,)) -> str:
    """Run `fairlead`; what it tells on the way goes to the flow's log.

    Args:
        arguments: of the command line.
        fine: exit codes that are no failure.

    Returns:
        What it printed.

    Raises:
        FlowError: it failed.
    """
    log, last = get_run_logger(), ""
    with tempfile.TemporaryFile("w+", encoding="utf-8") as printed:
        process = subprocess.Popen(  # noqa: S603 (our own module, no shell)
            [sys.executable, "-m", "fairlead", *arguments],
            stdout=printed,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            errors="replace",
        )
        try:
            code = ""
            for line in process.stderr or ():
                if found := CODE.match(line):
                    code = found[1]
                if TEXT.search(line):
                    last = line.strip(" │\n")
                log.info("%s", line.rstrip())
            status = process.wait()
        finally:
            _end(process)
        if status not in fine:
            raise FlowError(arguments[0], status, last, passing=status < 0 or code in PASSING)
        printed.seek(0)
        return printed.read()


def _end(process: subprocess.Popen[str]) -> None:
    """A flow that is cancelled takes its command with it."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(ASKED_TO_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@flow(name="fairlead-train", log_prints=False)
def train(project: str) -> None:
    """Train, compare and register the candidates; the leaderboard is an artifact."""
    command(["train", project, "--json"])
    board = command(["leaderboard", project, "--markdown"])
    create_markdown_artifact(board, key="leaderboard", description=f"Leaderboard of {project}")


@flow(name="fairlead-drift")
def drift(project: str) -> dict[str, Any]:
    """Judge the window of the prediction log; the table of the columns is an artifact."""
    report: dict[str, Any] = json.loads(command(["drift", project, "--json"], (0, DRIFTED)))
    shown = ("column", "effect", "threshold", "is_drifted", "is_broken", "reason")
    table = [{name: each[name] for name in shown} for each in report["columns"]]
    told = f"{report['verdict']}: {report['rows']} rows beside {report['reference']}"
    create_table_artifact(table, key="drift", description=told)
    return report


@flow(name="fairlead-batch")
def batch(project: str, rows: str, to: str) -> None:
    """Score a file by the champion."""
    told = command(["predict", rows, "--to", to, "--project", project])
    create_markdown_artifact(told, key="batch", description=f"Predictions for {rows}")


@flow(name="fairlead-retrain")
def retrain(project: str, trigger: str = "schedule", reason: str = "") -> dict[str, Any]:
    """Ask the policy, and retrain if it says so; the decision is an artifact."""
    given = ["--reason", reason] if reason else []
    said = command(["retrain", project, "--trigger", trigger, "--json", *given])
    result: dict[str, Any] = json.loads(said)
    create_markdown_artifact(
        _decision(result), key="retraining", description=f"Retraining of {project}"
    )
    return result


@flow(name="fairlead-monitor")
def monitor(project: str) -> dict[str, Any]:
    """Look once; every alert that is raised is an event, which starts a retraining."""
    began = datetime.now(UTC)
    # 1: a step failed, which is in the state, as the others are.
    state: dict[str, Any] = json.loads(
        command(["monitor", "run", project, "--once", "--no-retrain", "--json"], (0, 1))
    )
    alerts = state["policy"].get("alerts", [])
    for alert in alerts:
        if datetime.fromisoformat(alert["raised_at"]) >= began:
            announce(alert)
    shown = ("id", "kind", "severity", "summary", "raised_at", "resolved_at")
    table = [{name: alert.get(name) for name in shown} for alert in alerts]
    told = state["consequence"]
    create_table_artifact(table, key="alerts", description=f"{told['action']}: {told['reason']}")
    if state["failing"]:
        failed = "; ".join(f"{name}: {each['what']}" for name, each in state["failing"].items())
        raise FlowError("monitor", 1, failed, passing=False)
    return state


FLOWS: Mapping[str, Flow[..., Any]] = {
    "train": train,
    "drift": drift,
    "batch": batch,
    "retrain": retrain,
    "monitor": monitor,
}


def announce(alert: Mapping[str, Any]) -> None:
    """Emit the event of an alert.

    Args:
        alert: as JSON, with `model`, `id`, `kind`, `severity` and `summary`.
    """
    told = {name: str(alert[name]) for name in ("id", "kind", "severity", "summary")}
    emit_event(ALERT, {"prefect.resource.id": f"fairlead.model.{alert['model']}"}, payload=told)


def run(name: str, parameters: Mapping[str, str]) -> Any:
    """Run a flow here and now: on the server that Prefect is set to, or without one.

    Raises:
        FlowError: its command failed.
        FlowServerError: Prefect is set to a server that does not answer.
    """
    return _translated(lambda: FLOWS[name](**parameters))


def serve_flows(
    name: str, project: str, *, schedule: str | None, on_alert: bool, every_s: float
) -> None:
    """Run what Prefect's server schedules, until Ctrl-C.

    Args:
        name: of the model.
        project: path of its folder.
        schedule: of retrainings, cron in UTC; None retrains by alerts alone.
        on_alert: whether an alert starts a retraining.
        every_s: seconds between two looks of the monitor.

    Raises:
        FlowServerError: there is no server, or it does not answer.
    """
    if not get_current_settings().api.url:
        raise FlowServerError("no server", "its address in PREFECT_API_URL")
    deployments = deployments_of(
        name, project, schedule=schedule, on_alert=on_alert, every_s=every_s
    )
    _translated(lambda: serve(*deployments, print_starting_message=False))


def deployments_of(
    name: str, project: str, *, schedule: str | None, on_alert: bool, every_s: float
) -> list[Any]:
    """What is served of a project: `train`, `drift`, `retrain` and `monitor`."""
    alert = DeploymentEventTrigger(
        expect={ALERT},
        match={"prefect.resource.id": f"fairlead.model.{name}"},
        parameters={"project": project, "trigger": "alert"},
    )
    plans: dict[str, dict[str, Any]] = {
        "train": {},
        "drift": {},
        "retrain": {"cron": schedule, "triggers": [alert] if on_alert else []},
        "monitor": {"interval": every_s},
    }
    return [
        FLOWS[verb].to_deployment(
            f"{name}-{verb}",
            parameters={"project": project},
            tags=["fairlead", name],
            concurrency_limit=1,
            # By module: the process that runs it has Fairlead installed, not these files.
            entrypoint_type=EntrypointType.MODULE_PATH,
            **plan,
        )
        for verb, plan in plans.items()
    ]


def _translated(action: Callable[[], Any]) -> Any:
    from httpx import HTTPError

    try:
        return action()
    except (HTTPError, RuntimeError) as error:
        url = get_current_settings().api.url
        if url is None:
            raise
        found = f"a server at {url} that does not answer ({type(error).__name__})"
        raise FlowServerError(found, "one that runs: `prefect server start`") from error


def _decision(result: Mapping[str, Any]) -> str:
    """A retraining as Markdown: the steps of the policy, and what came of it."""
    lines: list[str] = []
    verdict, done = result["verdict"], result["run"]
    if verdict is not None:
        lines += [f"## {verdict['action']}", "", "| step | found |", "| --- | --- |"]
        lines += [_step(each) for each in verdict["reasons"]]
    if done is not None:
        lines += ["", f"## {done['outcome']}", "", done["told"]]
    lines += _tried(result["tried"])
    return "\n".join(lines)


def _step(reason: Mapping[str, Any]) -> str:
    mark = " **stops**" if reason["stops"] else ""
    return f"| {reason['step']}{mark} | {reason['text'].replace('|', '/')} |"


def _tried(tried: Mapping[str, Any]) -> Sequence[str]:
    return ["", *(f"- `{recipe}`: {value}" for recipe, value in tried.items())] if tried else []
