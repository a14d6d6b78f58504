"""What the quarter has shown: each promise, what was found, and whether it was kept."""

from __future__ import annotations

from statistics import fmean
from typing import Any, Literal

from benchmarks.quarter.world import LABEL_DELAY_DAYS, QUARTER, Chapter, Scenery

BOUND = 2
"""Repetitions of stationary weeks, of 200, that may raise an alert."""
WINDOWS = 2
"""In so many windows a real change is alerted."""
WON_BACK = 0.8
LAST_DAYS = 7
STILL_DAYS = 21


def verdict(document: dict[str, Any], scenery: Scenery) -> dict[str, Any]:
    """Judge what was found.

    Args:
        document: as `quarter.json` has it for one project.
        scenery: of the project.

    Returns:
        Figures, sentences, and whether all of it was kept.
    """
    days = document["days"]
    chapters = {each.kind: each for each in QUARTER}
    still = {seed for seed, *_ in document["stationary"]["alerts"]}
    alerts = [(day["day"], kind) for day in days for kind, _ in day["raised"]]
    worth = _worth(document, days, scenery.scale)
    broken, shift, concept = (chapters[kind] for kind in ("broken", "shift", "concept"))
    noticed = _noticed(document, days, concept, scenery.noticed)
    found = {
        "stationary_alerts": len(still),
        "alerts_in_quiet_days": [each for each in alerts if _is_quiet(each[0])],
        "broken_alerted_on": _first(alerts, "pipeline", broken),
        "broken_retrained": [day["answered"] for day in days if _trained(day, broken)],
        "shift_alerted_on": _first(alerts, "drift", shift),
        "shift_action": _action(days, shift),
        "concept_noticed_on": noticed,
        "concept_noticed_by_first_on": _noticed(
            document, days, concept, scenery.noticed, of="first"
        ),
        "concept_alerted_on": _first(alerts, "quality", concept),
        "promoted_on": [day["day"] for day in days if "promoted" in day["answered"]],
        "refused_on": [day["day"] for day in days if "refused" in day["answered"]],
        "worse_refused": document["worse"]["outcome"] == "fail",
        **worth,
    }
    kept = {
        "stationary": found["stationary_alerts"] <= BOUND,
        "quiet": not found["alerts_in_quiet_days"],
        "broken": _within(found["broken_alerted_on"], broken.first),
        "not retrained on it": not found["broken_retrained"],
        "shift": _within(found["shift_alerted_on"], shift.first),
        "concept": noticed is not None
        and _within(found["concept_alerted_on"], noticed + LABEL_DELAY_DAYS),
        "won back": found["won_back"] >= WON_BACK,
        "worse refused": found["worse_refused"],
    }
    told = [
        f"{scenery.name}: {name} {'kept' if is_kept else 'NOT KEPT'}"
        for name, is_kept in kept.items()
    ]
    return {"found": found, "kept": kept, "told": told}


def _worth(document: dict[str, Any], days: list[dict[str, Any]], scale: float) -> dict[str, float]:
    """How much of what the first model has lost the served one wins back, in the last days.

    On the rows that no retraining trains on: the same rows come again, and to know them by heart
    is nothing won.
    """
    sign = 1 if document["better"] == "smaller" else -1
    still = fmean(day["first_unseen"] for day in days[:STILL_DAYS])
    first = fmean(day["first_unseen"] for day in days[-LAST_DAYS:])
    served = fmean(day["unseen"] for day in days[-LAST_DAYS:])
    equal = still * scale
    lost = sign * (first - equal)
    return {
        "still": still,
        "equally_good_at_the_end": equal,
        "first_at_the_end": first,
        "served_at_the_end": served,
        "won_back": sign * (first - served) / lost if lost > 0 else 0.0,
    }


def _noticed(
    document: dict[str, Any],
    days: list[dict[str, Any]],
    concept: Chapter,
    loss: float,
    *,
    of: Literal["truth", "first"] = "truth",
) -> int | None:
    """The first day on which a model is that much worse than its baseline.

    That is the served one (`truth`); the `first` one is stricter where a better one is served.
    """
    sign, baselines = 1 if document["better"] == "smaller" else -1, {1: document["baseline"]}
    for day in days:
        model = day["champion"] if of == "truth" else 1
        if day["baseline"] is not None and of == "truth":
            baselines[model] = day["baseline"]
        base = baselines.get(model)
        if base is None or day["day"] < concept.first:
            continue
        if sign * (day[of] - base) / base >= loss:
            return int(day["day"])
    return None


def _is_quiet(day: int) -> bool:
    """A day on which nothing happens, nor did in the two windows before."""
    return not any(each.first <= day <= each.last + WINDOWS for each in QUARTER) or any(
        each.kind == "spike" and each.holds(day) for each in QUARTER
    )


def _first(alerts: list[tuple[int, str]], kind: str, chapter: Chapter) -> int | None:
    return next((day for day, each in alerts if each == kind and day >= chapter.first), None)


def _within(day: int | None, since: int) -> bool:
    return day is not None and day - since < WINDOWS


def _trained(day: dict[str, Any], chapter: Chapter) -> bool:
    return chapter.first <= day["day"] <= chapter.last and bool(day["answered"])


def _action(days: list[dict[str, Any]], chapter: Chapter) -> str:
    last: str = days[chapter.last - 1]["action"]
    return last
