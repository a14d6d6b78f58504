"""Reads request bodies within bounds."""

from __future__ import annotations

from collections.abc import Mapping
from email.message import Message
from functools import lru_cache

from starlette.requests import ClientDisconnect
from starlette.types import Receive

from fairlead.serving.errors import body_too_large
from fairlead.serving.exchange import JSON

# A client that is cut off while sending sees a broken pipe, not the answer: up to this many
# times the limit is read, and thrown away, before 413.
PATIENCE = 4


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


@lru_cache(maxsize=128)
def is_json(content_type: bytes) -> bool:
    """Whether a Content-Type means JSON in UTF-8."""
    if content_type == JSON:
        return True
    header = Message()
    header["content-type"] = content_type.decode("latin-1")
    kind = header.get_content_type()
    json = kind == "application/json" or (
        kind.startswith("application/") and kind.endswith("+json")
    )
    return json and header.get_content_charset("utf-8") in ("utf-8", "us-ascii")
