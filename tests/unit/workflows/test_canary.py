"""A canary goes up step by step while its answers stand the test, and gives all back otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from fairlead.adapters.memory_registry import MemoryRegistry
from fairlead.errors import (
    ModelVersionNotFoundError,
    RegistryUnavailableError,
    TrafficError,
)
from fairlead.monitoring.canary import Answered
from fairlead.registry.traffic import NOTE, Traffic, read_traffic
from fairlead.testing.registry import point, sample_bundle
from fairlead.workflows.canary import abort, advance, begin, run
from fairlead.workflows.canary_place import Place
from fairlead.workflows.canary_state import Canary, CanaryFile, Counters, Plan
from fairlead.workflows.traffic import ledger_of, set_traffic

NAME = "iris"
START = datetime(2026, 11, 2, 9, tzinfo=UTC)
PLAN = Plan("challenger", (5, 25), every_s=60, min_rows=1000, patience_s=120)
SECONDS = np.random.default_rng(42).exponential(0.001, 2000)
ALONE = {"champion": 100}


class Told:
    """What is told of both versions: as much per look as it was made with."""

    def __init__(self, requests: int = 2000, failed: float = 0.0) -> None:
        self.requests, self.failed = requests, failed
        self.sent = 0

    def counts(self) -> Mapping[str, Mapping[str, tuple[int, int]]]:
        sent, self.sent = self.sent, self.sent + self.requests
        return {"service": {"1": (sent, 0), "2": (sent, round(self.failed * sent))}}

    def answered(self, canary: Canary, now: datetime) -> tuple[Answered, Answered]:
        del canary, now
        one = Answered(None, 0, SECONDS[: self.requests], np.array(["a", "b"] * 50))
        return one, one


class Clock:
    """Time that passes by sleeping alone."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += timedelta(seconds=max(1.0, seconds))


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sample_bundle(tmp_path_factory.mktemp("bundles"))


@pytest.fixture
def place(bundle: Path, tmp_path: Path) -> Place:
    """Version 1 is champion, 2 challenger, 3 neither."""
    registry = MemoryRegistry()
    for _ in range(3):
        registry.register(NAME, bundle)
    point(registry, NAME, "champion", "1")
    point(registry, NAME, "challenger", "2")
    file = CanaryFile(tmp_path / ".fairlead")
    return Place(registry, ledger_of(tmp_path), file, NAME, "accuracy", "ada@host")


def weights(place: Place) -> Mapping[str, float]:
    return read_traffic(place.registry.notes(NAME)).weights


def set_by_bob(place: Place, traffic: Traffic) -> None:
    set_traffic(place.registry, place.ledger, NAME, traffic, actor="bob@host")


def whole(place: Place, told: Told, plan: Plan = PLAN, **more: Any) -> Canary:
    clock = Clock()
    canary = begin(place, plan, START)
    return run(place, canary, told, clock=clock, sleep=clock.sleep, **more)


def test_a_good_challenger_goes_up_step_by_step_and_is_not_promoted(place: Place) -> None:
    set_by_bob(place, Traffic(shadow="3", sticky="field:user"))
    seen: list[Any] = []
    ended = whole(place, Told(), report=lambda _: seen.append(weights(place)))
    assert ended.state == "passed"
    assert [each["challenger"] for each in seen] == [5, 5, 25, 25]
    now = read_traffic(place.registry.notes(NAME))
    assert (now.shadow, now.sticky) == ("3", "field:user")
    assert place.registry.resolve(NAME, "champion").version == 1
    kinds = [(entry.kind, entry.reason) for entry in place.ledger.entries()][1:]
    assert kinds == [
        ("traffic", "canary: 5 % for challenger"),
        ("canary", "canary: step of 5 %, look 1: pass"),
        ("traffic", "canary: 25 % for challenger"),
        ("canary", "canary: step of 25 %, look 1: pass"),
    ]
    assert place.ledger.verify() == 5


