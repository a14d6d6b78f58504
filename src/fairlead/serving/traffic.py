"""Chooses the route of a request: by chance, or by what keeps its caller on one route."""

from __future__ import annotations

import hashlib
import math
import random
from bisect import bisect
from collections.abc import Callable, Mapping
from itertools import accumulate
from typing import Any

from pydantic_core import from_json

from fairlead.registry.traffic import parse_sticky
from fairlead.serving.exchange import Request
from fairlead.serving.table import Route

HEAD_BYTES = 32 * 1024
"""Of a larger body only the beginning is read: the route depends on the first row alone."""
ROWS = ("records", "dataframe_records", "instances")
"""Keys under which the protocols hold a list of records."""

Key = Callable[[Request], bytes | None]


class Splitter:
    """Shares the requests of a model among its routes.

    With `sticky`, equal callers get equal routes: in every worker, process and machine, and after
    a restart. If the share of one route is raised, callers move only into it; if it is lowered,
    only out of it.

    Args:
        routes: name -> route; at least one weight is positive.
        sticky: `header:<name>` or `field:<column>`; a request without it takes its chance.
        draw: gives numbers in [0, 1).

    Raises:
        ValueError: no weight is positive.
        TrafficError: `sticky` is not of its form.
    """

    def __init__(
        self,
        routes: Mapping[str, Route],
        sticky: str | None = None,
        draw: Callable[[], float] = random.random,
    ) -> None:
        weights = {name: route.weight for name, route in routes.items() if route.weight > 0}
        if not weights:
            raise ValueError("no route has a positive weight")
        self.only = next(iter(weights)) if len(weights) == 1 else None
        """The route that takes every request, if there is one."""
        self._draw = draw
        self._names = sorted(weights)
        self._bounds = list(accumulate(weights[name] for name in self._names))
        self._total = self._bounds.pop()
        self._key = None if sticky is None else _key(sticky)
        self._seats = [(name, weights[name], _hasher(name)) for name in self._names]

    def choose(self, request: Request) -> str:
        """The name of the route that answers a request; never raises."""
        if self.only is not None:
            return self.only
        if self._key is not None and (key := self._key(request)):
            return self._seat(key)
        return self._names[bisect(self._bounds, self._draw() * self._total)]

    def _seat(self, key: bytes) -> str:
        # Weighted rendezvous hashing: each route draws a number for the key, by itself alone, and
        # the highest wins. A cumulative table would move callers between the other routes too.
        best, chosen = -math.inf, self._names[0]
        for name, weight, hasher in self._seats:
            own = hasher.copy()
            own.update(key)
            unit = (int.from_bytes(own.digest(), "big") + 0.5) / 2**64
            if (score := math.log(unit) / weight) > best:
                best, chosen = score, name
        return chosen


def _hasher(name: str) -> Any:
    return hashlib.blake2b(name.encode() + b"\0", digest_size=8, person=b"fairlead-route")


def _key(sticky: str) -> Key:
    form = parse_sticky(sticky)
    if form.kind == "field":
        return lambda request: _value(request.body, form.name)
    header = form.name.lower().encode("ascii")
    return lambda request: request.headers.get(header)


def _value(body: bytes, column: str) -> bytes | None:
    """What the first row of a JSON body has in a column; 1, 1.0 and "1" are the same."""
    try:
        if len(body) <= HEAD_BYTES:
            document = from_json(body)
        else:
            # Cut behind a whole value, so that none is taken for a shorter one.
            head = body[: max(0, body.rfind(b",", 0, HEAD_BYTES))]
            document = from_json(head, allow_partial=True)
        value = _first(document, column)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        return str(value).encode() if isinstance(value, str | int | float) else None
    except (ValueError, RecursionError):
        # Not JSON, or too deep, or too long a number: its operation says what is wrong with it.
        return None


def _first(document: Any, column: str) -> Any:
    """A column's value in the first row, in any of the protocols' shapes."""
    if isinstance(document, list):
        document = document[0] if document else None
    if not isinstance(document, dict):
        return None
    if column in document:
        return document[column]
    for key in ROWS:
        rows = document.get(key)
        if isinstance(rows, list) and rows and isinstance(rows[0], dict):
            return rows[0].get(column)
    return _tabled(document, column)


def _tabled(document: dict[str, Any], column: str) -> Any:
    """The same where names stand beside the values: MLflow's split frame, v2's tensors."""
    try:
        match document:
            case {"dataframe_split": {"columns": list(names), "data": [list(row), *_]}}:
                return row[names.index(column)]
            case {"inputs": list(tensors)}:
                named = (each["data"] for each in tensors if each["name"] == column)
                return next(named)[0]
            case {"inputs": {**columns}}:
                values = columns[column]
                return values[0] if isinstance(values, list) else values
    except (LookupError, ValueError, TypeError, StopIteration):
        pass
    return None
