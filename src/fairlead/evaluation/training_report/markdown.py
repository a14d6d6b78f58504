"""The report on a training as one page of Markdown, for a pull request."""

from __future__ import annotations

from collections.abc import Iterator

from fairlead.evaluation.tables import markdown as leaderboard_markdown
from fairlead.evaluation.training_report.conclusions import conclusions
from fairlead.evaluation.training_report.provenance import recipe
from fairlead.evaluation.training_report.records import CandidateResults, TrainingResults
from fairlead.evaluation.training_report.sentences import (
    choice,
    interval,
    on_holdout,
    question,
    told,
)


def report_markdown(report: TrainingResults, figures: str) -> str:
    """The summary.

    Args:
        report: what is known.
        figures: where the pictures of the training are, as links in the file have it, without a
            slash at the end.
    """
    chosen = report.chosen
    lines = [
        f"# Training of {report.spec.name}",
        "",
        " ".join((question(report), choice(report), on_holdout(report))),
        "",
        "## Conclusions",
        "",
        *(f"- {line}" for line in conclusions(report)),
        "",
        "## Candidates",
        "",
        leaderboard_markdown(report.board).rstrip(),
        "",
    ]
    if chosen is not None:
        lines += [*_slices(report, chosen), *_links(report, chosen, figures)]
        lines += ["## Reproducibility", "", *_provenance(report, chosen), ""]
    return "\n".join(lines).rstrip() + "\n"


def _slices(report: TrainingResults, chosen: CandidateResults) -> Iterator[str]:
    scored = [each for each in chosen.slices if each.estimate.is_defined]
    if not scored:
        return
    yield from ("## Slices", "", f"| slice | rows | {report.board.metric} | 95 % interval | |")
    yield "| --- | ---: | ---: | ---: | --- |"
    for each in scored:
        mark = "▼ worse than the whole" if each.is_worse else ""
        value = f"{each.column}: {each.value}".replace("|", "\\|").replace("<", "&lt;")
        figure = told(report.board, each.estimate)
        spread = interval(report.board, each.estimate)
        yield f"| {value} | {each.rows:,} | {figure} | {spread} | {mark} |"
    yield ""


def _links(report: TrainingResults, chosen: CandidateResults, figures: str) -> Iterator[str]:
    files = [*report.figures, *(f"figures/{chosen.name}/{name}" for name in chosen.figures)]
    if files:
        texts = (file.rpartition("/")[2].removesuffix(".png").replace("_", " ") for file in files)
        links = (f"[{text}]({figures}/{file})" for text, file in zip(texts, files, strict=True))
        yield from (f"Pictures: {' · '.join(links)}", "")


def _provenance(report: TrainingResults, chosen: CandidateResults) -> Iterator[str]:
    if chosen.manifest is None:
        yield "The bundle is gone, and with it what it was made of."
        return
    known = chosen.manifest["provenance"]
    dirty = " (with changes)" if known.get("git_dirty") else ""
    yield (
        f"Commit `{str(known.get('git_commit') or 'none')[:12]}`{dirty}, data "
        f"`{known['data_fingerprint'][:12]}`, project file `{known['spec_digest'][:12]}`, "
        f"environment `{known['environment_digest'][:12]}`, graph `{known['graph_sha256'][:12]}`, "
        f"seed {known['seed']}. {recipe(report.spec.name, chosen)}"
    )
