"""Shares are exact, sticky callers stay, and only those move who must."""

from __future__ import annotations

import json
import math
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.errors import TrafficError
from fairlead.serving.exchange import Request
from fairlead.serving.table import Route
from fairlead.serving.traffic import HEAD_BYTES, Splitter

HEADER = "header:X-User"
WEIGHT = st.floats(0.1, 1000)
SHARES = st.dictionaries(st.sampled_from("abcdef"), WEIGHT, min_size=2)
CALLERS = [f"caller-{number}" for number in range(200)]


def routes(weights: dict[str, float]) -> dict[str, Route]:
    return {name: Route("1", weight) for name, weight in weights.items()}


def request(body: Any = b"", user: str | None = None) -> Request:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Request(content, {} if user is None else {b"x-user": user.encode()}, "id")


def seeded() -> Callable[[], float]:
    return random.Random(42).random  # noqa: S311 (nothing secret is drawn)


def chosen(weights: dict[str, float], callers: list[str] = CALLERS) -> list[str]:
    splitter = Splitter(routes(weights), HEADER)
    return [splitter.choose(request(user=caller)) for caller in callers]


def off(counts: Counter[str], weights: dict[str, float]) -> float:
    """Largest distance of a count from what was expected, in standard deviations."""
    n, total = counts.total(), sum(weights.values())
    shares = {name: weight / total for name, weight in weights.items()}
    return max(abs(counts[name] - n * p) / math.sqrt(n * p * (1 - p)) for name, p in shares.items())


def test_a_single_route_takes_everything() -> None:
    splitter = Splitter(routes({"champion": 3, "challenger": 0}), HEADER)
    assert splitter.only == "champion"
    assert splitter.choose(request(user="ada")) == "champion"


def test_several_routes_have_no_single_one() -> None:
    assert Splitter(routes({"champion": 90, "challenger": 10})).only is None


def test_routes_of_which_none_answers_are_refused() -> None:
    with pytest.raises(ValueError, match="no route has a positive weight"):
        Splitter(routes({"champion": 0}))


def test_a_sticky_of_another_form_is_refused() -> None:
    with pytest.raises(TrafficError):
        Splitter(routes({"champion": 1}), "cookie")


@pytest.mark.parametrize(
    "weights",
    [{"champion": 90, "challenger": 10}, {"a": 1, "b": 2, "c": 0.5}, {"a": 99.9, "b": 0.1}],
)
@pytest.mark.parametrize("sticky", [None, HEADER])
def test_shares_are_as_asked_for(weights: dict[str, float], sticky: str | None) -> None:
    splitter = Splitter(routes(weights), sticky, seeded())
    users = [f"user-{number}" for number in range(40_000)]
    counts = Counter(splitter.choose(request(user=user)) for user in users)
    assert off(counts, weights) < 4


def test_neighbouring_numbers_as_keys_are_shared_out_too() -> None:
    weights = {"champion": 75.0, "challenger": 25.0}
    splitter = Splitter(routes(weights), "field:id")
    counts = Counter(splitter.choose(request({"id": number})) for number in range(20_000))
    assert off(counts, weights) < 4


def test_a_route_without_a_share_is_never_drawn() -> None:
    splitter = Splitter(routes({"a": 1, "b": 0, "c": 1}), None, seeded())
    assert {splitter.choose(request()) for _ in range(200)} == {"a", "c"}


@pytest.mark.parametrize("draw", [0.0, math.nextafter(1.0, 0.0)])
def test_the_ends_of_the_draw_have_a_route(draw: float) -> None:
    splitter = Splitter(routes({"a": 0.1, "b": 0.2, "c": 0.7}), None, lambda: draw)
    assert splitter.choose(request()) == ("a" if draw == 0 else "c")


@given(weights=SHARES, data=st.data())
def test_raising_a_share_moves_callers_only_into_it(
    weights: dict[str, float], data: st.DataObject
) -> None:
    raised = data.draw(st.sampled_from(sorted(weights)))
    more = {**weights, raised: weights[raised] * data.draw(st.floats(1, 100))}
    moves = zip(chosen(weights), chosen(more), strict=True)
    assert {after for before, after in moves if before != after} <= {raised}


@given(weights=SHARES, data=st.data())
def test_a_route_that_goes_away_moves_its_own_callers_alone(
    weights: dict[str, float], data: st.DataObject
) -> None:
    gone = data.draw(st.sampled_from(sorted(weights)))
    left = {name: weight for name, weight in weights.items() if name != gone}
    moves = zip(chosen(weights), chosen(left), strict=True)
    assert {before for before, after in moves if before != after} <= {gone}


