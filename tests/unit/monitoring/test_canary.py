"""A challenger is judged by what both answered: rarely aborted if equal, mostly if worse."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

from fairlead.evaluation.records import Predictions
from fairlead.monitoring.canary import ALPHA, TESTS, Answered, Judgement, judge, level

STEPS = (5, 25, 50)
LOOKS = 7
REQUESTS = 20_000
"""Between two looks, of both versions together."""


def answered(rng: np.random.Generator, rows: int, **fields: Any) -> Answered:
    fields = {"requests": rows, "failed": 0, **fields}
    prediction = fields.pop("prediction", rng.integers(0, 3, rows).astype(str))
    return Answered(
        seconds=fields.pop("seconds", 0.01 * rng.lognormal(sigma=0.7, size=rows)),
        prediction=prediction,
        **fields,
    )


def looked(champion: Answered, challenger: Answered, **fields: Any) -> Judgement:
    asked = {"percent": 5, "look": 1, "steps": 3, "min_rows": 500, "metric": "accuracy", **fields}
    return judge(champion, challenger, **asked)


def outcome(judgement: Judgement, name: str) -> str:
    return next(each.outcome for each in judgement.checks if each.name == name)


def end_of(seed: int, errors: float = 0.01, slow: float = 1.0, slow_tail: float = 1.0) -> str:
    """How a canary ends whose champion fails on 1 % and has a p99 of 51 ms."""
    rng = np.random.default_rng(seed)
    for step in STEPS:
        requests, failed = [0, 0], [0, 0]
        seconds: list[list[Any]] = [[], []]
        for look in range(1, LOOKS + 1):
            sizes = [REQUESTS * (100 - step) // 100, REQUESTS * step // 100]
            for side, rate in enumerate((0.01, errors)):
                requests[side] += sizes[side]
                failed[side] += int(rng.binomial(sizes[side], rate))
                took = rng.lognormal(sigma=0.7, size=sizes[1])
                took *= (1.0, slow)[side]
                seconds[side].append(np.where(took > 3.7, took * (1.0, slow_tail)[side], took))
            sides = [
                answered(
                    rng,
                    100,
                    requests=requests[side],
                    failed=failed[side],
                    seconds=0.01 * np.concatenate(seconds[side]),
                )
                for side in (0, 1)
            ]
            judgement = looked(*sides, percent=step, look=look)
            if judgement.outcome != "inconclusive":
                break
        if judgement.outcome != "pass":
            return judgement.outcome
    return "pass"


@pytest.mark.parametrize(
    ("worse", "ended", "least"),
    [
        ({}, "pass", 38),
        ({"errors": 0.03}, "fail", 32),
        ({"slow_tail": 2.0}, "fail", 32),
        ({"slow": 2.0}, "fail", 32),
    ],
    ids=["equal", "errors", "tail", "slow"],
)
def test_an_equal_challenger_passes_and_a_worse_one_is_aborted(
    worse: dict[str, float], ended: str, least: int
) -> None:
    assert Counter(end_of(seed, **worse) for seed in range(40))[ended] >= least


def test_all_looks_together_spend_less_than_the_whole() -> None:
    spent = sum(level(look, steps=3) for look in range(1, 1000)) * TESTS * 3
    assert 0.99 * ALPHA < spent < ALPHA + 1e-12


def test_too_few_answers_do_not_pass() -> None:
    rng = np.random.default_rng(42)
    judgement = looked(answered(rng, 400), answered(rng, 400))
    assert (judgement.outcome, outcome(judgement, "answers")) == ("inconclusive",) * 2


def test_no_answers_at_all_do_not_pass() -> None:
    nothing = Answered(None, 0, np.empty(0), np.empty(0))
    judgement = looked(nothing, nothing)
    assert judgement.outcome == "inconclusive"
    assert "no running service found" in judgement.reason


def test_a_challenger_that_only_fails_is_aborted_though_it_answered_nothing() -> None:
    rng = np.random.default_rng(42)
    dead = answered(rng, 0, requests=50, failed=50, seconds=np.empty(0))
    assert looked(answered(rng, 0, requests=950), dead).outcome == "fail"


def test_microseconds_do_not_abort() -> None:
    rng = np.random.default_rng(42)
    fast, slower = (answered(rng, 2000, seconds=np.full(2000, s)) for s in (0.0001, 0.001))
    assert looked(fast, slower).outcome == "pass"


def test_other_predictions_are_a_warning_and_extreme_ones_an_abort() -> None:
    rng = np.random.default_rng(42)
    usual = answered(rng, 1000)
    other = answered(rng, 1000, prediction=np.array(["0"] * 600 + ["1"] * 250 + ["2"] * 150))
    single = answered(rng, 1000, prediction=np.array(["0"] * 1000))
    judgement = looked(usual, other)
    assert (judgement.outcome, outcome(judgement, "predictions")) == ("pass", "warning")
    assert "predictions: 0.2" in judgement.reason
    assert looked(usual, single).outcome == "fail"


def test_numbers_that_are_none_abort() -> None:
    rng = np.random.default_rng(42)
    prices = rng.normal(size=1000)
    lost = np.where(np.arange(1000) < 50, np.nan, prices)
    one, two = answered(rng, 1000, prediction=prices), answered(rng, 1000, prediction=lost)
    assert outcome(looked(one, two), "finite") == "fail"
    assert looked(one, answered(rng, 1000, prediction=prices + 0.05)).outcome == "pass"
    assert outcome(looked(one, answered(rng, 1000, prediction=prices + 2)), "predictions") == "fail"
    none = answered(rng, 1000, prediction=np.full(1000, np.nan))
    assert looked(one, none).outcome == "fail"


def labels(rng: np.random.Generator, rows: int, right: float) -> Predictions:
    truth = rng.integers(0, 2, rows)
    return Predictions(truth, truth ^ (rng.random(rows) > right), None, ("a", "b"))


def test_quality_that_is_shown_to_be_worse_aborts_and_few_labels_do_not_hold_up() -> None:
    rng = np.random.default_rng(42)
    good, bad = labels(rng, 1000, 0.95), labels(rng, 1000, 0.85)
    sides = answered(rng, 1000, labelled=good), answered(rng, 1000, labelled=bad)
    assert outcome(looked(*sides), "quality (accuracy)") == "fail"
    assert looked(sides[1], sides[0]).outcome == "pass"
    few = answered(rng, 1000, labelled=labels(rng, 20, 0.2))
    judgement = looked(sides[0], few)
    assert (judgement.outcome, outcome(judgement, "quality (accuracy)")) == ("pass", "not judged")


def test_a_judgement_is_json() -> None:
    rng = np.random.default_rng(42)
    document = looked(answered(rng, 20), answered(rng, 20)).to_json()
    assert document["outcome"] == "inconclusive"
    assert [each["high"] for each in document["checks"] if "p90" in each["name"]] == [None]
