"""The score as people read it: in a terminal and in Markdown."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from fairlead.project.readiness import TESTS
from fairlead.readiness.records import Outcome, Score

MARKS = {"automated": ("●", "green"), "manual": ("◐", "yellow"), "missing": ("○", "red")}


def table(score: Score) -> RenderableType:
    """For a terminal: a table for each section, then the score."""
    grid = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 1))
    grid.add_column("", no_wrap=True)
    grid.add_column("test", ratio=2, overflow="fold")
    grid.add_column("", justify="right", no_wrap=True)
    grid.add_column("evidence, or what is missing → what would bring it", ratio=5, overflow="fold")
    for section, points in score.sections.items():
        grid.add_row("", Text(section.capitalize(), "bold"), Text(f"{points:g}", "bold"), "")
        for outcome in score.of(section):
            mark, style = MARKS[outcome.kind]
            grid.add_row(
                Text(f"{mark} {outcome.id[-1]}", style),
                Text(outcome.title),
                Text(f"{outcome.verdict.points:g}", style),
                Text(_told(outcome), "" if outcome.verdict.points else "dim"),
            )
    head = Text.assemble(
        (f"ML Test Score of {score.project}", "bold"), f"  {score.champion or 'no champion'}"
    )
    return Group(head, grid, Text(), Text(_line(score), "bold"), Text(_legend(), "dim"))


def markdown(score: Score) -> str:
    """A Markdown document whose second line is a badge."""
    colour = "brightgreen" if score.points > 3 else "yellow" if score.points > 1 else "red"
    badge = f"https://img.shields.io/badge/ML_Test_Score-{score.points:g}-{colour}"
    lines = [
        f"# ML Test Score of {score.project}",
        f"![ML Test Score {score.points:g}]({badge})",
        "",
        f"{_line(score)} Judged: {score.champion or 'no champion'}.",
    ]
    for section, points in score.sections.items():
        lines += [
            "",
            f"## {section.capitalize()}: {points:g} of {TESTS}",
            "",
            "| | test | points | evidence, or what is missing |",
            "| --- | --- | --- | --- |",
        ]
        lines += [
            f"| {each.id[-1]} | {each.title} | {each.verdict.points:g} | {_escaped(_told(each))} |"
            for each in score.of(section)
        ]
    return "\n".join([*lines, "", _legend(), ""])


def _told(outcome: Outcome) -> str:
    verdict = outcome.verdict
    return f"{verdict.text} → {verdict.remedy}" if verdict.remedy else verdict.text


def _line(score: Score) -> str:
    sums = ", ".join(f"{section} {points:g}" for section, points in score.sections.items())
    return f"Score {score.points:g}, the least of {sums}: {score.reading}."


def _legend() -> str:
    return (
        "1: a system makes the test; 0.5: somebody made it; 0: nothing shows it. "
        "After Breck, Cai, Nielsen, Salib and Sculley, IEEE Big Data 2017."
    )


def _escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