def test_one_that_fails_gives_all_back(place: Place) -> None:
    ended = whole(place, Told(failed=0.05))
    assert ended.state == "failed"
    assert weights(place) == ALONE
    judged, given_back = place.ledger.entries()[-2:]
    assert judged.after["outcome"] == "fail"
    assert "100 of 2,000 requests failed, of the champion's 0 of 2,000" in given_back.reason


def test_too_few_rows_wait_until_the_patience_is_over(place: Place) -> None:
    ended = whole(place, Told(requests=50))
    assert (ended.state, ended.looks, ended.step) == ("undecided", 3, 0)
    assert ended.judgement is not None
    assert "answers: 50 of each version" in ended.judgement["reason"]
    assert weights(place) == ALONE


def test_where_no_service_is_found_nothing_passes(place: Place) -> None:
    told = Told()
    told.counts = dict  # type: ignore[method-assign]
    ended = whole(place, told)
    assert ended.state == "undecided"
    assert ended.judgement is not None
    assert "no running service found" in ended.judgement["reason"]


def test_a_shadow_that_becomes_a_canary_is_no_shadow_any_more(place: Place) -> None:
    set_by_bob(place, Traffic(shadow="challenger"))
    whole(place, Told())
    assert read_traffic(place.registry.notes(NAME)).shadow is None


def test_what_somebody_else_has_set_meanwhile_stands(place: Place) -> None:
    theirs = Traffic({"champion": 50, "3": 50})
    with pytest.raises(TrafficError, match="somebody else has set the traffic meanwhile"):
        whole(place, Told(), report=lambda _: set_by_bob(place, theirs))
    assert read_traffic(place.registry.notes(NAME)) == theirs
    canary = place.file.read()
    assert canary is not None
    assert canary.state == "overruled"
    assert place.ledger.entries()[-1].after == "overruled"


def test_it_does_not_go_on_with_another_challenger(place: Place) -> None:
    def retrain(_: Canary) -> None:
        point(place.registry, NAME, "challenger", "3")

    with pytest.raises(TrafficError, match="challenger is no longer version 2"):
        whole(place, Told(), report=retrain)
    assert weights(place) == {"champion": 95, "challenger": 5}


def test_a_note_that_somebody_else_wrote_stands(place: Place) -> None:
    def scribble(_: Canary) -> None:
        place.registry.set_note(NAME, NOTE, "nonsense")

    with pytest.raises(TrafficError, match="somebody else has set the traffic meanwhile"):
        whole(place, Told(), report=scribble)
    assert place.registry.notes(NAME)[NOTE] == "nonsense"


