"""Commands on a project: its beginning, its data, its check, its training."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from fairlead.cli.terminal import AsJson, ProjectPath, errors, output, seconds_of

if TYPE_CHECKING:
    from fairlead.workflows.init import NewProject
    from fairlead.workflows.train import TrainingResult

data = typer.Typer(help="Get a project's data.", no_args_is_help=True)


@data.command()
def fetch(
    project: ProjectPath = Path(),
    to: Annotated[
        Path | None, typer.Option(help="Bring it to this file; to that of the project.")
    ] = None,
) -> None:
    """Download the data, or copy it from a mirror, and check its digest."""
    from fairlead.workbench import load

    output().print(str(load(project).fetch(to)))


def init(
    data: Annotated[Path, typer.Argument(metavar="DATA", help="CSV file with a header.")],
    target: Annotated[str, typer.Option(help="Column to predict, as the header has it.")],
    name: Annotated[str | None, typer.Option(help="Of the project; that of the file.")] = None,
    folder: Annotated[
        Path | None, typer.Option(help="Where it goes; a new folder with its name.")
    ] = None,
    task: Annotated[
        Literal["classification", "regression"] | None,
        typer.Option(help="What the target is; told by its values."),
    ] = None,
) -> None:
    """Make a project of a CSV: a commented fairlead.yaml, tests, DVC stages and CI."""
    from fairlead.workflows.init import init

    made = init(data, target, name=name, folder=folder, task=task)
    _show_new(made, shlex.quote(str(folder or made.project.spec.name)))


def adopt(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL", help="joblib file of a fitted model, or its address in MLflow."
        ),
    ],
    data: Annotated[Path, typer.Option(help="CSV with the columns that it was fitted on.")],
    target: Annotated[str, typer.Option(help="Its target, as the header of the CSV has it.")],
    trust: Annotated[
        bool, typer.Option("--trust", help="Load MODEL, which runs the code that it holds.")
    ] = False,
    name: Annotated[str | None, typer.Option(help="Of the model; that of the file.")] = None,
) -> None:
    """Make a bundle of a model that was fitted elsewhere, with parity proved."""
    from fairlead.wiring import adopt

    made = adopt(model, data, target, trust=trust, name=name)
    console = output()
    console.print(
        f"{Path(model).name} is adopted: a graph of the family {made.family} that gives what it "
        f"gives, proved on {made.compared:,} rows"
    )
    figures = ", ".join(f"{metric} {value:.6g}" for metric, value in made.metrics.items())
    console.print(f"On the {made.rows:,} rows of the sample, which it may know: {figures}")
    console.print(f"Serve it:    fairlead serve {shlex.quote(str(made.bundle))}")


def _show_new(made: NewProject, place: str) -> None:
    console, spec = output(), made.project.spec
    features = [column for column in spec.data.columns.values() if column.role == "feature"]
    console.print(
        f"{spec.name}: {spec.task} of {spec.data.target.name} from {len(features)} of "
        f"{len(spec.data.columns)} columns, {made.rows:,} rows"
    )
    for remark in made.remarks:
        console.print(f"! {remark}")
    console.print(f"Written to {place}: {', '.join(made.files)}")
    console.print(f"Look at it:  {place}/fairlead.yaml says what was inferred, and why")
    console.print(f"Check it:    fairlead check {place}")
    console.print(f"Train it:    fairlead train {place}")


def check(
    project: ProjectPath = Path(),
    as_json: AsJson = False,
    html: Annotated[
        Path | None, typer.Option(help="Write the report to this file, too, as HTML.")
    ] = None,
) -> None:
    """Read the data, enforce the contract and report what was found."""
    from fairlead.workflows.check import check
    from fairlead.workflows.load import load

    report = check(load(project))
    if html is not None:
        report.write_html(html)
    if as_json:
        typer.echo(json.dumps(report.to_json(), indent=1, allow_nan=False))
    else:
        output().print(report.render())
    if not report.passed:
        raise typer.Exit(1)


def train(
    project: ProjectPath = Path(),
    candidate: Annotated[
        list[str] | None, typer.Option(help="Train this candidate only; may be repeated.")
    ] = None,
    jobs: Annotated[int, typer.Option(min=0, help="Processes; 0 takes one per core.")] = 0,
    learning_curve: Annotated[
        bool, typer.Option("--learning-curve", help="Fit growing parts of the rows, too.")
    ] = False,
    ablation: Annotated[
        bool, typer.Option("--ablation", help="Fit without each feature, too.")
    ] = False,
    nested: Annotated[
        bool, typer.Option("--nested", help="Repeat it all inside every fold, too.")
    ] = False,
    trials: Annotated[
        int | None,
        typer.Option(min=0, max=10_000, help="Sets of parameters that a search tries; 0: none."),
    ] = None,
    timeout: Annotated[
        str | None, typer.Option(help="After how long a search tries no other: 30s, 10m, 2h.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Train and compare the candidates, prove and register their bundles."""
    from fairlead.wiring import train

    timeout_s = None if timeout is None else seconds_of(timeout, "--timeout")
    try:
        result = train(
            project,
            only=candidate or (),
            jobs=jobs,
            learning_curve=learning_curve,
            ablation=ablation,
            nested=nested,
            trials=trials,
            timeout_s=timeout_s,
        )
    except KeyboardInterrupt as stop:
        if stop.args:
            errors().print(str(stop))
        raise
    if as_json:
        typer.echo(result.leaderboard.to_json(), nl=False)
        return
    output().print(result.leaderboard.render())
    for line in result.studies.conclusions():
        output().print(line, style="dim")
    _tell_what_was_found(result)
    _tell_how_to_go_on(result, project)


