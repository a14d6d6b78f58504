from __future__ import annotations

import socket

import pytest

from fairlead.serving.addresses import bound, url_of


def test_an_address_that_is_taken_is_refused() -> None:
    with bound("127.0.0.1", 0) as first:
        first.listen()
        port = first.getsockname()[1]
        with pytest.raises(OSError, match="in use"):
            bound("127.0.0.1", port)


def test_localhost_is_bound_where_every_caller_finds_it() -> None:
    with bound("localhost", 0) as listener:
        assert listener.family == socket.AF_INET


def test_an_address_is_told_as_callers_write_it() -> None:
    with bound("127.0.0.1", 0) as listener:
        assert url_of(listener) == f"http://127.0.0.1:{listener.getsockname()[1]}"
