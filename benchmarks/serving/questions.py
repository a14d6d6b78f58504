"""What is asked, in each server's own form, and whether the answers are right."""

from __future__ import annotations

import http.client
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Rows = Sequence[dict[str, Any]]

MANY = 1000
"""Rows of a large request."""
BODIES = 4
"""Different large requests."""
TOLERANCE = 1e-6
TIMEOUT_S = 60.0


class WrongAnswerError(Exception):
    """A server answered with an error, or with something else than its model says."""


@dataclass(frozen=True)
class Shape:
    """How a server is asked.

    Attributes:
        one: path for one row.
        one_body: body for one row, from a list with that row.
        many: path for several rows; None where the server is not asked for them.
        many_body: body for several rows.
        found: predictions in an answer.
    """

    one: str
    one_body: Callable[[Rows], Any]
    many: str | None
    many_body: Callable[[Rows], Any]
    found: Callable[[Any], Any]


@dataclass(frozen=True)
class Questions:
    """Rows, and what a model says of them.

    Attributes:
        records: the rows.
        answers: labels or numbers, one per row.
    """

    records: Rows
    answers: Sequence[Any]

    def large(self) -> list[list[int]]:
        """Positions of the rows of each large request: all in turn, from another start."""
        count = len(self.records)
        step = count // BODIES
        return [[(n * step + i) % count for i in range(MANY)] for n in range(BODIES)]

    def bodies(self, shape: Shape, rows: int) -> list[tuple[bytes, list[Any]]]:
        """Requests with that many rows, 1 or `MANY`, and the right answers to each."""
        groups = self.large() if rows > 1 else [[i] for i in range(len(self.records))]
        body = shape.many_body if rows > 1 else shape.one_body
        return [
            (
                json.dumps(body([self.records[i] for i in group]), separators=(",", ":")).encode(),
                [self.answers[i] for i in group],
            )
            for group in groups
        ]

    def write(self, shape: Shape, rows: int, path: Path) -> Path:
        """The requests as the load generator reads them, one per line."""
        path.write_bytes(b"".join(body + b"\n" for body, _ in self.bodies(shape, rows)))
        return path


def check(port: int, shape: Shape, questions: Questions) -> None:
    """Ask all rows one by one, and all large requests.

    Raises:
        WrongAnswerError: an answer is not what the model says.
        OSError: there was no answer.
    """
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)
    try:
        for rows, path in ((1, shape.one), (MANY, shape.many)):
            for body, expected in questions.bodies(shape, rows) if path else ():
                ask(connection, path or "", body, shape, expected)
    finally:
        connection.close()


def ask(
    connection: http.client.HTTPConnection,
    path: str,
    body: bytes,
    shape: Shape,
    expected: Sequence[Any],
) -> None:
    """Ask once.

    Raises:
        WrongAnswerError: the answer is an error, or another one than expected.
        OSError: there was no answer.
    """
    connection.request("POST", path, body, {"Content-Type": "application/json"})
    response = connection.getresponse()
    text = response.read()
    if response.status != http.client.OK:
        raise WrongAnswerError(f"status {response.status}: {text[:300]!r}")
    try:
        found = shape.found(json.loads(text))
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise WrongAnswerError(f"{text[:300]!r} cannot be read") from error
    found = found if isinstance(found, list) else [found]
    if len(found) != len(expected):
        raise WrongAnswerError(f"{len(found)} predictions for {len(expected)} rows")
    for row, (got, right) in enumerate(zip(found, expected, strict=True)):
        if not _same(got, right):
            raise WrongAnswerError(f"row {row}: {got!r} instead of {right!r}")


def _same(got: Any, right: Any) -> bool:
    if isinstance(right, str):
        return bool(got == right)
    return isinstance(got, int | float) and math.isclose(
        got, right, rel_tol=TOLERANCE, abs_tol=TOLERANCE
    )