def _tell_what_was_found(result: TrainingResult) -> None:
    from fairlead.evaluation.metrics import find_metric
    from fairlead.evaluation.search_report import search_text

    spec = result.project.spec
    metric = find_metric(spec.evaluation.metric, spec.task)
    for name, search in result.searches.items():
        for line in search_text(search, spec.candidates[name], metric, spec.data.target.unit):
            output().print(line, soft_wrap=True)


def _tell_how_to_go_on(result: TrainingResult, project: Path) -> None:
    console = output()
    champion, choice = result.champion, result.leaderboard.select
    if champion is None and result.versions:
        console.print(result.outcome)
        return
    if champion is None:
        chosen = result.bundle()
        console.print("Not registered, for lack of MLflow: pip install 'fairlead[mlflow]'")
        console.print(f"Serve the {choice}:  fairlead serve {shlex.quote(str(chosen.path))}")
        return
    place = shlex.quote(str(project))
    console.print(result.outcome)
    if result.decision is None:
        console.print(f"Promote it:  fairlead promote challenger --project {place}")
    console.print(f"Serve it:    fairlead serve {place}")


def leaderboard(
    project: ProjectPath = Path(),
    as_json: AsJson = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown.")] = False,
    folder: Annotated[
        Path | None,
        typer.Option(help="Write metrics, predictions and figures here instead of showing it."),
    ] = None,
) -> None:
    """Show the leaderboard of the last training."""
    from fairlead.workflows.leaderboard import last_leaderboard, write_leaderboard
    from fairlead.workflows.load import load

    loaded = load(project)
    if folder is not None:
        errors().print(f"written to {folder}: {', '.join(write_leaderboard(loaded, folder))}")
    last = last_leaderboard(loaded)
    if as_json or markdown:
        typer.echo(last.to_json() if as_json else last.markdown(), nl=False)
    elif folder is None:
        output().print(last.render())


def report(
    project: ProjectPath = Path(),
    html: Annotated[
        Path | None, typer.Option(help="Where the page goes; `.fairlead/results/report.html`.")
    ] = None,
    markdown: Annotated[
        Path | None, typer.Option(help="Where the summary goes; `.fairlead/results/report.md`.")
    ] = None,
) -> None:
    """Write the report on the last training: one HTML file, and a summary in Markdown."""
    from fairlead.workflows.load import load
    from fairlead.workflows.report import report

    for path in report(load(project)).write(html, markdown):
        output().print(str(path))


def score(
    project: ProjectPath = Path(),
    at_least: Annotated[
        float, typer.Option(min=0, max=7, help="End with status 1 where the score is lower.")
    ] = 0,
    as_json: AsJson = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown.")] = False,
) -> None:
    """Judge the project by the ML Test Score: 28 tests, each with its evidence."""
    from fairlead.wiring import score
    from fairlead.workflows.load import load

    found = score(load(project))
    if as_json:
        typer.echo(json.dumps(found.to_json(), indent=1, ensure_ascii=False))
    elif markdown:
        typer.echo(found.markdown(), nl=False)
    else:
        output().print(found.render())
    if found.points < at_least:
        errors().print(f"the score is {found.points:g}, under {at_least:g}")
        raise typer.Exit(1)


def schema() -> None:
    """Print the JSON Schema of fairlead.yaml, for editors."""
    from fairlead.workflows.schema import schema

    errors().print("save it, and name it in a `# yaml-language-server: $schema=` line")
    typer.echo(json.dumps(schema(), indent=2))