@given(share=st.floats(1, 99), more=st.floats(1, 99))
def test_a_canary_that_grows_takes_callers_and_gives_none_back(share: float, more: float) -> None:
    low, high = sorted((share, more))
    few = chosen({"champion": 100 - low, "challenger": low})
    many = chosen({"champion": 100 - high, "challenger": high})
    pairs = set(zip(few, many, strict=True))
    assert ("challenger", "champion") not in pairs


@given(weights=SHARES)
def test_the_order_of_the_routes_does_not_matter(weights: dict[str, float]) -> None:
    assert chosen(weights) == chosen(dict(reversed(weights.items())))


def test_another_process_chooses_alike() -> None:
    code = (
        "from fairlead.serving.traffic import Splitter\n"
        "from fairlead.serving.table import Route\n"
        "from fairlead.serving.exchange import Request\n"
        "routes = {'champion': Route('1', 60), 'challenger': Route('2', 40)}\n"
        "s = Splitter(routes, 'header:x-user')\n"
        "for n in range(200):\n"
        "    print(s.choose(Request(b'', {b'x-user': b'caller-%d' % n}, '')))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == chosen({"champion": 60, "challenger": 40})


def test_callers_stay_where_they_were_in_the_version_before() -> None:
    assert "".join(chosen({"a": 1, "b": 1, "c": 2}, CALLERS[:24])) == "ccacccccccaabaacbcbccccb"


@pytest.mark.parametrize("user", [None, ""])
def test_a_caller_without_the_header_takes_its_chance(user: str | None) -> None:
    splitter = Splitter(routes({"a": 1, "b": 1}), HEADER, seeded())
    assert {splitter.choose(request(user=user)) for _ in range(50)} == {"a", "b"}


ROW = {"user": "ada", "age": 3}
BODIES = [
    ROW,
    [ROW, {"user": "bob"}],
    {"records": [ROW, {"user": "bob"}]},
    {"dataframe_records": [ROW]},
    {"instances": [ROW]},
    {"dataframe_split": {"columns": ["age", "user"], "data": [[3, "ada"], [4, "bob"]]}},
    {"inputs": [{"name": "age", "data": [3]}, {"name": "user", "data": ["ada", "bob"]}]},
    {"inputs": {"user": ["ada", "bob"], "age": [3, 4]}},
    {"inputs": {"user": "ada"}},
    {"records": [ROW] * 5000},
    {"records": [{**ROW, "note": "é, " * 20}] * 2000},
]


@pytest.mark.parametrize("body", BODIES, ids=range(len(BODIES)))
def test_a_column_is_found_in_the_first_row_of_every_shape(body: Any) -> None:
    def key(sent: Any) -> str:
        splitter = Splitter(routes(dict.fromkeys("abcdefghijklmnop", 1.0)), "field:user")
        return splitter.choose(request(sent))

    assert key(body) == key({"user": "ada"})
    assert {key({"user": f"{number}"}) for number in range(100)} > {key(body)}


@pytest.mark.parametrize("value", [7, 7.0, "7"])
def test_a_number_is_the_same_however_it_is_written(value: Any) -> None:
    splitter = Splitter(routes(dict.fromkeys("abcdefghijklmnop", 1.0)), "field:id")
    assert splitter.choose(request({"id": value})) == splitter.choose(request(b'{"id":7}'))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"5.1,3.5\n",
        b"[" * 5000,
        b'{"user":' + b"9" * 5000 + b"}",
        b'{"user":' + b"9" * HEAD_BYTES + b"}",
        [],
        [1],
        7,
        {"user": None},
        {"user": {"a": 1}},
        {"user": ""},
        {"other": 1},
        {"records": []},
        {"records": [[1]]},
        {"features": [[1, 2]]},
        {"dataframe_split": {"columns": ["user"], "data": [[]]}},
        {"dataframe_split": {"columns": ["age"], "data": [[1]]}},
        {"inputs": [{"name": "user", "data": []}, 3]},
        {"inputs": [3]},
        {"inputs": {"user": []}},
        {"inputs": {}},
    ],
)
def test_a_body_without_the_column_takes_its_chance(body: Any) -> None:
    splitter = Splitter(routes({"a": 1, "b": 1}), "field:user", seeded())
    assert {splitter.choose(request(body)) for _ in range(50)} == {"a", "b"}


@given(body=st.binary(max_size=60))
def test_no_body_is_too_odd_to_be_routed(body: bytes) -> None:
    splitter = Splitter(routes({"a": 1, "b": 1}), "field:user")
    assert splitter.choose(request(body)) in ("a", "b")
