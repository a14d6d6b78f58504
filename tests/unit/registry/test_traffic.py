"""What a traffic may say, and what is noted of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from fairlead.adapters.memory_registry import MemoryRegistry
from fairlead.errors import ModelVersionNotFoundError
from fairlead.project.spec import ServingSpec
from fairlead.registry.traffic import (
    NOTE,
    Sticky,
    Traffic,
    TrafficError,
    from_json,
    from_spec,
    parse_sticky,
    read_traffic,
    write_traffic,
)
from fairlead.testing.registry import sample_bundle

NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,20}", fullmatch=True)
WEIGHTS = st.dictionaries(NAMES, st.floats(0.01, 1e6), min_size=2, max_size=5)


@given(
    weights=WEIGHTS,
    shadow=st.none() | NAMES,
    sticky=st.sampled_from([None, "header:X-User", "field:user_id"]),
)
def test_what_is_noted_is_read_back(
    weights: dict[str, float], shadow: str | None, sticky: str | None
) -> None:
    traffic = Traffic(weights, shadow, sticky)
    assert from_json(traffic.to_json()) == traffic


@given(weights=WEIGHTS)
def test_shares_add_up_to_a_hundred(weights: dict[str, float]) -> None:
    assert sum(Traffic(weights).shares().values()) == pytest.approx(100)


@pytest.mark.parametrize(
    ("weights", "problem"),
    [
        ({}, "nobody answers"),
        ({"champion": 0, "challenger": 0.0}, "nobody answers"),
        ({"champion": -1}, "champion: found -1 as the share, expected 0 or more"),
        ({"champion": float("nan")}, "found nan as the share"),
        ({"champion": float("inf")}, "found inf as the share"),
        ({"champion": True}, "champion: expected a number"),
        ({"champion": "90"}, "champion: expected a number"),
        ({"a b": 1}, "found 'a b', expected an alias or the number of a version"),
        ({"": 1}, "found ''"),
        ({7: 1}, "found 7"),
    ],
)
def test_shares_that_nobody_can_follow_are_refused(weights: Any, problem: str) -> None:
    with pytest.raises(TrafficError, match=problem):
        Traffic(weights)


def test_all_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(TrafficError) as caught:
        Traffic({"champion": -1, "a b": 1}, shadow="ü", sticky="cookie")
    assert len(caught.value.problems) == 4


@pytest.mark.parametrize("text", ["", "header", "header:", "header:a b", "cookie:x", "field: x"])
def test_a_sticky_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(TrafficError, match="expected `header:<name>` or `field:<column>`"):
        parse_sticky(text)


@pytest.mark.parametrize(("text", "kind"), [("field:größe_2", "field"), ("header:X-A", "header")])
def test_a_sticky_names_a_column_or_a_header(text: str, kind: str) -> None:
    assert parse_sticky(text) == Sticky(kind, text.removeprefix(f"{kind}:"))


def test_a_shadow_of_the_only_one_that_answers_has_nobody_to_follow() -> None:
    with pytest.raises(TrafficError, match="champion answers everything"):
        Traffic({"champion": 100, "challenger": 0}, shadow="champion")


def test_a_shadow_may_have_a_share_of_its_own() -> None:
    assert Traffic({"champion": 90, "2": 10}, shadow="2").references == ("champion", "2")


def test_the_shadow_is_among_what_must_be_loaded() -> None:
    assert Traffic({"champion": 1}, shadow="7").references == ("champion", "7")


def test_a_traffic_does_not_change_with_what_it_was_made_of() -> None:
    weights = {"champion": 100.0}
    traffic = Traffic(weights)
    weights["champion"] = 0.0
    assert traffic == Traffic()


def test_without_a_note_the_champion_answers_everything() -> None:
    assert read_traffic({}) == Traffic({"champion": 100})


def test_without_a_note_the_project_decides() -> None:
    serving = ServingSpec(champion=90, challenger=10, shadow="lda", sticky="field:user")
    expected = Traffic({"champion": 90, "challenger": 10}, "lda", "field:user")
    assert read_traffic({}, from_spec(serving)) == expected


def test_a_challenger_without_a_share_need_not_exist() -> None:
    assert from_spec(ServingSpec()) == Traffic()


@pytest.mark.parametrize(
    "note",
    [
        "champion",
        "[]",
        "{}",
        '{"weights": [1]}',
        '{"weights": {"champion": 1}, "shadow": 3}',
        '{"weights": {"champion": 1}, "sticky": []}',
        '{"weights": {"champion": 1}, "stick": "field:x"}',
        '{"weights": {"champion": 1',
    ],
)
def test_a_note_that_somebody_else_wrote_is_refused(note: str) -> None:
    with pytest.raises(TrafficError):
        read_traffic({NOTE: note})


def test_the_registry_keeps_what_was_written(tmp_path: Path) -> None:
    registry = MemoryRegistry()
    registry.register("iris", sample_bundle(tmp_path))
    traffic = Traffic({"champion": 90, "challenger": 10}, "3", "header:X-User")
    write_traffic(registry, "iris", traffic)
    assert read_traffic(registry.notes("iris")) == traffic


def test_a_model_that_does_not_exist_gets_no_traffic() -> None:
    with pytest.raises(ModelVersionNotFoundError):
        write_traffic(MemoryRegistry(), "iris", Traffic())


def test_a_traffic_reads_as_a_sentence() -> None:
    traffic = Traffic({"champion": 9, "challenger": 1}, "lda", "header:X-User")
    text = "champion 90 %, challenger 10 %, shadow lda, sticky header:X-User"
    assert str(traffic) == text


def accepted(make: Callable[[], object]) -> bool:
    try:
        make()
    except (TrafficError, ValidationError):
        return False
    return True


@given(
    text=st.text(max_size=12)
    | st.builds("header:{}".format, st.text(max_size=5))
    | st.builds("field:{}".format, st.text(max_size=5))
)
def test_the_project_file_takes_the_same_sticky(text: str) -> None:
    in_file = accepted(lambda: ServingSpec(sticky=text))
    assert in_file == accepted(lambda: Traffic(sticky=text))


@pytest.mark.parametrize("shadow", ["champion", "challenger"])
def test_the_project_file_takes_the_same_shadow(shadow: str) -> None:
    with pytest.raises(ValidationError, match="answers all of it"):
        ServingSpec(**{"champion": 0, "challenger": 0, shadow: 100}, shadow=shadow)
    assert from_spec(ServingSpec(champion=50, challenger=50, shadow=shadow)).shadow == shadow
