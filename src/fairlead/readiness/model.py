"""Model 1 to 7: what a project must show of how its model was made and how good it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fairlead.evaluation.leaderboard import Entry, Leaderboard
from fairlead.readiness.evidence import NO_CHAMPION, Evidence
from fairlead.readiness.records import AUTOMATED, MANUAL, Verdict

FEWEST_TRIALS = 10
SIMPLICITY = {"high": 0, "medium": 1, "low": 2, None: 3}


def reviewed(evidence: Evidence) -> Verdict:
    """The champion was trained from the project file as it is committed, and that was reviewed.

    Half a point where it was committed; a point where the commit bears a trace of a review: a
    `Reviewed-by:` line, a merge that brought it, or an entry in CODEOWNERS.
    """
    found = evidence.repository
    if found.commit is None:
        return Verdict(0, "fairlead.yaml is not committed", "git add and git commit")
    if found.changed:
        return Verdict(0, f"fairlead.yaml differs from commit {found.commit}", "git commit")
    if evidence.champion is None:
        return NO_CHAMPION
    if evidence.champion.provenance["spec_digest"] != evidence.spec_digest:
        return Verdict(0, "the champion was trained from another fairlead.yaml", "fairlead train")
    text = f"trained from fairlead.yaml of commit {found.commit}, {found.subject!r}"
    if found.review is None:
        remedy = "a `Reviewed-by:` line in the commit, a merge, or CODEOWNERS"
        return Verdict(MANUAL, f"{text}; no trace of a review", remedy)
    return Verdict(AUTOMATED, f"{text}; {found.review}")


def correlated(evidence: Evidence) -> Verdict:
    """Offline and online metrics are compared: by hand, or claimed by a test.

    Labels of served predictions are needed, which Fairlead does not take yet.
    """
    del evidence
    return Verdict(0, "no labels of served predictions", "`score.manual.model_2`")


def tuned(evidence: Evidence) -> Verdict:
    """A search of at least 10 trials is part of the champion's training.

    The champion's own, or that of a candidate that stands below it on the leaderboard.
    """
    if evidence.champion is None:
        return NO_CHAMPION
    own = evidence.champion.candidate
    trials = {**evidence.searches, own: trials_of(evidence.champion.manifest)}
    if trials[own] >= FEWEST_TRIALS:
        return Verdict(AUTOMATED, f"{trials[own]} trials of {own}")
    for name, count in trials.items():
        if count >= FEWEST_TRIALS and _stands_below(evidence, name, own):
            return Verdict(AUTOMATED, f"{own} is no worse than {name} after {count} trials")
    remedy = f"`search: {{trials: {FEWEST_TRIALS}}}` on a candidate, then fairlead train"
    return Verdict(0, "the parameters were written down, not searched for", remedy)


def trials_of(manifest: Mapping[str, Any]) -> int:
    """How many trials a bundle's manifest tells of."""
    search = manifest.get("search")
    return int(search["trials"]) if search else 0


def _stands_below(evidence: Evidence, name: str, own: str) -> bool:
    """Whether a candidate of the champion's training stands below it."""
    ranked = [entry.name for entry in evidence.board.ranked] if evidence.board else []
    return {name, own} <= set(ranked) and ranked.index(own) < ranked.index(name)


def staleness(evidence: Evidence) -> Verdict:
    """What age does to the model is measured: by hand, or claimed by a test."""
    timed = [name for name, column in evidence.spec.data.columns.items() if column.role == "time"]
    text = "what age does to the model was not measured"
    return Verdict(0, text if timed else f"{text}: no column is the time", "`score.manual.model_4`")


def no_simpler(evidence: Evidence) -> Verdict:
    """The champion beats the baseline, and no simpler candidate is shown to be as good.

    One point, as every training compares them on the same rows. At least one simpler candidate
    must have been tried, unless the champion is of the simplest kind itself; none may be within
    one standard error of the best while a more complex one is champion.
    """
    if evidence.champion is None:
        return NO_CHAMPION
    board = evidence.board
    own = None if board is None else _entry(board, evidence.champion.candidate)
    if board is None or own is None:
        return Verdict(0, "the leaderboard is of another training", "fairlead train")
    against = own.against_baseline
    if against is None or against.verdict != "better":
        return Verdict(0, f"{own.name} is not shown to beat the baseline", "fairlead leaderboard")
    simpler = [entry for entry in board.entries if _rank(entry) < _rank(own) and not entry.error]
    if not simpler and own.interpretability != "high":
        return Verdict(0, f"nothing simpler than {own.name} was tried", "a simpler candidate")
    close = [entry.name for entry in simpler if entry == board.best or board.is_close(entry)]
    if close:
        text = f"{close[0]} is simpler than {own.name} and as good"
        return Verdict(0, text, "`evaluation.select: simplest`, then promote it")
    names = "".join(f" and {entry.name}" for entry in simpler) or ", nothing is simpler"
    return Verdict(AUTOMATED, f"on the same rows, {own.name} beats the baseline{names}")


def _rank(entry: Entry) -> int:
    return SIMPLICITY[entry.interpretability]


def _entry(board: Leaderboard, name: str) -> Entry | None:
    return next((entry for entry in board.entries if entry.name == name), None)


def slices(evidence: Evidence) -> Verdict:
    """The project names slices, all large ones were scored, and the champion is worse on none.

    One point, as every training scores them. A slice that is worse than the whole costs the
    point: mend it, or declare by hand why it is good enough.
    """
    if evidence.champion is None:
        return NO_CHAMPION
    if not evidence.spec.evaluation.slices:
        return Verdict(0, "the project names no slices", "`evaluation.slices`")
    found = evidence.champion.manifest.get("slices", {})
    source = "holdout" if found.get("holdout") else "cv"
    scored = [each for each in found.get(source, ()) if each["estimate"]["value"] is not None]
    if not scored:
        return Verdict(0, "no slice was scored in the champion's training", "fairlead train")
    worse = [f"{each['column']} {each['value']}" for each in scored if each["is_worse"]]
    if worse:
        text = f"worse than the whole where {' or '.join(worse)}"
        return Verdict(0, text, "mend it, or say in `score.manual` why it is good enough")
    columns = ", ".join(evidence.spec.evaluation.slices)
    where = "holdout" if source == "holdout" else "cross-validation"
    return Verdict(AUTOMATED, f"worse in none of {len(scored)} slices of {columns} ({where})")


def inclusive(evidence: Evidence) -> Verdict:
    """Whether the model is fair to those it is about is for people to say, or a test's claim."""
    del evidence
    return Verdict(0, "nobody says whom the model may harm", "`score.manual.model_7`")
