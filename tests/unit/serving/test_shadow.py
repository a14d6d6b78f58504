"""A shadow sees what was answered, tells how it differs, and is never in the way."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fairlead.bundle.golden import Scores
from fairlead.bundle.reading import Bundle, load_bundle
from fairlead.serving.exchange import Answer, Request
from fairlead.serving.predictor import Predictor
from fairlead.serving.recorder import Recorder
from fairlead.serving.shadow import PAIRS, WAITING, WAITING_BYTES, Shadow, merged
from fairlead.serving.table import Route, Served, Table, Version
from fairlead.testing.registry import sample_bundle

SECONDS = 30.0
"""What a busy machine may need at most; usually it is over at once."""


@dataclass(frozen=True, eq=False)
class Deployed:
    """What a shadow asks of a deployment."""

    predictor: Predictor
    label: str
    model: str = "sample"


@dataclass
class Log:
    """Keeps what the prediction log would be told."""

    rows: list[tuple[str, str, list[Any]]] = field(default_factory=list)

    def __call__(self, deployment: Any, request_id: str, answer: Answer, seconds: float) -> None:
        assert seconds > 0
        assert answer.scores is not None
        assert len(answer.X) == len(answer.scores.prediction)
        self.rows.append((deployment.label, request_id, answer.scores.prediction.tolist()))


def deployed(tmp_path: Path, threshold: float, label: str) -> Any:
    bundle = load_bundle(sample_bundle(tmp_path, threshold=threshold))
    return Deployed(Predictor(bundle, 100), label)


@pytest.fixture
def champion(tmp_path: Path) -> Any:
    """Says `large` above 5."""
    return deployed(tmp_path, 5.0, "1")


@pytest.fixture
def challenger(tmp_path: Path) -> Any:
    """Says `large` above 6, with the same probabilities."""
    return deployed(tmp_path, 6.0, "2")


def lengths(*values: float) -> Request:
    rows = [{"length": value, "count": 1, "colour": "red"} for value in values]
    return Request(json.dumps({"records": rows}).encode(), {}, "r")


def follow(primary: Any, follower: Any, *requests: Request, work: Any = Predictor.predict) -> Any:
    """Have a shadow see requests, and return what it found."""
    shadow = Shadow()
    for request in requests:
        shadow.offer(primary, follower, work, request, work(primary.predictor, request))
    shadow.close(SECONDS)
    (found,) = shadow.to_json()
    return found


def test_rows_with_another_class_disagree(champion: Any, challenger: Any) -> None:
    found = follow(champion, challenger, lengths(1, 5.5, 9), lengths(5.6, 5.7))
    assert (found["model"], found["primary"], found["shadow"]) == ("sample", "1", "2")
    assert (found["requests"], found["rows"], found["disagreed"]) == (2, 5, 3)
    assert (found["difference_sum"], found["difference_max"]) == (1.5, 0.5)
    assert found["seconds"] > 0


def test_equal_versions_agree(champion: Any, tmp_path: Path) -> None:
    found = follow(champion, deployed(tmp_path, 5.0, "3"), lengths(1, 5.5, 9))
    assert (found["rows"], found["disagreed"], found["difference_max"]) == (3, 0, 0.0)


def test_what_the_shadow_scored_is_told_to_the_log(champion: Any, challenger: Any) -> None:
    log, request = Log(), lengths(5.5)
    shadow = Shadow(log)
    answer = champion.predictor.predict(request)
    shadow.offer(champion, challenger, Predictor.predict, request, answer)
    shadow.close(SECONDS)
    assert log.rows == [("2", "r", ["small"])]


def test_requests_that_the_shadow_itself_answered_are_not_compared(challenger: Any) -> None:
    shadow, request = Shadow(), lengths(1)
    answer = challenger.predictor.predict(request)
    shadow.offer(challenger, challenger, Predictor.predict, request, answer)
    shadow.close(SECONDS)
    assert shadow.to_json() == []


def test_requests_without_a_scored_row_are_not_compared(champion: Any, challenger: Any) -> None:
    shadow, request = Shadow(), Request(b"[]", {}, "r")
    answer = champion.predictor.predict_batch(request)
    shadow.offer(champion, challenger, Predictor.predict_batch, request, answer)
    shadow.close(SECONDS)
    assert shadow.to_json() == []


def test_rows_that_both_refuse_do_not_shift_the_others(champion: Any, challenger: Any) -> None:
    rows = [{"length": value, "count": 1, "colour": "red"} for value in (1, 99, 5.5)]
    request = Request(json.dumps(rows).encode(), {}, "r")
    found = follow(champion, challenger, request, work=Predictor.predict_batch)
    assert (found["rows"], found["disagreed"], found["refused"]) == (2, 1, 1)


def test_a_request_that_breaks_the_shadows_contract_is_counted(
    champion: Any, flowers: Bundle
) -> None:
    stranger: Any = Deployed(Predictor(flowers, 100), "2")
    found = follow(champion, stranger, lengths(1, 2))
    assert (found["refused"], found["rows"], found["failed"]) == (2, 0, 0)


def test_rows_are_not_compared_where_other_ones_may_have_been_refused(
    champion: Any, flowers: Bundle
) -> None:
    stranger: Any = Deployed(Predictor(flowers, 100), "2")

    def work(predictor: Predictor, request: Request) -> Answer:
        rows = 2 if predictor is stranger.predictor else 3
        scores = Scores(np.array(["small"] * rows, object), np.full((rows, 2), 0.5))
        return Answer(b"", np.zeros((rows, 3)), scores, refused=3 - rows)

    found = follow(champion, stranger, lengths(1), work=work)
    assert (found["unmatched"], found["rows"], found["refused"]) == (3, 0, 1)


@pytest.mark.parametrize(
    ("ours", "theirs", "disagreed", "total"),
    [
        ([1.0, 2.0], [1.5, 2.0], 1, 0.5),
        ([np.nan, 1.0], [np.nan, 1.0], 0, 0.0),
        ([np.nan, 1.0], [2.0, 1.25], 2, 0.25),
        ([np.inf, np.inf], [np.inf, -np.inf], 1, 0.0),
    ],
)
def test_numbers_that_differ_disagree(
    houses: Bundle, ours: list[float], theirs: list[float], disagreed: int, total: float
) -> None:
    primary: Any = Deployed(Predictor(houses, 100), "1")
    follower: Any = Deployed(Predictor(houses, 100), "2")

    def work(predictor: Predictor, request: Request) -> Answer:
        values = ours if predictor is primary.predictor else theirs
        return Answer(b"", np.zeros((2, 1)), Scores(np.array(values)))

    found = follow(primary, follower, lengths(1), work=work)
    assert (found["failed"], found["rows"], found["disagreed"]) == (0, 2, disagreed)
    assert found["difference_sum"] == total


def test_a_shadow_that_fails_goes_on_and_says_so_once(
    champion: Any, challenger: Any, caplog: pytest.LogCaptureFixture
) -> None:
    def work(predictor: Predictor, request: Request) -> Answer:
        if predictor is challenger.predictor and b"9" in request.body:
            raise ZeroDivisionError("the row is 9")
        return predictor.predict(request)

    found = follow(champion, challenger, lengths(9), lengths(9), lengths(1), work=work)
    assert (found["failed"], found["rows"], found["requests"]) == (2, 1, 3)
    assert [record.message for record in caplog.records] == ["shadow_failed"]
    assert "the row is" not in caplog.text


@pytest.fixture
def stuck(champion: Any, challenger: Any) -> Any:
    """A shadow that is at work and does not come to an end, and the way to let it go on."""
    begun, go_on = threading.Event(), threading.Event()

    def work(predictor: Predictor, request: Request) -> Answer:
        if predictor is challenger.predictor:
            begun.set()
            assert go_on.wait(SECONDS)
        return Answer(b"", np.zeros((1, 1)), Scores(np.array(["small"]), np.zeros((1, 2))))

    shadow, answer = Shadow(), work(champion.predictor, lengths(1))

    def offer(size: int = 10) -> None:
        request = Request(bytes(size), {}, "r")
        shadow.offer(champion, challenger, work, request, answer)

    offer()
    assert begun.wait(SECONDS)
    yield shadow, offer
    go_on.set()
    shadow.close(SECONDS)


def test_requests_beyond_what_may_wait_are_skipped(stuck: Any) -> None:
    shadow, offer = stuck
    for _ in range(WAITING + 3):
        offer()
    assert shadow.to_json()[0]["skipped"] == 3


def test_large_requests_are_skipped_before_they_fill_the_memory(stuck: Any) -> None:
    shadow, offer = stuck
    for _ in range(5):
        offer(WAITING_BYTES // 4)
    assert shadow.to_json()[0]["skipped"] == 2


def test_what_was_scored_gives_its_room_back(champion: Any, challenger: Any) -> None:
    shadow = Shadow(cpu_share=1.0)
    request = lengths(1)
    answer = champion.predictor.predict(request)
    for _ in range(20):
        shadow.offer(champion, challenger, Predictor.predict, request, answer)
    shadow.close(SECONDS)
    assert shadow._done_bytes == shadow._offered_bytes > 0


def test_closing_does_not_wait_for_a_shadow_that_is_stuck(stuck: Any) -> None:
    shadow, offer = stuck
    offer()
    shadow.close(0.01)
    assert shadow.to_json()[0]["skipped"] == 1


def test_what_is_offered_to_a_closed_shadow_is_skipped(champion: Any, challenger: Any) -> None:
    shadow, request = Shadow(), lengths(1)
    shadow.close()
    answer = champion.predictor.predict(request)
    shadow.offer(champion, challenger, Predictor.predict, request, answer)
    assert [found["skipped"] for found in shadow.to_json()] == [1]


def test_the_oldest_pairs_of_versions_are_forgotten(champion: Any) -> None:
    shadow, request = Shadow(cpu_share=1.0), lengths(1)
    answer = champion.predictor.predict(request)
    for number in range(PAIRS + 5):
        follower: Any = Deployed(champion.predictor, f"v{number}")
        shadow.offer(champion, follower, Predictor.predict, request, answer)
    shadow.close(SECONDS)
    assert [each["shadow"] for each in shadow.to_json()] == [f"v{n}" for n in range(5, PAIRS + 5)]


def test_what_several_processes_found_is_added_up(champion: Any, challenger: Any) -> None:
    one = follow(champion, challenger, lengths(1, 5.5))
    two = follow(champion, challenger, lengths(5.5, 5.6, 9))
    other = {**one, "shadow": "3"}
    first, second = merged(json.loads(json.dumps([[one], [two, other], []])))
    assert (first["requests"], first["rows"], first["disagreed"]) == (2, 5, 3)
    assert (first["difference_sum"], first["difference_max"]) == (1.5, 0.5)
    assert second == other


def test_every_count_is_one_that_the_metrics_declare(champion: Any, challenger: Any) -> None:
    shadow, recorder = Shadow(), Recorder()
    request = lengths(1, 5.5)
    answer = champion.predictor.predict(request)
    shadow.offer(champion, challenger, Predictor.predict, request, answer)
    shadow.close(SECONDS)
    for name, value, labels in shadow.counts():
        recorder.total(name, value, **labels)
    values = {labels["outcome"]: value for _, value, labels in shadow.counts()}
    assert (values["compared"], values["disagreed"], values["scored"]) == (2, 1, 1)
    assert values["refused"] == values["unmatched"] == values["failed"] == values["skipped"] == 0


def test_a_service_shadows_the_route_that_its_table_names(
    tmp_path: Path, client_of: Callable[..., Any]
) -> None:
    bundles = [load_bundle(sample_bundle(tmp_path, threshold=limit)) for limit in (5.0, 6.0)]
    versions = {
        str(number): Version(str(bundle.path), bundle.digest, number)
        for number, bundle in enumerate(bundles, 1)
    }
    routes = {"champion": Route("1"), "challenger": Route("2", 0.0)}
    served = Served(versions, routes, shadow="challenger")
    client = client_of(Table({"sample": served}, "sample"))
    answered = client.post("/predict", content=lengths(1, 5.5, 9).body)
    shadow = client.service.shadow
    shadow.close(SECONDS)
    (found,) = shadow.to_json()
    assert answered.headers["x-model-version"] == "1"
    assert (found["primary"], found["shadow"], found["disagreed"]) == ("1", "2", 1)
