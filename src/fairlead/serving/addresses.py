"""Where a service listens: the socket, and how callers name it."""

from __future__ import annotations

import socket


def bound(host: str, port: int) -> socket.socket:
    """A socket on an address, which does not listen yet.

    Raises:
        OSError: there is no such address, or it is taken.
    """
    found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    # `localhost` means 127.0.0.1 first: not every caller tries both.
    family, kind, protocol, _, address = min(found, key=lambda each: each[0] != socket.AF_INET)
    made = socket.socket(family, kind, protocol)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(address)
    except OSError:
        made.close()
        raise
    return made


def url_of(listener: socket.socket) -> str:
    """The address of a bound socket, as callers write it."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
