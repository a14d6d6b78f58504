"""A small HTTP client: one request under way on a connection, as little work as possible."""

from __future__ import annotations

import asyncio
from typing import NamedTuple


class Reply(NamedTuple):
    """An answer."""

    status: int
    head: bytes
    body: bytes


class Connection(asyncio.Protocol):
    """One connection with at most one request under way."""

    def __init__(self) -> None:
        self._found = bytearray()
        self._waiter: asyncio.Future[Reply] | None = None
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever waits."""
        self.transport = None
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(exc or ConnectionResetError())

    def data_received(self, data: bytes) -> None:
        """Find the end of the answer."""
        self._found += data
        head, _, body = self._found.partition(b"\r\n\r\n")
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:") and len(body) >= int(line[15:]):
                assert self._waiter is not None
                self._waiter.set_result(Reply(int(head[9:12]), bytes(head), bytes(body)))
                self._found.clear()

    async def ask(self, request: bytes) -> Reply:
        """Send a request and wait for its answer.

        Raises:
            OSError: the connection was closed before the answer was whole.
        """
        if self.transport is None:
            raise ConnectionResetError
        self._waiter = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        return await self._waiter


async def connect(port: int) -> Connection:
    """Open a connection to this machine."""
    loop = asyncio.get_running_loop()
    _, connection = await loop.create_connection(Connection, "127.0.0.1", port)
    return connection


def post(path: str, body: bytes) -> bytes:
    """A request with a JSON body, as it is sent."""
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
