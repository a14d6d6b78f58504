"""Commands that try a challenger out on a part of the traffic."""

from __future__ import annotations

import json
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fairlead.cli.terminal import AsJson, ProjectOption, ReasonOption, errors, output, seconds_of

if TYPE_CHECKING:
    from fairlead.errors import FairleadError
    from fairlead.workflows.canary_evidence import ServedEvidence
    from fairlead.workflows.canary_place import Place
    from fairlead.workflows.canary_state import Canary

canary = typer.Typer(
    help="Give a challenger more and more of the traffic, as long as it stands the test.",
    no_args_is_help=True,
)


def _open(path: Path) -> tuple[Place, ServedEvidence]:
    from fairlead.adapters.duckdb_log import DuckdbLog
    from fairlead.registry.traffic import from_spec
    from fairlead.settings import read_settings
    from fairlead.wiring import model_registry
    from fairlead.workflows.canary_evidence import ServedEvidence
    from fairlead.workflows.canary_place import Place
    from fairlead.workflows.canary_state import CanaryFile
    from fairlead.workflows.load import load
    from fairlead.workflows.prediction_log import predictions_of
    from fairlead.workflows.store import STATE
    from fairlead.workflows.traffic import ledger_of, this_actor

    project, settings = load(path), read_settings()
    root, name = project.root, project.spec.name
    place = Place(
        registry=model_registry(root),
        ledger=ledger_of(root),
        file=CanaryFile(root / STATE),
        name=name,
        metric=project.spec.evaluation.metric,
        actor=this_actor(),
        default=from_spec(project.spec.serving),
    )
    log = predictions_of(root, settings)
    return place, ServedEvidence(root, name, log, DuckdbLog(), state=settings.state)


@canary.command()
def start(
    challenger: Annotated[str, typer.Argument(help="Alias or version number.")] = "challenger",
    steps: Annotated[str, typer.Option(help="Percent of the requests, rising.")] = "5,25,50",
    every: Annotated[
        str, typer.Option(help="Time to the first look at a step, and between two looks.")
    ] = "10m",
    min_rows: Annotated[
        int, typer.Option(min=1, help="Answers of each version without which no step passes.")
    ] = 1000,
    patience: Annotated[
        str, typer.Option(help="How long a step may last beyond its first look.")
    ] = "1h",
    url: Annotated[
        list[str] | None,
        typer.Option(help="A service on another machine, asked for its /metrics; repeatable."),
    ] = None,
    reason: ReasonOption = "",
    project: ProjectOption = Path(),
) -> None:
    """Try a challenger out: each step is judged before the next one, and a bad one gives all back.

    Ctrl-C leaves it at the present step; the same command goes on from there.
    """
    from datetime import UTC, datetime

    from fairlead.errors import ExtraMissingError
    from fairlead.workflows.canary import begin, run
    from fairlead.workflows.canary_evidence import served
    from fairlead.workflows.canary_state import Plan

    waits = seconds_of(every, "--every"), seconds_of(patience, "--patience")
    plan = Plan(
        challenger, _percents(steps), waits[0], min_rows, waits[1], tuple(url or ()), reason
    )
    if find_spec("duckdb") is None:
        raise ExtraMissingError("a canary, which reads the prediction log,", "monitor")
    place, evidence = _open(project)
    for each in plan.urls:
        served(each, place.name)  # one that was never there is a mistake, said at once
    begun = begin(place, plan, datetime.now(UTC))
    if begun.plan != plan:
        errors().print(f"goes on with the canary of {begun.started:%Y-%m-%d %H:%MZ}, by its steps")
    told = [begun]

    def report(now: Canary) -> None:
        _tell(told[-1], now)
        told.append(now)

    def trouble(error: FairleadError) -> None:
        errors().print(f"{error}; asked again")

    evidence = replace(evidence, urls=begun.plan.urls)
    try:
        ended = run(place, begun, evidence, report=report, trouble=trouble)
    except KeyboardInterrupt:
        left = told[-1]
        has = f"{left.percent:g} %" if left.began else "what it had"
        errors().print(f"\nstopped: {challenger} goes on answering {has}; {_ways_on(left)}")
        raise
    if ended.state != "passed":
        raise typer.Exit(1)


