"""Whose quality it is that a look judges."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from fairlead.evaluation.records import Estimate
from fairlead.monitoring.observation import Observation, Watched
from fairlead.monitoring.records import Quality, Window

NOW = datetime(2026, 11, 25, tzinfo=UTC)
ALL = Quality("rmse", "smaller", 300, 200, Estimate(9.0), None, Estimate(5.0))
FORMER, PRESENT = replace(ALL, version="1"), replace(ALL, version="2", measured=Estimate(5.0))


def seen(*quality: Quality) -> Observation:
    watched = Watched("prices", "2", "b" * 64)
    return Observation(watched, Window(NOW - timedelta(days=1), NOW), quality=quality)


def test_a_champion_is_judged_by_its_own_predictions() -> None:
    assert seen(ALL, FORMER, PRESENT).overall == PRESENT


def test_late_labels_of_the_version_before_say_nothing_about_the_champion() -> None:
    assert seen(ALL, FORMER).overall is None


def test_what_is_not_told_by_version_counts_as_a_whole() -> None:
    assert seen(ALL, replace(FORMER, slice=("town", "Ulm"))).overall == ALL
