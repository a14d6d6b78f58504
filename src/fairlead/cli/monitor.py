"""The command that watches a project, and tells what it knows."""

from __future__ import annotations

import json
import signal
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fairlead.cli.groups import WithDefault
from fairlead.cli.terminal import AsJson, ProjectPath, errors, output, seconds_of

if TYPE_CHECKING:
    from fairlead.monitoring.state import MonitorState


class _Monitor(WithDefault):
    default = "run"


monitor = typer.Typer(cls=_Monitor, help="Watch a project: drift, quality, alerts, retraining.")


@monitor.command()
def run(
    project: ProjectPath = Path(),
    every: Annotated[str, typer.Option(help="Time between two looks: 30s, 10m, 1h.")] = "1h",
    once: Annotated[bool, typer.Option("--once", help="Look once, and end.")] = False,
    retrain: Annotated[
        bool, typer.Option("--retrain/--no-retrain", help="Retrain by the project's rules, too.")
    ] = True,
    as_json: AsJson = False,
) -> None:
    """Watch a project until SIGTERM or Ctrl-C: look, alert, and answer by the project's rules.

    With --once, the exit code is 1 where a step failed.
    """
    from fairlead import wiring
    from fairlead.serving.logs import LineWriter, configure_logging
    from fairlead.settings import read_settings
    from fairlead.workflows.load import load
    from fairlead.workflows.monitor import alone
    from fairlead.workflows.monitor_loop import watch
    from fairlead.workflows.stopping import Stop

    every_s = seconds_of(every, "--every")
    if not every_s:
        raise typer.BadParameter("found 0, expected a time such as 1h", param_hint="--every")
    loaded, settings = load(project), read_settings()
    stop = Stop()
    # What is asked for once has standard output to itself.
    writer = LineWriter(sys.stderr.fileno() if once else None)
    with alone(loaded.root):
        configure_logging(settings.log_level, writer)
        try:
            watching = wiring.monitor(
                loaded, settings, timedelta(seconds=every_s), stop, retrains=retrain
            )
            if not once:
                errors().print(f"watching {loaded.spec.name} every {every}, Ctrl-C to stop")
                for name in (signal.SIGTERM, signal.SIGINT):
                    signal.signal(name, lambda *_: stop.set())
                watch(watching, every_s, stop)
                return
            state = watching.tick(datetime.now(UTC))
        finally:
            writer.close()
    _tell(state, as_json=as_json)
    raise typer.Exit(1 if state.failing else 0)


@monitor.command()
def status(project: ProjectPath = Path(), as_json: AsJson = False) -> None:
    """Tell what the monitor of a project knew after its last look."""
    from fairlead.monitoring.state import read_state
    from fairlead.workflows.monitor import STATE_FILE
    from fairlead.workflows.store import monitoring_of

    root = project.parent if project.suffix in (".yaml", ".yml") else project
    _tell(read_state(monitoring_of(root) / STATE_FILE), as_json=as_json)


def _tell(state: MonitorState, *, as_json: bool) -> None:
    if as_json:
        import msgspec

        typer.echo(json.dumps(msgspec.to_builtins(state), indent=1))
        return
    console = output()
    if state.ticked_at is None:
        console.print("nobody has looked yet: `fairlead monitor --once`")
        return
    console.print(f"{state.model}: last look {state.ticked_at:%Y-%m-%d %H:%M:%S} UTC")
    for look in state.looks[-1:]:
        share = "not known" if look.share is None else f"{look.share:.0%} of the columns"
        rows = "rows not known" if look.rows is None else f"{look.rows:,} rows"
        console.print(f"version {look.version}: {rows}, drifted: {share}")
        for name, columns in (("drifted", look.drifted), ("broken", look.broken)):
            if columns:
                console.print(f"{name}: {', '.join(columns)}")
        if look.metric is not None and look.baseline is not None:
            found = {"measured": look.measured, "expected": look.expected}
            told = [f"{name} {value:.4g}" for name, value in found.items() if value is not None]
            told.append(f"baseline {look.baseline:.4g}")
            console.print(f"{look.metric}: {', '.join(told)}, {look.labelled} labelled rows")
    for alert in state.policy.firing:
        console.print(f"#{alert.number} {alert.severity} {alert.kind}: {alert.summary}")
    firing = {alert.kind for alert in state.policy.firing}
    for kind, streak in state.policy.streaks.items():
        if kind not in firing:
            windows = "1 window" if streak.windows == 1 else f"{streak.windows} windows in a row"
            console.print(f"{kind}: found in {windows} so far, since {streak.since:%Y-%m-%d %H:%M}")
    console.print(f"next: {state.consequence.action}, {state.consequence.reason}")
    if state.outbox:
        console.print(f"{len(state.outbox)} deliveries wait")
    for name, failing in state.failing.items():
        errors().print(f"{name} failed {failing.times} times: {failing.what}")
