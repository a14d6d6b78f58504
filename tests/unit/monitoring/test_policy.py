"""An alert is raised once, in time, and never without need."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.monitoring.watching import COLUMNS, DAY, START, WATCHED, day, quality, seen

from fairlead.monitoring.alerts import Alert, Rules
from fairlead.monitoring.observation import Observation
from fairlead.monitoring.policy import KEPT, PolicyState, Step, step

RULES = Rules()
HALF = ("income", "age")


def run(looks: Iterable[Observation], rules: Rules = RULES) -> list[Step]:
    state, steps = PolicyState(), []
    for look in looks:
        steps.append(step(state, look, rules, look.window.end))
        state = steps[-1].state
    return steps


def raised(steps: Sequence[Step]) -> list[list[str]]:
    return [[alert.kind for alert in each.raised] for each in steps]


def test_drift_is_an_alert_in_the_second_window() -> None:
    steps = run([seen(1), seen(2, HALF), seen(3, HALF), seen(4, HALF)])
    assert raised(steps) == [[], [], ["drift"], []]
    (alert,) = steps[-1].state.firing
    assert (alert.subjects, alert.severity, alert.version) == (HALF, "warning", "3")
    assert alert.first_seen == START + 2 * DAY
    assert alert.raised_at == START + 3 * DAY
    assert alert.last_seen == START + 4 * DAY
    assert alert.window == day(3)


def test_fewer_columns_than_the_share_are_none() -> None:
    assert raised(run([seen(n, ("income",)) for n in range(5)])) == [[]] * 5


def test_a_stable_window_between_begins_anew() -> None:
    looks = [seen(1, HALF), seen(2), seen(3, HALF), seen(4, HALF)]
    assert raised(run(looks)) == [[], [], [], ["drift"]]


def test_a_window_with_few_rows_says_nothing() -> None:
    looks = [seen(1, HALF), seen(2, HALF, rows=20), seen(3, HALF), seen(4, rows=20), seen(5)]
    steps = run(looks)
    assert raised(steps) == [[], [], ["drift"], [], []]
    assert [len(each.resolved) for each in steps] == [0, 0, 0, 0, 1]


def test_looks_whose_windows_overlap_count_once() -> None:
    hourly = [seen(1 + hour / 24, HALF) for hour in range(25)]
    steps = run(hourly)
    assert [bool(each.raised) for each in steps] == [False] * 24 + [True]
    assert steps[22].state.streaks["drift"].windows == 1


def test_a_broken_column_is_an_alert_at_once() -> None:
    steps = run([seen(1), seen(2, broken=("income",))])
    assert raised(steps) == [[], ["pipeline"]]
    assert steps[1].raised[0].subjects == ("income",)
    assert "income: 90.0 % missing" in steps[1].raised[0].summary


@pytest.mark.parametrize(("column", "severity"), [("income", "critical"), ("ocean", "warning")])
def test_a_fault_in_an_important_column_is_critical(column: str, severity: str) -> None:
    (only,) = run([seen(1, broken=(column,))])
    assert only.raised[0].severity == severity


def test_another_broken_column_is_another_alert_after_the_cool_down() -> None:
    one, two = ("income",), ("income", "age")
    looks = [seen(1, broken=one), seen(1.1, broken=two), seen(1.3, broken=two)]
    steps = run([*looks, seen(2, broken=("age",)), seen(3)])
    assert raised(steps) == [["pipeline"], [], ["pipeline"], [], []]
    assert steps[2].raised[0].subjects == ("age",)
    assert [[each.subjects for each in step.resolved] for step in steps[3:]] == [
        [("income",)],
        [("age",)],
    ]


def test_labels_that_show_a_loss_are_an_alert() -> None:
    worse = quality(106.0)
    steps = run([seen(1, labels=worse), seen(2, labels=worse)])
    assert raised(steps) == [[], ["quality"]]
    alert = steps[1].raised[0]
    assert (alert.subjects, alert.severity) == (("rmse",), "critical")
    assert alert.summary == "rmse 106 against 100 (6.0% worse), 300 labelled rows"


@pytest.mark.parametrize(
    ("measured", "standard_error"),
    [
        pytest.param(102.0, 0.1, id="too small a loss"),
        pytest.param(106.0, 4.0, id="may be chance"),
        pytest.param(90.0, 1.0, id="better"),
    ],
)
def test_labels_that_show_no_loss_are_none(measured: float, standard_error: float) -> None:
    found = quality(measured, standard_error=standard_error)
    assert raised(run([seen(n, labels=found) for n in range(4)])) == [[]] * 4


def test_the_same_labelled_rows_count_once() -> None:
    worse = quality(106.0)
    looks = [seen(n, labels=worse, labels_of=day(1)) for n in (2, 3, 4)]
    assert raised([*run(looks)]) == [[], [], []]
    later = [*looks, seen(5, labels=worse, labels_of=day(2))]
    assert raised(run(later)) == [[], [], [], ["quality"]]


def test_an_estimate_is_a_warning_however_large_and_gives_way_to_labels() -> None:
    guessed, known = quality(expected=200.0), quality(measured=200.0, expected=200.0)
    looks = [seen(1, labels=guessed), seen(2, labels=guessed)]
    steps = run([*looks, seen(3, labels=known), seen(4, labels=known)])
    assert raised(steps) == [[], ["estimate"], [], ["quality"]]
    assert steps[1].raised[0].severity == "warning"
    assert [alert.kind for alert in steps[2].resolved] == ["estimate"]


def test_an_estimate_of_now_is_a_warning_while_late_labels_tell_of_before() -> None:
    late, now = quality(100.0), quality(expected=120.0)
    looks = [replace(seen(n, labels=late, labels_of=day(n - 5)), current=now) for n in (6, 7)]
    assert raised(run(looks)) == [[], ["estimate"]]


def test_drift_while_labels_show_that_the_model_holds_is_for_information() -> None:
    well = quality(100.0, standard_error=0.5)
    steps = run([seen(n, HALF, prediction=True, labels=well) for n in (1, 2)])
    severities = {alert.kind: alert.severity for alert in steps[1].raised}
    assert severities == {"drift": "info", "prediction": "info"}


def test_age_and_silence_are_alerts_only_where_the_project_asks() -> None:
    quiet = replace(seen(20, rows=0), last_prediction=START, last_label=START)
    assert raised(run([quiet])) == [[]]
    asked = Rules(max_age=40 * DAY, max_silence=2 * DAY)
    (only,) = run([quiet], asked)
    assert only.raised[0].subjects == ("age", "traffic", "labels")
    assert "the model was trained 50 days ago" in only.raised[0].summary
    assert raised(run([seen(1)], asked)) == [[]]


def test_another_model_begins_anew() -> None:
    other = replace(WATCHED, version="4", digest="cd" * 32)
    looks = [seen(1, HALF), seen(2, HALF, watched=other), seen(3, HALF, watched=other)]
    assert raised(run(looks)) == [[], [], ["drift"]]


def test_what_could_not_be_told_changes_nothing() -> None:
    blind = replace(seen(3), drift=None)
    steps = run([seen(1, HALF), seen(2, HALF), blind])
    assert len(steps[-1].state.firing) == 1
    assert steps[-1].state.streaks["drift"].windows == 2


def test_what_is_over_is_forgotten_in_the_end() -> None:
    looks = [seen(n, broken=("income",) if n % 2 else ()) for n in range(2 * KEPT + 21)]
    last = run(looks)[-1].state
    assert (len(last.alerts), last.count) == (KEPT, KEPT + 10)
    assert last.alerts[-1].number == last.count


subsets = st.sets(st.sampled_from(COLUMNS)).map(lambda chosen: tuple(sorted(chosen)))
gaps = st.sampled_from([1 / 24, 0.25, 1.0, 1.5])
rules = st.builds(
    Rules,
    consecutive=st.integers(1, 3),
    cooldown=st.sampled_from([timedelta(hours=1), timedelta(hours=6), timedelta(days=3)]),
)
histories = st.lists(
    st.tuples(gaps, subsets, subsets, st.sampled_from([400, 400, 20])), max_size=40
)


def looks_of(
    history: Sequence[tuple[float, tuple[str, ...], tuple[str, ...], int]],
) -> Iterable[Observation]:
    at = 0.0
    for gap, drifted, broken, rows in history:
        at += gap
        yield seen(at, drifted, broken, rows=rows, prediction=bool(broken))


def alerts_of(steps: Sequence[Step]) -> list[Alert]:
    return [alert for each in steps for alert in each.raised]


@given(history=histories, rules=rules)
def test_no_two_alerts_of_a_kind_within_the_cool_down(history: list, rules: Rules) -> None:
    alerts = alerts_of(run(looks_of(history), rules))
    for one, next_one in itertools.pairwise(alerts):
        assert one.id != next_one.id
    for kind in ("drift", "pipeline", "prediction"):
        times = [alert.raised_at for alert in alerts if alert.kind == kind]
        assert all(b - a >= rules.cooldown for a, b in itertools.pairwise(times))


@given(history=histories, rules=rules, dropped=st.lists(subsets, min_size=40, max_size=40))
def test_fewer_drifted_columns_never_raise_what_more_would_not(
    history: list, rules: Rules, dropped: list
) -> None:
    fewer = [
        (gap, tuple(each for each in drifted if each not in gone), broken, rows)
        for (gap, drifted, broken, rows), gone in zip(history, dropped, strict=False)
    ]
    many, few = run(looks_of(history), rules), run(looks_of(fewer), rules)
    for more, less in zip(many, few, strict=True):
        for alert in less.raised:
            if alert.kind == "drift":
                told = [each for each in more.state.firing if each.kind == "drift"]
                last = more.state.raised.get("drift")
                cools = last is not None and alert.raised_at - last < rules.cooldown
                assert told or cools


@given(history=histories, rules=rules)
def test_nothing_that_drifts_is_nothing_to_tell(history: list, rules: Rules) -> None:
    quiet = [(gap, drifted[:1], (), rows) for gap, drifted, _, rows in history]
    assert alerts_of(run(looks_of(quiet), rules)) == []


@given(history=histories, rules=rules)
def test_every_alert_was_found_and_is_over_when_it_is_not(history: list, rules: Rules) -> None:
    looks = [*looks_of(history)]
    for look, after in zip(looks, run(looks, rules), strict=True):
        firing = {alert.kind: alert for alert in after.state.firing}
        for alert in after.raised:
            assert alert.last_seen == look.window.end
        if look.drift is not None and look.drift.rows == 400:
            assert ("drift" in firing) <= (look.drift.share >= 0.5)
            broken = {
                name
                for each in after.state.firing
                if each.kind == "pipeline"
                for name in each.subjects
            }
            assert bool(broken) <= bool(look.drift.broken)
