from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.evaluation.records import Estimate
from fairlead.monitoring.records import Quality
from fairlead.retraining.policy import decide
from fairlead.retraining.records import BUDGET_SPAN, TRIGGERS, Facts, Rules, Run, Trigger

NOW = datetime(2026, 3, 1, tzinfo=UTC)
RULES = Rules()


def quality(measured: float, error: float = 0.001) -> Quality:
    value = Estimate(measured, error, measured - 2 * error, measured + 2 * error)
    return Quality("rmse", "smaller", 1000, 500, value, None, Estimate(1.0, 0.01, 0.98, 1.02))


WORSE = quality(1.2)
SOUND = Facts({}, (), (), WORSE, 1000, 500, NOW - timedelta(days=1), {})


def run(at: datetime) -> Run:
    return Run("r", at, "hand", "", "a@b", 1, outcome="refused", finished_at=at)


facts = st.builds(
    Facts,
    broken=st.dictionaries(st.sampled_from("abc"), st.just("missing"), max_size=2),
    drifted=st.none() | st.lists(st.sampled_from("abc"), max_size=2).map(tuple),
    schema=st.lists(st.just("d is new"), max_size=1).map(tuple),
    quality=st.none() | st.builds(quality, st.floats(0.5, 2), st.floats(0, 0.5)),
    labels=st.integers(0, 2000),
    new_labels=st.integers(0, 2000),
    newest_label=st.none() | st.integers(0, 60).map(lambda days: NOW - timedelta(days=days)),
    unusable=st.dictionaries(st.just("a was not logged"), st.integers(1, 9), max_size=1),
)
histories = st.lists(st.integers(0, 90), max_size=12).map(
    lambda days: [run(NOW - timedelta(days=each)) for each in sorted(days, reverse=True)]
)
triggers = st.sampled_from(TRIGGERS)


@given(trigger=triggers, seen=facts, runs=histories)
def test_nothing_is_ever_trained_on_broken_columns(
    trigger: Trigger, seen: Facts, runs: list[Run]
) -> None:
    if decide(trigger, seen, runs, RULES, NOW).action == "retrain":
        assert not seen.broken


@given(trigger=triggers, seen=facts, runs=histories)
def test_labels_are_there_new_and_fresh(trigger: Trigger, seen: Facts, runs: list[Run]) -> None:
    if decide(trigger, seen, runs, RULES, NOW).action == "retrain":
        assert seen.new_labels >= RULES.min_labels
        assert seen.newest_label is not None
        assert NOW - seen.newest_label <= RULES.max_label_age


@given(trigger=triggers, seen=facts, runs=histories)
def test_cool_down_and_budget_are_kept(trigger: Trigger, seen: Facts, runs: list[Run]) -> None:
    if decide(trigger, seen, runs, RULES, NOW).action == "retrain":
        assert all(NOW - each.started_at >= RULES.cooldown for each in runs)
        assert sum(NOW - each.started_at < BUDGET_SPAN for each in runs) < RULES.budget


@given(seen=facts, runs=histories)
def test_an_alert_retrains_only_for_a_proved_loss_or_another_schema(
    seen: Facts, runs: list[Run]
) -> None:
    if decide("alert", seen, runs, RULES, NOW).action == "retrain":
        lost = seen.quality is not None and seen.quality.drop is not None
        assert seen.schema or lost


@given(seen=facts, runs=histories)
def test_whatever_an_alert_may_do_a_schedule_may(seen: Facts, runs: list[Run]) -> None:
    if decide("alert", seen, runs, RULES, NOW).action == "retrain":
        assert decide("schedule", seen, runs, RULES, NOW).action == "retrain"


@given(trigger=triggers, seen=facts, runs=histories)
def test_every_step_is_told_in_the_same_order(
    trigger: Trigger, seen: Facts, runs: list[Run]
) -> None:
    steps = [each.step for each in decide(trigger, seen, runs, RULES, NOW).reasons]
    order = ["pipeline", "traffic", "quality", "labels", "data", "cooldown", "budget"]
    assert steps == [each for each in order if each in steps]


@given(trigger=triggers, seen=facts, runs=histories)
def test_force_overrides_all_but_the_lack_of_rows(
    trigger: Trigger, seen: Facts, runs: list[Run]
) -> None:
    verdict = decide(trigger, seen, runs, RULES, NOW, force=True)
    assert (verdict.action == "retrain") == (
        seen.labels > 0 or not any(each.stops for each in verdict.reasons)
    )


def test_a_loss_that_chance_explains_does_not_retrain_on_alert() -> None:
    unsure = replace(SOUND, quality=quality(1.2, error=0.2))
    assert decide("alert", SOUND, [], RULES, NOW).action == "retrain"
    assert decide("alert", unsure, [], RULES, NOW).action == "wait"


@pytest.mark.parametrize(
    ("seen", "told"),
    [
        (replace(SOUND, broken={"age": "missing in 90 %"}), "mend that first: age: missing"),
        (replace(SOUND, newest_label=NOW - timedelta(days=30)), "stale"),
        (replace(SOUND, new_labels=3), "3 new of 1,000"),
        (replace(SOUND, quality=quality(1.0)), "no proved loss of 3 %"),
    ],
)
def test_why_it_waits_is_told(seen: Facts, told: str) -> None:
    verdict = decide("alert", seen, [], RULES, NOW)
    assert verdict.action == "wait"
    assert told in verdict.why


def test_a_window_that_could_not_be_judged_is_not_called_unchanged() -> None:
    told = {
        each.step: each.text
        for each in decide("alert", replace(SOUND, drifted=None), [], RULES, NOW).reasons
    }
    assert told["traffic"].startswith("no window could be judged")
