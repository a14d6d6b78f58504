"""Deliveries are tried until they arrive, in order, and not for ever."""

from __future__ import annotations

from datetime import timedelta

import msgspec
from tests.unit.monitoring.watching import DAY, START, seen

from fairlead.monitoring.alerts import Alert, Rules
from fairlead.monitoring.outbox import (
    FIRST_PAUSE,
    GIVEN_UP_AFTER,
    LONGEST_PAUSE,
    Delivery,
    Event,
    due,
    posted,
)
from fairlead.monitoring.policy import PolicyState, step


class Sink:
    def __init__(self, name: str, *, repeats: bool = False) -> None:
        self.name = name
        self.repeats = repeats

    def send(self, alert: Alert, event: Event, now: object) -> None: ...


LOUD, CALM = Sink("loud", repeats=True), Sink("calm")
LOOK = seen(1, broken=("income",))
(ALERT,) = step(PolicyState(), LOOK, Rules(), LOOK.window.end).raised
NONE: dict[str, tuple[Alert, ...]] = {"raised": (), "resolved": (), "firing": ()}


def test_a_new_alert_is_for_every_sink_once() -> None:
    new = posted((), (LOUD, CALM), now=START, **{**NONE, "raised": (ALERT,), "firing": (ALERT,)})
    assert [(each.sink, each.event) for each in new] == [("loud", "firing"), ("calm", "firing")]
    assert due(new, START) == new


def test_a_sink_that_wants_it_is_reminded_unless_it_waits_already() -> None:
    goes_on = {**NONE, "firing": (ALERT,)}
    new = posted((), (LOUD, CALM), now=START, **goes_on)
    assert [each.sink for each in new] == ["loud"]
    assert posted(new, (LOUD, CALM), now=START + DAY, **goes_on) == new


def test_an_alert_is_told_before_its_end() -> None:
    waiting = posted((), (CALM,), now=START, **{**NONE, "raised": (ALERT,)})
    both = posted(waiting, (CALM,), now=START + DAY, **{**NONE, "resolved": (ALERT,)})
    assert [each.event for each in both] == ["firing", "resolved"]
    assert [each.event for each in due(both, START + DAY)] == ["firing"]


def test_pauses_grow_and_end() -> None:
    (delivery,) = posted((), (CALM,), now=START, **{**NONE, "raised": (ALERT,)})
    pauses, now = [], START
    while not delivery.is_hopeless(now):
        delivery = delivery.failed("it answered 500", now)
        pauses.append(delivery.not_before - now)
        assert due((delivery,), delivery.not_before - timedelta(seconds=1)) == ()
        now = delivery.not_before
    assert (pauses[0], pauses[1], pauses[-1]) == (FIRST_PAUSE, 2 * FIRST_PAUSE, LONGEST_PAUSE)
    assert now - START < GIVEN_UP_AFTER + LONGEST_PAUSE


def test_what_waits_for_a_sink_that_is_gone_is_dropped() -> None:
    waiting = posted((), (LOUD, CALM), now=START, **{**NONE, "raised": (ALERT,)})
    assert [each.sink for each in posted(waiting, (CALM,), now=START, **NONE)] == ["calm"]


def test_an_outbox_survives_a_file() -> None:
    waiting = posted((), (LOUD, CALM), now=START, **{**NONE, "raised": (ALERT,)})
    again = msgspec.json.decode(msgspec.json.encode(waiting), type=tuple[Delivery, ...])
    assert again == waiting
