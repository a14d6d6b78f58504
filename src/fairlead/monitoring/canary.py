"""Judges a challenger by what it and the champion answered in the same time."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fairlead.evaluation.records import Predictions
from fairlead.monitoring.harm import (
    Harm,
    class_distance,
    number_distance,
    qualities,
    quantiles,
    rates,
    tail,
)

Outcome = Literal["pass", "warning", "not judged", "inconclusive", "fail"]
ALPHA = 0.05
"""Of challengers that are no worse than the champion, at most so many are aborted."""
TESTS = 5
"""Errors, median, tail, numbers that are none, quality: each has an equal part of `ALPHA`."""
ERRORS_FLOOR, ERRORS_MARGIN = 0.001, 0.02
LATENCY_FLOOR_S = 0.002
LATENCY_FLOOR = 0.1
MARGINS = {"median": (0.002, 0.5), "tail": (0.01, 1.0)}
"""A challenger passes once it is shown to be slower by less than so many seconds, or this share."""
WARNING = 0.1
EXTREME = {"class": 0.5, "number": 1.0}
MIN_LABELLED = 100


@dataclass(frozen=True, eq=False)
class Answered:
    """What one version answered in a step; of both versions equally much, but for the requests.

    Attributes:
        requests: that reached it, as the service has counted; None where no service was found.
        failed: of those, how many it did not answer with 2xx.
        seconds: shape (n,), how long requests took that were answered.
        prediction: shape (m,): labels of classes, or numbers; NaN where one is not finite.
        labelled: predictions of the canary so far that have a label; None without any.
    """

    requests: int | None
    failed: int
    seconds: NDArray[np.float64]
    prediction: NDArray[Any]
    labelled: Predictions | None = None


@dataclass(frozen=True)
class Check:
    """One thing that the two versions are compared by.

    Attributes:
        name: such as `errors` or `latency p99`.
        outcome: `fail` and `inconclusive` decide on the step, the others do not hold it up.
        champion, challenger: what was measured; None where nothing was.
        low, high: interval of how much worse the challenger is; None where there is none.
        expected: what passes, in words.
        found: what was found, in words.
    """

    name: str
    outcome: Outcome
    champion: float | None
    challenger: float | None
    low: float | None
    high: float | None
    expected: str
    found: str

    def to_json(self) -> dict[str, Any]:
        """The fields for JSON, which knows no NaN: None instead."""
        return {
            name: None if isinstance(value, float) and not math.isfinite(value) else value
            for name, value in vars(self).items()
        }


@dataclass(frozen=True)
class Judgement:
    """What one look at a step has found.

    Attributes:
        percent: of the traffic that the challenger had.
        look: which one at this step, from 1.
        requests: answered ones that were compared, of each version.
        checks: what they were compared by.
    """

    percent: float
    look: int
    requests: int
    checks: tuple[Check, ...]

    @property
    def outcome(self) -> Literal["pass", "inconclusive", "fail"]:
        """`fail` where one check fails, else `inconclusive` where one is."""
        found = {check.outcome for check in self.checks}
        return "fail" if "fail" in found else "inconclusive" if "inconclusive" in found else "pass"

    @property
    def reason(self) -> str:
        """The checks that decided, in words; those with a warning too."""
        decisive = {"pass": ("warning",), "inconclusive": ("inconclusive",), "fail": ("fail",)}
        named = [
            f"{check.name}: {check.found}"
            for check in self.checks
            if check.outcome in decisive[self.outcome]
        ]
        looked = f"step of {self.percent:g} %, look {self.look}: {self.outcome}"
        return "; ".join([looked, *named])

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {
            "percent": self.percent,
            "look": self.look,
            "outcome": self.outcome,
            "requests": self.requests,
            "checks": [check.to_json() for check in self.checks],
        }


def level(look: int, steps: int, alpha: float = ALPHA) -> float:
    """What one test at one look may spend of `alpha`.

    Steps and tests share equally; the first look at a step takes half of its part, each further
    one half of what is left. The sum over all looks never reaches `alpha`, however many there are.
    """
    return float(alpha / steps / TESTS / 2**look)


def judge(
    champion: Answered,
    challenger: Answered,
    *,
    percent: float,
    look: int,
    steps: int,
    min_rows: int,
    metric: str,
    alpha: float = ALPHA,
) -> Judgement:
    """Compare what two versions answered, at a look that may be one of many.

    Args:
        champion: one side.
        challenger: the other; as many answers.
        percent: share of the step.
        look: which one at this step, from 1.
        steps: how many the canary has.
        min_rows: answers of each version without which nothing passes.
        metric: of the quality.
        alpha: risk, over all looks, tests and steps, to abort a challenger that is no worse.
    """
    each = level(look, steps, alpha)
    answers = min(len(champion.seconds), len(challenger.seconds))
    checks = [_rows(answers, min_rows), _errors(champion, challenger, each)]
    if answers:
        checks += _latencies(champion.seconds, challenger.seconds, each)
        checks += _predictions(champion.prediction, challenger.prediction, each)
    checks.append(_quality(champion.labelled, challenger.labelled, metric, each))
    return Judgement(percent, look, answers, tuple(checks))


def _rows(answers: int, least: int) -> Check:
    outcome: Outcome = "pass" if answers >= least else "inconclusive"
    found = f"{answers:,} of each version"
    return Check("answers", outcome, None, None, None, None, f"{least:,} of each version", found)


def _errors(champion: Answered, challenger: Answered, alpha: float) -> Check:
    expected = f"less than {100 * ERRORS_MARGIN:g} points more"
    if champion.requests is None or challenger.requests is None:
        found = "no running service found to ask: name it by --url"
        return Check("errors", "inconclusive", None, None, None, None, expected, found)
    if not champion.requests or not challenger.requests:
        found = f"{champion.requests:,} and {challenger.requests:,} requests counted"
        return Check("errors", "inconclusive", None, None, None, None, expected, found)
    sides = (champion.failed, champion.requests), (challenger.failed, challenger.requests)
    harm = rates(*sides, alpha)
    found = (
        f"{challenger.failed:,} of {challenger.requests:,} requests failed, "
        f"of the champion's {champion.failed:,} of {champion.requests:,}"
    )
    return _weighed("errors", harm, ERRORS_FLOOR, ERRORS_MARGIN, expected, found)


def _latencies(
    champion: NDArray[np.float64], challenger: NDArray[np.float64], alpha: float
) -> list[Check]:
    rows = min(len(champion), len(challenger))
    checks = []
    for kind, q in (("median", 0.5), ("tail", tail(rows, alpha))):
        harm = quantiles(champion, challenger, q, alpha)
        floor = max(LATENCY_FLOOR_S, LATENCY_FLOOR * harm.champion)
        least, share = MARGINS[kind]
        margin = max(least, share * harm.champion)
        expected = f"less than {1e3 * margin:.3g} ms more"
        found = f"{1e3 * harm.challenger:.3g} ms, the champion's {1e3 * harm.champion:.3g} ms"
        checks.append(_weighed(f"latency p{100 * q:g}", harm, floor, margin, expected, found))
    return checks


def _weighed(
    name: str, harm: Harm, floor: float, margin: float, expected: str, found: str
) -> Check:
    """Fail what is surely worse than the floor, pass what is surely within the margin."""
    outcome: Outcome = (
        "fail" if harm.low > floor else "pass" if harm.high <= margin else "inconclusive"
    )
    if outcome == "inconclusive":
        found += "; too few to tell"
    return Check(
        name, outcome, harm.champion, harm.challenger, harm.low, harm.high, expected, found
    )


def _predictions(champion: NDArray[Any], challenger: NDArray[Any], alpha: float) -> list[Check]:
    """A better model may predict otherwise: only what is extreme is a fault."""
    if champion.dtype.kind != "f":
        return [_distance("class", *class_distance(*_counts(champion, challenger)))]
    sides = [each[np.isfinite(each)] for each in (champion, challenger)]
    lost = [
        (len(every) - len(own), len(every))
        for every, own in zip((champion, challenger), sides, strict=True)
    ]
    harm = rates(lost[0], lost[1], alpha)
    found = f"{lost[1][0]:,} of {lost[1][1]:,} are no number, of the champion's {lost[0][0]:,}"
    expected = f"less than {100 * ERRORS_MARGIN:g} points more"
    checks = [_weighed("finite", harm, ERRORS_FLOOR, ERRORS_MARGIN, expected, found)]
    rows = min(map(len, sides))
    if rows:
        cut = [side[:rows] for side in sides]
        checks.append(_distance("number", *number_distance(cut[0], cut[1])))
    return checks


def _counts(
    champion: NDArray[Any], challenger: NDArray[Any]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    classes, codes = np.unique(np.concatenate([champion, challenger]), return_inverse=True)
    one, two = codes[: len(champion)], codes[len(champion) :]
    return (
        np.bincount(one, minlength=len(classes)).astype(np.float64),
        np.bincount(two, minlength=len(classes)).astype(np.float64),
    )


def _distance(kind: str, effect: float, noise: float) -> Check:
    unit = " standard deviations" if kind == "number" else ""
    extreme = EXTREME[kind]
    outcome: Outcome = "pass"
    if effect >= extreme + noise:
        outcome = "fail"
    elif effect >= WARNING and effect > noise:
        outcome = "warning"
    found = f"{effect:.3f}{unit} from the champion's, by chance up to {noise:.3f}"
    expected = f"less than {extreme:g} and chance"
    return Check("predictions", outcome, None, effect, None, None, expected, found)


def _quality(
    champion: Predictions | None, challenger: Predictions | None, metric: str, alpha: float
) -> Check:
    name, expected = f"quality ({metric})", "not shown to be worse"
    rows = [0 if each is None else each.rows for each in (champion, challenger)]
    if champion is None or challenger is None or min(rows) < MIN_LABELLED:
        found = f"{min(rows):,} labelled of each version, {MIN_LABELLED} are needed"
        return Check(name, "not judged", None, None, None, None, expected, found)
    harm = qualities(champion, challenger, metric, alpha)
    if harm is None:
        found = "the metric is not defined on these rows"
        return Check(name, "not judged", None, None, None, None, expected, found)
    found = (
        f"{harm.challenger:.4g}, the champion's {harm.champion:.4g}, "
        f"on {rows[1]:,} and {rows[0]:,} labelled rows"
    )
    outcome: Outcome = "fail" if harm.low > 0 else "pass"
    return Check(
        name, outcome, harm.champion, harm.challenger, harm.low, harm.high, expected, found
    )
