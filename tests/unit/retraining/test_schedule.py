from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from fairlead.errors import ProjectError
from fairlead.project.spec import RetrainingSpec
from fairlead.retraining.schedule import due, last_due

MONDAY = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)
WEEKLY = RetrainingSpec(schedule="0 3 * * 1", max_age="90d")


@pytest.mark.parametrize("later", [timedelta(0), timedelta(hours=1), timedelta(days=6, hours=23)])
def test_a_schedule_was_due_last_on_its_last_tick(later: timedelta) -> None:
    assert last_due("0 3 * * 1", MONDAY + later) == MONDAY


def test_before_its_tick_it_was_due_a_week_earlier() -> None:
    assert last_due("0 3 * * 1", MONDAY - timedelta(seconds=1)) == MONDAY - timedelta(days=7)


def test_what_is_no_schedule_is_refused() -> None:
    with pytest.raises(ProjectError, match="five fields of cron"):
        last_due("0 99 * * 1", MONDAY)


def asked(since: datetime, *, alerted: bool = False, age_days: int = 1) -> str | None:
    trained = MONDAY - timedelta(days=age_days)
    return due(WEEKLY, since=since, trained_at=trained, alerted=alerted, now=MONDAY)


def test_each_tick_asks_once() -> None:
    assert asked(MONDAY - timedelta(hours=1)) == "schedule"
    assert asked(MONDAY) is None


def test_an_alert_comes_before_the_clock() -> None:
    assert asked(MONDAY - timedelta(hours=1), alerted=True) == "alert"


def test_an_old_model_asks() -> None:
    assert asked(MONDAY, age_days=91) == "age"
