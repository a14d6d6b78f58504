"""Verbs as Prefect's flows."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from fairlead.project.loading import Project


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
