"""Reads request bodies within bounds."""

from __future__ import annotations

from email.message import Message

from starlette.requests import Request

from fairlead.serving.errors import body_too_large, unsupported_media_type

# A client that is cut off while sending sees a broken pipe, not the answer: up to this many
# times the limit is read, and thrown away, before 413.
PATIENCE = 4


async def read_body(request: Request, limit_bytes: int) -> bytes:
    """The whole body of a request that is JSON or does not say what it is.

    Raises:
        RequestRefusedError: 415, another content type; 413, it is larger than `limit_bytes`,
            whether it says so or not.
        ClientDisconnect: the client left while sending.
    """
    content_type = request.headers.get("content-type")
    if content_type is not None and not _is_json(content_type):
        raise unsupported_media_type()
    patience_bytes = PATIENCE * limit_bytes
    if int(request.headers.get("content-length", 0)) > patience_bytes:
        raise body_too_large(limit_bytes)
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > patience_bytes:
            break
        if size <= limit_bytes:
            chunks.append(chunk)
        else:
            chunks.clear()
    if size > limit_bytes:
        raise body_too_large(limit_bytes)
    return b"".join(chunks)


def _is_json(content_type: str) -> bool:
    if content_type == "application/json":
        return True
    header = Message()
    header["content-type"] = content_type
    kind = header.get_content_type()
    json = kind == "application/json" or (
        kind.startswith("application/") and kind.endswith("+json")
    )
    return json and header.get_content_charset("utf-8") in ("utf-8", "us-ascii")
