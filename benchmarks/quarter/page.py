"""The page on the quarter, written from its figures."""

from __future__ import annotations

from typing import Any

from benchmarks.quarter.stationary import DAYS_OF_WEEK, WEEKS
from benchmarks.quarter.verdict import BOUND, LAST_DAYS, STILL_DAYS, WINDOWS, WON_BACK
from benchmarks.quarter.world import LABEL_DELAY_DAYS, LABELLED, PAST, QUARTER

HEAD = f"""# A quarter of a model's life

Written by `python -m benchmarks.quarter`; do not edit. What is simulated is the clock, and who
asks: rows of the reference projects that the first model never saw ({1 - PAST:.0%} of them), drawn
anew every day. All else is real: MLflow's registry, the prediction log with its sketches, labels
imported {LABEL_DELAY_DAYS} days late for {LABELLED:.0%} of the predictions, one look of the
monitor a day, the policy, the gates and the ledger. Nobody approves by hand: `retraining.promote`
is `automatic`; besides alerts a schedule asks, twice a month in housing and weekly in obesity, and
a retraining has its four days of rest. Labels count for
90 days in housing, whose old prices can be brought to the level of today, and for 14 in obesity,
where an old guideline cannot; for that its log is kept 30 days, not 7. One candidate each; all
else is as it is by default.
"""
STORY = """
## What happens

| days | what |
| --- | --- |
"""
LAST = f"""
How it is judged: of {{repetitions}} seeded repetitions of {WEEKS * DAYS_OF_WEEK} stationary days,
at most {BOUND} may raise an alert of any kind. A change is alerted in time within {WINDOWS}
windows: the broken column and the shift from their first day on; the slow change from the day on
which the labels came of the first day that lost {{losses}} of what the served model had when it
was promoted. What is won back is what the served models lose less than the first one in the last
{LAST_DAYS} days, of what that loses against a model that is as good there as it was itself in its
first {STILL_DAYS} days (prices that are 30% lower have errors that are): {WON_BACK:.0%} are asked.
It is measured on the three tenths of the rows that no retraining is ever trained on, because the
same rows come again on other days and a retrained model knows many of the others. A tree of four
levels is trained on purpose and put up for promotion: it must be refused.

Not shown here: seasons, several models in one service, callers that differ by route, labels that
come for some kinds of rows only. The figures are in [quarter.json](quarter.json); the seeds are
fixed, the clock begins on 1 January 2040.
"""


def page(document: dict[str, Any], losses: dict[str, float]) -> str:
    """Markdown.

    Args:
        document: as `quarter.json` has it.
        losses: project -> relative loss from which the slow change counts.
    """
    pictures = [f"\n![A quarter of {name}'s life](quarter-{name}.png)\n" for name in document]
    parts = [HEAD, *pictures, STORY]
    parts += [f"| {each.first}–{each.last} | {each.told} |\n" for each in QUARTER]
    parts.append("\n## What was found\n\n")
    columns = [_column(each) for each in document.values()]
    parts.append(f"| | {' | '.join(document)} |\n| --- | {' | '.join('---' for _ in document)} |\n")
    for row in zip(*columns, strict=True):
        parts.append(f"| {row[0][0]} | {' | '.join(each[1] for each in row)} |\n")
    told = ", ".join(f"{losses[name]:.0%} ({name})" for name in document)
    repetitions = next(iter(document.values()))["stationary"]["repetitions"]
    parts.append(LAST.format(losses=told, repetitions=repetitions))
    return "".join(parts)


def _column(document: dict[str, Any]) -> list[tuple[str, str]]:
    """The rows of the table for one project, each with its title."""
    found, kept = document["verdict"]["found"], document["verdict"]["kept"]
    unit = "{:,.0f}" if document["better"] == "smaller" else "{:.4f}"
    still = document["stationary"]
    quiet = len(found["alerts_in_quiet_days"])

    def mark(key: str, text: str) -> str:
        return text if kept[key] else f"**{text} — missed**"

    return [
        ("predictions a day", f"{document['per_day']:,}"),
        (
            "stationary repetitions with an alert",
            mark("stationary", f"{found['stationary_alerts']} of {still['repetitions']}"),
        ),
        ("alerts on quiet days and in the spike", mark("quiet", str(quiet))),
        ("broken column: pipeline alert on day", mark("broken", str(found["broken_alerted_on"]))),
        (
            "retrainings while it was broken",
            mark("not retrained on it", str(len(found["broken_retrained"]))),
        ),
        ("other people: drift alert on day", mark("shift", str(found["shift_alerted_on"]))),
        ("what follows from it", f"`{found['shift_action']}`"),
        ("slow change: so much lost that it counts, on day", str(found["concept_noticed_on"])),
        (
            "the same, if the first model is measured instead of the served one",
            str(found["concept_noticed_by_first_on"]),
        ),
        ("quality alert on day", mark("concept", str(found["concept_alerted_on"]))),
        ("retrained models promoted on days", ", ".join(map(str, found["promoted_on"])) or "none"),
        ("retrained models refused on days", ", ".join(map(str, found["refused_on"])) or "none"),
        (
            f"{document['metric']} of the first model, first days, rows that are never trained on",
            unit.format(found["still"]),
        ),
        ("the same in the last days", unit.format(found["first_at_the_end"])),
        ("what was served in the last days", unit.format(found["served_at_the_end"])),
        ("an equally good model then", unit.format(found["equally_good_at_the_end"])),
        ("won back of what was lost", mark("won back", f"{found['won_back']:.0%}")),
        (
            "a worse challenger",
            mark("worse refused", "refused" if found["worse_refused"] else "promoted"),
        ),
        ("minutes", f"{document['seconds'] / 60:.0f}"),
    ]