@canary.command()
def status(project: ProjectOption = Path(), as_json: AsJson = False) -> None:
    """Show how far the canary is, or how the last one ended."""
    place, _ = _open(project)
    found = place.file.read()
    if found is None:
        if as_json:
            typer.echo("null")
        else:
            output().print(f"no canary of {place.name} has been started")
        return
    with place.file.running() as idle:
        attended = not idle
    if as_json:
        typer.echo(json.dumps({**found.to_json(), "attended": attended}, indent=1))
        return
    last = found.step == len(found.plan.steps) - 1
    step = f"step {found.step + 1} of {len(found.plan.steps)}, {found.percent:g} %"
    output().print(
        f"canary of {found.model} version {found.challenger} ({found.plan.challenger}) against "
        f"version {found.champion}: {found.state}, {step}"
    )
    if found.judgement is not None:
        _show(found.judgement)
    if found.state != "running":
        if found.state == "passed":
            output().print(_ways_on(found))
    elif attended:
        output().print(f"next look {_at(found.next_look)}" + (", the last step" if last else ""))
    else:
        output().print(f"no process attends to it: {_ways_on(found)}")


@canary.command()
def abort(reason: ReasonOption = "", project: ProjectOption = Path()) -> None:
    """Give all back to the champion; a canary that is running stops."""
    from fairlead.workflows.canary import abort

    place, _ = _open(project)
    change = abort(place, reason)
    output().print(f"the traffic of {place.name} is {change.after}")


def _tell(before: Canary, now: Canary) -> None:
    """What has changed, on the terminal."""
    name = now.plan.challenger
    if now.judgement is not None and now.judgement != before.judgement:
        _show(now.judgement)
    if now.began is not None and now.began != before.began:
        errors().print(f"{name} answers {now.percent:g} %, first look {_at(now.next_look)}")
    elif now.state == "passed":
        errors().print(f"{name} stands all steps and is not promoted; {_ways_on(now)}")
    elif now.state in ("failed", "undecided"):
        reason = (now.judgement or {}).get("reason")
        errors().print(f"canary {now.state}, all goes to the champion: {reason}")
    elif now.state == "aborted":
        errors().print("the canary was aborted")
    elif now.judgement != before.judgement and now.ending is None and now.began is not None:
        errors().print(f"cannot tell yet, next look {_at(now.next_look)}")


def _show(judgement: dict[str, Any]) -> None:
    """The checks of a look as a table."""
    from rich.table import Table

    if "checks" not in judgement:
        output().print(judgement.get("reason"))
        return
    title = f"step of {judgement['percent']:g} %, look {judgement['look']}: {judgement['outcome']}"
    table = Table("check", "found", "worse by", "passes", "outcome", title=title)
    for check in judgement["checks"]:
        table.add_row(
            check["name"], check["found"], _span(check), check["expected"], check["outcome"]
        )
    output().print(table)


def _span(check: dict[str, Any]) -> str:
    """The interval of the harm, in the unit of the check."""
    if check["low"] is None:
        return "–"
    scale, unit = (1e3, " ms") if check["name"].startswith("latency") else (1.0, "")
    if check["name"] in ("errors", "finite"):
        scale, unit = 100.0, " points"
    high = "?" if check["high"] is None else f"{scale * check['high']:+.3g}"
    return f"{scale * check['low']:+.3g} to {high}{unit}"


def _ways_on(now: Canary) -> str:
    name = now.plan.challenger
    if now.state == "passed":
        return (
            f"`fairlead promote {name}` and `fairlead traffic set champion=100` make it the "
            "champion, `fairlead canary abort` gives all back"
        )
    return f"`fairlead canary start {name}` goes on, `fairlead canary abort` gives all back"


def _at(moment: Any) -> str:
    return "soon" if moment is None else f"{moment:%H:%M:%SZ}"


def _percents(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(step.strip().removesuffix("%")) for step in text.split(","))
    except ValueError:
        problem = f"found {text!r}, expected percentages such as 5,25,50"
        raise typer.BadParameter(problem, param_hint="--steps") from None
