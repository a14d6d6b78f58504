"""Reads request bodies within bounds."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive

from fairlead.serving.errors import body_too_large
from fairlead.serving.exchange import JSON

# A client that is cut off while sending sees a broken pipe, not the answer: up to this many
# times the limit is read, and thrown away, before 413.
PATIENCE = 4
CONTENT_TYPES = 16
"""Different values of the header that are remembered: few are in use, and each may be long."""
UTF8 = ("utf-8", "us-ascii")


async def read_body(receive: Receive, headers: Mapping[bytes, bytes], limit_bytes: int) -> bytes:
    """The whole body of a request.

    Raises:
        RequestRefusedError: 413, it is larger than `limit_bytes`, whether it says so or not.
        ClientDisconnect: the client left while sending.
    """
    patience_bytes = PATIENCE * limit_bytes
    if int(headers.get(b"content-length", b"0")) > patience_bytes:
        raise body_too_large(limit_bytes)
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body"):
        # Nearly every body arrives in one piece.
        chunks, size = [message["body"]], len(message["body"])
    else:
        chunks, size = await _pieces(receive, message, limit_bytes)
    if size > limit_bytes:
        raise body_too_large(limit_bytes)
    return b"".join(chunks)


async def _pieces(
    receive: Receive, message: Mapping[str, object], limit_bytes: int
) -> tuple[list[bytes], int]:
    chunks: list[bytes] = []
    size = 0
    while True:
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        chunk = message["body"]
        assert isinstance(chunk, bytes)  # noqa: S101 (ASGI says so)
        size += len(chunk)
        if size <= limit_bytes:
            chunks.append(chunk)
        else:
            chunks.clear()
        if size > PATIENCE * limit_bytes or not message.get("more_body"):
            return chunks, size
        message = await receive()


def bounded(receive: Receive, limit_bytes: int) -> Receive:
    """`receive` for routes that read bodies by themselves: 413 over the limit."""
    size = 0

    async def receive_bounded() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > limit_bytes:
            raise body_too_large(limit_bytes)
        return message

    return receive_bounded


@lru_cache(maxsize=CONTENT_TYPES)
def media_type(content_type: bytes) -> str:
    """The media type of a body in UTF-8, in lower case; nothing where its charset is another one.

    Python's `email` is no help: it takes a parameter apart by rules of mail, and fails at some.
    """
    kind, *parameters = content_type.decode("latin-1").lower().split(";")
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "charset":
            return kind.strip() if value.strip().strip('"') in UTF8 else ""
    return kind.strip()


@lru_cache(maxsize=CONTENT_TYPES)
def is_json(content_type: bytes) -> bool:
    """Whether a Content-Type means JSON in UTF-8."""
    if content_type == JSON:
        return True
    kind = media_type(content_type)
    return kind == "application/json" or (
        kind.startswith("application/") and kind.endswith("+json")
    )
