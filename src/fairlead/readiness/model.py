"""Model 1 to 7: what a project must show of how its model was made and how good it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fairlead.evaluation.leaderboard import Entry, Leaderboard
from fairlead.readiness.evidence import NO_CHAMPION, Evidence, quality_in_use, repeated
from fairlead.readiness.in_use import Served, against_training, are_reversed, is_other
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
    """Labels of the last 30 days say of the champion what training said: measured now.

    Training speaks of rows the model had not seen. They differ where it is by
    `retraining.min_quality_drop` or more, up or down, with 99 % confidence. A point where
    another version has labels of those days too, the two are not the other way round, and CI or
    DVC runs `fairlead score`; half a point else.
    """
    own = quality_in_use(evidence)
    if isinstance(own, Verdict):
        return own
    text = against_training(own)
    if is_other(own, evidence.spec.retraining.min_quality_drop):
        return Verdict(0, f"offline and online differ: {text}", "fairlead quality")
    qualities = evidence.served.qualities if isinstance(evidence.served, Served) else {}
    others = [each for each in qualities.values() if each is not own and each.measured]
    for other in others:
        if are_reversed(own, other):
            text += f"; version {other.version} is the other way round: {against_training(other)}"
            return Verdict(0, text, "fairlead quality")
    if not others:
        return Verdict(MANUAL, f"{text}; of no other version", "fairlead canary start challenger")
    return repeated(evidence, "fairlead score", f"{text}; version {others[0].version} agrees")


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
    """Labels tell what a version was worth at first, and what it was worth days later.

    Its oldest labelled predictions beside its newest, `monitoring.min_rows` each, at least 3 days
    apart: measured now. A point where CI or DVC runs `fairlead score`, half a point else.
    """
    if evidence.champion is None:
        return NO_CHAMPION
    if isinstance(evidence.served, str):
        return Verdict(0, evidence.served, "`POST /feedback` or fairlead labels import FILE")
    found = evidence.served.aged
    if found is None:
        text = "no version has enough labelled predictions that are days apart"
        return Verdict(0, text, "fairlead labels import FILE; FAIRLEAD_PREDICTION_LOG_DAYS")
    then, later = (
        f"{each.value:.4g} ± {each.standard_error:.2g}" for each in (found.young, found.old)
    )
    text = (
        f"{found.metric} of version {found.version}: {then} at first, {later} {found.days:.1f} "
        f"days later, on {found.rows:,} labelled predictions each"
    )
    return repeated(evidence, "fairlead score", text)


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
