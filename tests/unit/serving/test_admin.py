"""Whoever knows the token changes the traffic; each change is written down before it holds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from pydantic import SecretStr

from fairlead.bundle.reading import Bundle
from fairlead.registry.ledger import Ledger
from fairlead.registry.traffic import Traffic
from fairlead.serving.table import Route, Served, Table
from fairlead.settings import Settings

BEARER = {"Authorization": "Bearer secret"}
PATH = "/admin/models/flowers/traffic"
EVEN = {"weights": {"champion": 50.0, "challenger": 50.0}, "shadow": None, "sticky": None}
Start = Callable[..., Any]


@pytest.fixture
def start(flowers: Bundle, client_of: Start, served: Callable[..., Served]) -> Start:
    """A service with two routes; of a registry, if it has a ledger."""

    def make(ledger: Path | None = None, *, admin: bool = True) -> Any:
        model = msgspec.structs.replace(
            served(flowers, 3),
            routes={"champion": Route("3", 90.0), "challenger": Route("3", 10.0)},
            ledger=None if ledger is None else str(ledger),
        )
        secret = SecretStr("secret") if admin else None
        return client_of(Table({"flowers": model}, "flowers"), Settings(admin_token=secret))

    return make


def weights(client: Any) -> dict[str, float]:
    routes = client.get("/models/flowers/traffic").json()["routes"]
    return {name: route["weight"] for name, route in routes.items()}


def own_ledger(client: Any) -> Ledger:
    return Ledger(client.service.loader.file.path.with_name("ledger.jsonl"))


def test_a_change_holds_at_once_and_is_written_down(start: Start) -> None:
    client = start()
    answer = client.put(PATH, json={**EVEN, "reason": "half"}, headers=BEARER)
    (entry,) = own_ledger(client).entries()
    assert (answer.status_code, answer.json()) == (200, EVEN)
    assert weights(client) == EVEN["weights"]
    assert (entry.kind, entry.model, entry.reason) == ("traffic", "flowers", "half")
    assert entry.before["weights"] == {"champion": 90.0, "challenger": 10.0}
    assert (entry.after, entry.actor) == (EVEN, "admin@testclient")


def test_of_a_registrys_model_it_is_written_where_every_change_is_and_kept_for_the_registry(
    start: Start, tmp_path: Path
) -> None:
    ledger = Ledger(tmp_path / "project" / "ledger.jsonl")
    client = start(ledger.path)
    assert client.put(PATH, json={"weights": {"challenger": 1}}, headers=BEARER).status_code == 200
    model = client.service.loader.file.read().models["flowers"]
    assert weights(client) == {"champion": 0.0, "challenger": 1.0}
    assert model.asked == Traffic({"challenger": 1})
    assert [entry.model for entry in ledger.entries()] == ["flowers"]
    assert own_ledger(client).entries() == ()


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"weights": {"stranger": 1}}, "Routes should be among champion, challenger"),
        ({"weights": {"champion": 1}, "shadow": "stranger"}, "Routes should be among"),
        ({"weights": {"champion": 0}}, "nobody answers"),
        ({"weights": {"champion": 1}, "sticky": "cookie:a"}, "sticky"),
        ({"weights": [1]}, "Expected `object`"),
        ({"weights": {"champion": 1}, "sticki": "header:a"}, "unknown field"),
    ],
)
def test_what_cannot_be_done_is_refused_and_not_written_down(
    start: Start, body: dict[str, Any], told: str
) -> None:
    client = start()
    answer = client.put(PATH, json=body, headers=BEARER)
    assert answer.status_code == 422
    assert told in answer.json()["detail"][0]["msg"]
    assert own_ledger(client).entries() == ()
    assert weights(client) == {"champion": 90.0, "challenger": 10.0}


def test_what_was_unloaded_meanwhile_is_taken_back_in_the_ledger(start: Start) -> None:
    client = start()
    client.service.loader.file.edit(lambda table: Table({}, unloaded=table.models))
    answer = client.put(PATH, json=EVEN, headers=BEARER)
    made, undone = own_ledger(client).entries()
    assert answer.status_code == 404
    assert (undone.before, undone.after) == (made.after, made.before)
    assert undone.reason == "entry 1 did not take effect"


def test_without_the_token_nothing_is_changed(start: Start) -> None:
    client = start()
    missing = client.put(PATH, json=EVEN)
    wrong = client.put(PATH, json=EVEN, headers={"Authorization": "Bearer other"})
    assert (missing.status_code, wrong.status_code) == (401, 401)
    assert weights(client) == {"champion": 90.0, "challenger": 10.0}


def test_without_a_token_among_the_settings_there_is_no_such_route(start: Start) -> None:
    client = start(admin=False)
    assert client.put(PATH, json=EVEN, headers=BEARER).status_code == 404


def test_a_model_that_is_not_served_has_no_traffic(start: Start) -> None:
    client = start()
    answer = client.put("/admin/models/plants/traffic", json=EVEN, headers=BEARER)
    assert answer.status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff",
        b"[" * 100_000,
        b'{"weights": {"\xff": 1}}',
        b'{"weights": {"champion": 1e400}}',
        b'{"weights": {"champion": -1}}',
        b'{"weights": {"nobody": 1}}',
        b'{"weights": {"champion": 1}, "sticky": "\xc3\xa9"}',
    ],
)
def test_a_body_that_splits_no_traffic_is_refused(start: Start, body: bytes) -> None:
    assert start().put(PATH, content=body, headers=BEARER).status_code == 422


@pytest.mark.parametrize("given", [b"", b"Bearer other", b"\xff\xfe"])
def test_another_token_changes_nothing(start: Start, given: bytes) -> None:
    answer = start().put(PATH, json=EVEN, headers={"Authorization": given})
    assert answer.status_code == 401
