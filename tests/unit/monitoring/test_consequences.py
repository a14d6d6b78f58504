"""What is done about an alert follows from rules."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.unit.monitoring.watching import DAY, START, quality, seen

from fairlead.monitoring.alerts import Rules
from fairlead.monitoring.consequences import what_follows
from fairlead.monitoring.observation import Observation
from fairlead.monitoring.policy import PolicyState, step

HALF = ("income", "age")


@pytest.mark.parametrize(
    ("look", "action"),
    [
        pytest.param(seen(1), "none", id="nothing"),
        pytest.param(
            seen(1, HALF, ("income",), labels=quality(150.0)), "mend_pipeline", id="a fault"
        ),
        pytest.param(seen(1, HALF, labels=quality(150.0)), "retrain", id="worse by labels"),
        pytest.param(seen(1, HALF), "collect_labels", id="drift without labels"),
        pytest.param(seen(1, labels=quality(expected=150.0)), "collect_labels", id="an estimate"),
        pytest.param(seen(11), "retrain", id="too old"),
        pytest.param(replace(seen(1), last_label=START - 9 * DAY), "watch", id="no labels"),
        pytest.param(seen(1, HALF, labels=quality(100.0)), "watch", id="drift, and it holds"),
    ],
)
def test_the_pipeline_comes_first_then_the_quality_then_the_data(
    look: Observation, action: str
) -> None:
    rules = Rules(consecutive=1, max_age=40 * DAY, max_silence=2 * DAY)
    after = step(PolicyState(), look, rules, look.window.end)
    follows = what_follows(after.state.alerts, look)
    assert follows.action == action
    assert bool(follows.alerts) == (action != "none")


def test_alerts_that_are_over_do_not_count() -> None:
    rules = Rules(consecutive=1)
    first = step(PolicyState(), seen(1, broken=HALF), rules, seen(1).window.end)
    after = step(first.state, seen(2), rules, seen(2).window.end)
    assert what_follows(after.state.alerts, seen(2)).action == "none"
