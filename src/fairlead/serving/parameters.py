"""Query parameters of the predict routes."""

from __future__ import annotations

from urllib.parse import parse_qsl

from fairlead.serving.errors import Problem, unprocessable

INTERVAL = "interval"
ASKS_FOR_INTERVAL = b"interval=true"
"""The usual query string that asks for intervals or sets."""
WORDS = {"true": True, "false": False}
MOST_PARAMETERS = 100


def wants_interval(query: bytes) -> bool:
    """Whether a query string asks for intervals or sets; of a repeated parameter the last counts.

    Raises:
        RequestRefusedError: 422, it can be read neither as true nor as false.
    """
    if query == ASKS_FOR_INTERVAL:
        return True
    try:
        text = query.decode("latin-1")
        known = dict(parse_qsl(text, keep_blank_values=True, max_num_fields=MOST_PARAMETERS))
    except ValueError:
        problem = Problem("too_long", ("query",), f"At most {MOST_PARAMETERS} parameters")
        raise unprocessable(problem) from None
    word = known.get(INTERVAL, "false").lower()
    if word not in WORDS:
        msg = "Input should be true or false"
        raise unprocessable(Problem("bool_parsing", ("query", INTERVAL), msg))
    return WORDS[word]
