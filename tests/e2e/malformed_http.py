"""Ways to send a good request in broken HTTP, or on its border; for `test_fuzz.py`.

`sent` is a request of `malformed_bodies.py`.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

CHUNK_SIZES = (b"zz", b"-1", b"0x10", b"f" * 17, b"1" * 300, b"", b" 5", b"5 ;a", b"1e2", b"5;\x00")
START_LINES = (
    b"POST /predict",
    b"POST /predict HTTP/9.9",
    b"POST /predict HTTP/1.1 x",
    b"post /predict HTTP/1.1",
    b"POST  /predict  HTTP/1.1",
    b"POST\t/predict\tHTTP/1.1",
    b"POST /pre\x00dict HTTP/1.1",
    b"POST /pr\xc3\xa9dict HTTP/1.1",
    b"POST /%ff%00%zz HTTP/1.1",
    b"POST http://x/predict HTTP/1.1",
    b"POST http:///predict HTTP/1.1",
    b"POST * HTTP/1.1",
    b"OPTIONS * HTTP/1.1",
    b"CONNECT x:443 HTTP/1.1",
    b"CONNECT /predict HTTP/1.1",
    b"TRACE /predict HTTP/1.1",
    b"HEAD /predict HTTP/1.1",
    b"GET /static-offline-docs/..%2f..%2f..%2fetc/passwd HTTP/1.1",
    b"GET /" + b"../" * 50 + b"etc/passwd HTTP/1.1",
    b"GET /monitor/basic?window=%ff%00 HTTP/1.1",
    b"GET /models?next_page_token=" + b"%f0" * 1000 + b" HTTP/1.1",
    b"PRI * HTTP/2.0\r\n\r\nSM",
    b"A" * 5000 + b" / HTTP/1.1",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"SSH-2.0-x",
    b"",
)
HEADERS = (
    b"Host: y",
    b"Transfer-Encoding: chunked",
    b"Transfer-Encoding: gzip, chunked",
    b"Transfer-Encoding: chunked, chunked",
    b"Transfer-Encoding: xchunked",
    b"Transfer-Encoding: chunked\x0b",
    b"Transfer-Encoding : chunked",
    b"Transfer-Encoding: identity",
    b"Transfer-Encoding:\r\n chunked",
    b"Content-Length: 3",
    b"Content-Length: +3",
    b"Content-Length: 0x3",
    b"Content-Length: -3",
    b"Content-Length: 3, 3",
    b"Content-Length: " + b"9" * 40,
    b"Content-Length:",
    b"Connection: close, keep-alive, upgrade\r\nUpgrade: websocket",
    b"Connection: upgrade\r\nUpgrade: h2c\r\nExpect: 100-continue",
    b"Expect: 200-ok",
    b"no colon",
    b": no name",
    b" folded: 1",
    b"na me: 1",
    b"name\x00: 1",
    b"name: \x00\x01\x7f",
    b"name: a\rb",
    b"name: a\nb",
    b"a: b\r\n" * 2000 + b"a: b",
)


def chunked(rng: random.Random, sent: Any) -> bytes:
    """A body in chunks, one of which is not of the size that it has."""
    head = b"POST %s HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" % sent.path.encode()
    right = b"%x" % len(sent.body)
    size = rng.choice((right, *CHUNK_SIZES, b"%x" % rng.randrange(2 * len(sent.body))))
    end = rng.choice((b"\r\n0\r\n\r\n", b"\r\n0\r\n", b"", b"\n0\n\n", b"\r\n0\r\nX: 1\r\n\r\n"))
    return head + size + b"\r\n" + sent.body + end


def restarted(rng: random.Random, sent: Any) -> bytes:
    return rng.choice(START_LINES) + b"\r\n" + bytes(sent).partition(b"\r\n")[2]


def misheaded(rng: random.Random, sent: Any) -> bytes:
    """A header too many or two, before the others or behind them."""
    start, _, rest = bytes(sent).partition(b"\r\n")
    headers, _, body = rest.partition(b"\r\n\r\n")
    odd = rng.sample(HEADERS, rng.choice((1, 1, 2)))
    lines = [*odd, headers] if rng.random() < 0.5 else [headers, *odd]
    return b"\r\n".join([start, *lines, b"", body])


def unfinished(rng: random.Random, sent: Any) -> bytes:
    request = bytes(sent)
    return request[: rng.randrange(len(request))]


def pipelined(rng: random.Random, sent: Any) -> bytes:
    """Good requests in one piece, and at times a bad one among them."""
    others = (
        b"",
        b"NONSENSE\r\n\r\n",
        b"GET /livez HTTP/1.1\r\n\r\n",
        b"\x00",
        unfinished(rng, sent),
    )
    return bytes(sent) * rng.randrange(1, 40) + rng.choice(others) + bytes(sent)


def noisy(rng: random.Random, sent: Any) -> bytes:
    request = bytearray(bytes(sent))
    for _ in range(rng.choice((1, 2, 8))):
        request[rng.randrange(min(len(request), 150))] = rng.randrange(256)
    return bytes(request)


def random_bytes(rng: random.Random, sent: Any) -> bytes:
    return rng.randbytes(rng.randrange(1, 500))


BROKEN = (chunked, restarted, misheaded, unfinished, pipelined, noisy, random_bytes)


def broken_requests(good: list[Any], count: int, seed: int) -> Iterator[bytes]:
    """Good requests, each broken in one way, as the bytes that are sent."""
    rng = random.Random(seed)  # noqa: S311
    for index in range(count):
        yield BROKEN[index % len(BROKEN)](rng, rng.choice(good))