def test_a_registry_that_is_away_for_a_while_is_asked_again(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = [RegistryUnavailableError("memory:", "away") for _ in range(3)]
    resolve, told = place.registry.resolve, []

    def unsteady(name: str, reference: str) -> Any:
        if away and place.ledger.entries():
            raise away.pop()
        return resolve(name, reference)

    monkeypatch.setattr(place.registry, "resolve", unsteady)
    ended = whole(place, Told(), trouble=told.append)
    assert (ended.state, len(told), ended.judgement and ended.judgement["look"]) == ("passed", 3, 1)


def test_an_aborted_one_stops_by_itself(place: Place) -> None:
    ended = whole(place, Told(), report=lambda _: abort(place, "enough"))
    assert ended.state == "aborted"
    assert weights(place) == ALONE
    assert place.ledger.entries()[-1].reason == "canary aborted: enough"


def test_an_abort_needs_no_canary_and_keeps_shadow_and_sticky(place: Place) -> None:
    set_by_bob(place, Traffic({"champion": 50, "challenger": 50}, "3", "field:user"))
    assert abort(place).after == Traffic(ALONE, "3", "field:user")
    place.registry.set_note(NAME, NOTE, "nonsense")
    assert abort(place).after == Traffic()


def test_one_that_was_begun_anew_is_another_one(place: Place) -> None:
    first = begin(place, PLAN, START)
    abort(place)
    begin(place, PLAN, START + timedelta(seconds=1))
    assert advance(place, first, Told(), START).state == "aborted"
    assert NOTE not in place.registry.notes(NAME)


class Killed(BaseException):
    """The process is gone."""


@pytest.mark.parametrize("failed", [0.0, 0.05])
def test_whatever_write_it_is_killed_at_the_next_process_ends_it_alike(
    place: Place, monkeypatch: pytest.MonkeyPatch, failed: float
) -> None:
    told, clock = Told(failed=failed), Clock()
    write, append = CanaryFile.write, type(place.ledger).append
    set_note = MemoryRegistry.set_note
    left = 0

    def dying(act: Any) -> Any:
        def wrapped(*args: Any, **fields: Any) -> Any:
            nonlocal left
            if left == 0:
                raise Killed
            left -= 1
            return act(*args, **fields)

        return wrapped

    monkeypatch.setattr(CanaryFile, "write", dying(write))
    monkeypatch.setattr(type(place.ledger), "append", dying(append))
    monkeypatch.setattr(MemoryRegistry, "set_note", dying(set_note))
    ended = None
    for lives in range(1, 200):
        left = 1 + lives % 4
        try:
            canary = begin(place, PLAN, START)
            ended = run(place, canary, told, clock=clock, sleep=clock.sleep)
            break
        except Killed:
            continue
    assert ended is not None
    assert ended.state == ("failed" if failed else "passed")
    assert weights(place) == (ALONE if failed else {"champion": 75, "challenger": 25})
    place.ledger.verify()


def test_two_processes_do_not_run_one_canary(place: Place) -> None:
    canary = begin(place, PLAN, START)
    with place.file.running(), pytest.raises(TrafficError, match="another process runs"):
        run(place, canary, Told())


def test_another_challenger_has_to_wait(place: Place) -> None:
    begin(place, PLAN, START)
    assert begin(place, msgspec.structs.replace(PLAN, steps=(1,)), START).plan == PLAN
    with pytest.raises(TrafficError, match="a canary of challenger is running"):
        begin(place, msgspec.structs.replace(PLAN, challenger="3"), START)


@pytest.mark.parametrize("reference", ["champion", "1"])
def test_the_champion_is_no_canary(place: Place, reference: str) -> None:
    with pytest.raises(TrafficError, match="is the champion"):
        begin(place, msgspec.structs.replace(PLAN, challenger=reference), START)


def test_a_canary_of_nothing_is_refused(place: Place) -> None:
    with pytest.raises(ModelVersionNotFoundError):
        begin(place, msgspec.structs.replace(PLAN, challenger="lda"), START)


@pytest.mark.parametrize(
    "steps", [(), (0,), (-5, 5), (5, 5), (25, 5), (50, 100), (float("nan"),), (5, float("nan"))]
)
def test_steps_that_do_not_rise_or_leave_the_champion_nothing_are_refused(
    steps: tuple[float, ...],
) -> None:
    with pytest.raises(TrafficError, match="percentages that rise"):
        Plan("challenger", steps, 60, 1, 0)


def test_a_pause_of_nothing_is_refused() -> None:
    with pytest.raises(TrafficError, match="at least 1 s"):
        Plan("challenger", (5,), 0, 1, 0)


def test_a_file_that_is_no_canary_is_told(place: Place) -> None:
    place.file.path.parent.mkdir()
    place.file.path.write_text("{}")
    with pytest.raises(TrafficError, match="cannot be read"):
        place.file.read()


def test_counters_begin_anew_with_their_service_and_late_ones_count_from_then_on() -> None:
    first = Counters().seen({"a": {"1": (100, 1)}})
    assert first.total == {"1": (0, 0)}
    second = first.seen({"a": {"1": (150, 3), "2": (10, 5)}, "b": {"1": (1000, 1000)}})
    assert second.total == {"1": (50, 2), "2": (10, 5)}
    third = second.seen({"a": {"1": (20, 1), "2": (10, 5)}, "b": {"1": (1001, 1000)}})
    assert third.total == {"1": (71, 3), "2": (10, 5)}
