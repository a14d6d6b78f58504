"""Requests for predictions that are answered, and ways to spoil them; for `test_fuzz.py`."""

from __future__ import annotations

import io
import json
import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import parquet

LIMIT_BYTES = 200_000
"""`FAIRLEAD_MAX_BODY_BYTES` of the worker."""
DEPTH = 10_000

MARK = "qQ7zebra"
"""In every text that may be any, so that an answer which repeats a value is found out."""
VALUES = (MARK.encode(), b"31415", b"27182", b"14142", b"16180", b"2031-07-1")
"""Pieces of the values of the bodies, none of which an error may repeat."""
FLOWER = {
    "sepal_length": 5.31415,
    "sepal_width": 3.27182,
    "petal_length": 1.14142,
    "petal_width": 0.16180,
}
HOUSE = {
    "age": 30,
    "rooms": 31415,
    "income": 3.27182,
    "distance": 14142.5,
    "ocean": "INLAND",
    "agent": MARK,
    "garden": True,
    "sold": "2031-07-11T10:11:12.13",
}
ROWS: dict[str, dict[str, Any]] = {"flowers": FLOWER, "houses": HOUSE}
DATATYPES = {float: "FP64", int: "INT64", bool: "BOOL", str: "BYTES"}
JSON = b"application/json"
CSV = b"text/csv"
PARQUET = b"application/vnd.apache.parquet"
OCTETS = b"application/octet-stream"


@dataclass(frozen=True)
class Sent:
    """A request that is answered with 200 before it is spoiled."""

    path: str
    kind: bytes | None
    body: bytes
    headers: dict[str, bytes] = field(default_factory=dict)

    def __bytes__(self) -> bytes:
        headers = {"Host": b"x", "Content-Length": b"%d" % len(self.body), **self.headers}
        if self.kind is not None:
            headers["Content-Type"] = self.kind
        lines = [b"POST %s HTTP/1.1" % self.path.encode()]
        lines += [name.encode() + b": " + value for name, value in headers.items()]
        return b"\r\n".join([*lines, b"", self.body])

    def with_body(self, body: bytes) -> Sent:
        return Sent(self.path, self.kind, body, self.headers)

    def with_header(self, name: str, value: bytes) -> Sent:
        return Sent(self.path, self.kind, self.body, {**self.headers, name: value})


def good_requests(model: str) -> list[Sent]:
    """Every prediction path of a model, in every form that it takes."""
    row = ROWS[model]
    names, values = list(row), list(row.values())
    lists = {name: [value, value] for name, value in row.items()}
    split = {"columns": names, "index": [0, 1], "data": [values, values]}
    scoring: list[Any] = [
        {"dataframe_split": split, "params": {"probabilities": True}},
        {"dataframe_records": [row, row]},
        {"instances": [values, values]},
        {"instances": [row]},
        {"inputs": lists},
        {"inputs": [row]},
        row,
    ]
    sent = [
        Sent(f"/models/{model}/predict", JSON, json.dumps(row).encode()),
        Sent(f"/models/{model}/predict", JSON, json.dumps({"records": [row, row]}).encode()),
        Sent(f"/models/{model}/predict", JSON, json.dumps({"features": [values]}).encode()),
        Sent(f"/models/{model}/predict_batch", JSON, json.dumps([row, row]).encode()),
        Sent(f"/v1/models/{model}:predict", JSON, json.dumps({"instances": [row]}).encode()),
    ]
    for path in (f"/models/{model}/invocations", f"/models/{model}/invoke"):
        sent += [Sent(path, JSON, json.dumps(body).encode()) for body in scoring]
        table = ",".join(names) + "\n" + ",".join(map(cell, values)) + "\n"
        sent += [Sent(path, CSV, text.encode()) for text in (table, table.partition("\n")[2])]
        frame = io.BytesIO()
        parquet.write_table(pa.Table.from_pylist([row, row]), frame)
        sent.append(Sent(path, PARQUET, frame.getvalue()))
    return [*sent, *tensors(model, row)]


def tensors(model: str, row: dict[str, Any]) -> list[Sent]:
    """The Open Inference Protocol: in JSON, in bytes, and as one tensor where that can be."""
    path = f"/v2/models/{model}/infer"
    described = [
        {"name": name, "shape": [2, 1], "datatype": DATATYPES[type(value)], "data": [value] * 2}
        for name, value in row.items()
    ]
    sent = [Sent(path, JSON, json.dumps({"id": "7", "inputs": described}).encode())]
    raw = [octets(tensor) for tensor in described]
    inputs = [
        {**tensor, "data": None, "parameters": {"binary_data_size": len(part)}}
        for tensor, part in zip(described, raw, strict=True)
    ]
    parameters = {"binary_data_output": True}
    head = json.dumps({"inputs": inputs, "parameters": parameters}).encode()
    length = {"Inference-Header-Content-Length": b"%d" % len(head)}
    sent.append(Sent(path, OCTETS, head + b"".join(raw), length))
    if model == "flowers":
        values = list(row.values())
        whole = {"name": "x", "shape": [1, 4], "datatype": "FP64", "data": [values]}
        sent.append(Sent(path, JSON, json.dumps({"inputs": [whole]}).encode()))
        bare = {"Inference-Header-Content-Length": b"0"}
        sent.append(Sent(path, OCTETS, np.array(values * 3).tobytes(), bare))
    return sent


def octets(tensor: dict[str, Any]) -> bytes:
    values = tensor["data"]
    if tensor["datatype"] == "BYTES":
        return b"".join(len(text).to_bytes(4, "little") + text.encode() for text in values)
    return np.array(
        values, {"FP64": "<f8", "INT64": "<i8", "BOOL": "?"}[tensor["datatype"]]
    ).tobytes()


def cell(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


NESTED = (b"[" * DEPTH + b"]" * DEPTH, b'{"a":' * DEPTH + b"1" + b"}" * DEPTH, b"[" * DEPTH)
HUGE = (b"1e400", b"-1e400", b"1" + b"0" * 5000, b"-" + b"9" * 5000, b"0." + b"3" * 5000, b"1e-400")
TOKENS = (
    *NESTED,
    *HUGE,
    *(b"NaN", b"Infinity", b"-Infinity", b"nan", b"null", b"true", b"false", b"-0", b"+1", b"01"),
    *(b"9007199254740993", b"9223372036854775808", b"18446744073709551616", b"1.7e308", b"5e-324"),
    *(b'""', b'"NaN"', b'"1"', b"[]", b"{}", b"[null]", b'{"a": 1}', b"'a'", b"0x10", b"1_000"),
    *(rb'"\ud800"', rb'"\udc00\ud800"', rb'"\u0000"', b'"\x00"', b'"\n"', rb'"\x41"', b'"\\"'),
    b'"' + b"x" * 50_000 + b'"',
    *(b'"\xff"', b'"\xc0\xaf"', b'"\xed\xa0\x80"', b'"\xf4\x90\x80\x80"', b'"\xe2\x28\xa1"'),
    *(b'"0001-01-01"', b'"9999-12-31T23:59:60Z"', b'"2024-02-30"', b'"1e9"', b'"10000-01-01"'),
    *(b"[-1]", b"[0]", b"[1000000000000000000, 1]", b"[9223372036854775807, 4]", b"[1e400]"),
    b"[" + b"1, " * 2000 + b"1]",
    *(b'"INT8"', b'"FP16"', b'"UINT64"', b'"BYTES"', b'"BF16"', b'"fp64"'),
    b'{"binary_data_size": 99999999999999999999}',
    b'{"binary_data_size": -1}',
)
KINDS = (
    *(b"", b"text/plain", b"application/xml", b"application/json; charset=utf-16", b"json", b";;;"),
    *(b"application/json; charset=\xff", b'application/json; charset="', b"multipart/form-data"),
    *(b"application/json; charset*=utf-8''a; charset*0=b", b"application/x-www-form-urlencoded"),
    b"application/json; charset*" + b"9" * 5000 + b"=x",
    b"application/json; " + b"a=b; " * 2000,
    *(JSON, CSV, PARQUET, OCTETS),
)
LENGTHS = (b"0", b"1", b"-1", b"", b"x", b"1e3", b"99999999", b"9" * 5000, b"0x10", b" 3 ", b"\xb2")
ENCODINGS = ("utf-16", "utf-16-le", "utf-32", "utf-8-sig", "cp037", "utf-7")


def truncated(rng: random.Random, sent: Sent) -> Sent:
    return sent.with_body(sent.body[: rng.randrange(len(sent.body))])


def flipped(rng: random.Random, sent: Sent) -> Sent:
    body = bytearray(sent.body)
    for _ in range(rng.choice((1, 1, 2, 5, 20))):
        body[rng.randrange(len(body))] ^= 1 << rng.randrange(8)
    return sent.with_body(bytes(body))


def spliced(rng: random.Random, sent: Sent) -> Sent:
    """A piece is left out, sent twice, or replaced by signs of the grammar."""
    start, end = sorted(rng.randrange(len(sent.body) + 1) for _ in range(2))
    piece = rng.choice(
        (b"", 2 * sent.body[start:end], *(bytes([sign]) for sign in b'{}[]",:\\\0\n'))
    )
    return sent.with_body(sent.body[:start] + piece + sent.body[end:])


def token_replaced(rng: random.Random, sent: Sent) -> Sent:
    """One value, of whatever kind, is another one."""
    found = list(re.finditer(rb'"[^"]*"|-?[0-9][0-9.e+-]*|true|false|null|[^,\n]+', sent.body))
    place = rng.choice(found)
    return sent.with_body(
        sent.body[: place.start()] + rng.choice(TOKENS) + sent.body[place.end() :]
    )


def key_repeated(rng: random.Random, sent: Sent) -> Sent:
    """A key stands twice, or others stand beside it: some long, some very many."""
    opened = [place.end() for place in re.finditer(rb"\{", sent.body)]
    keys = re.findall(rb'"[a-z_]+":', sent.body)
    at = rng.choice(opened) if opened else 0
    one = (rng.choice(keys) if keys else b'"a":') + rng.choice(TOKENS) + b", "
    long = b'"' + b"k" * 20_000 + b'": 1, '
    many = b"".join(b'"k%d": 1, ' % index for index in range(500))
    return sent.with_body(sent.body[:at] + rng.choice((one, one, one, long, many)) + sent.body[at:])


def replaced(rng: random.Random, sent: Sent) -> Sent:
    return sent.with_body(rng.choice((*TOKENS, b"", b" ", b"\x00" * 100, rng.randbytes(300))))


def encoded(rng: random.Random, sent: Sent) -> Sent:
    text = sent.body.decode("latin-1").replace("INLAND", "INL\xc4ND")
    if rng.random() < 0.3:
        return sent.with_body(text.encode("latin-1"))
    return sent.with_body(text.encode(rng.choice(ENCODINGS)))


def declared(rng: random.Random, sent: Sent) -> Sent:
    return Sent(sent.path, rng.choice((None, *KINDS)), sent.body, sent.headers)


def mismeasured(rng: random.Random, sent: Sent) -> Sent:
    length = rng.choice((*LENGTHS, b"%d" % rng.randrange(len(sent.body) + 2)))
    return sent.with_header("Inference-Header-Content-Length", length)


def headed(rng: random.Random, sent: Sent) -> Sent:
    """Odd headers: very many, very long, of signs that are none."""
    name, value = rng.choice(
        (
            ("Accept", rng.choice((b"text/csv", b",;,;", b"*/*;q=\xff", b"text/*," * 1000))),
            ("X-Request-ID", rng.choice((b"", b"a b", b"\xff\xfe", b"x" * 9000, b'"};\\'))),
            ("X-Amzn-SageMaker-Inference-Id", rng.randbytes(40).hex().encode() * 3),
            ("X-Many", b"\r\n".join([b"1", *(b"X-%d: 1" % index for index in range(1000))])),
            ("X-Long", b"x" * 20_000),
            ("Cookie", b"\t;=\xff" * 100),
            ("Origin", b"null"),
            ("Expect", b"100-continue"),
            ("Upgrade", b"h2c\r\nConnection: Upgrade, HTTP2-Settings"),
            ("Content-Encoding", b"gzip"),
            ("X-HTTP-Method-Override", b"DELETE"),
        )
    )
    return sent.with_header(name, value)


def enlarged(rng: random.Random, sent: Sent) -> Sent:
    """Over the limit, or shortly below it."""
    size = rng.choice((LIMIT_BYTES - 1000, LIMIT_BYTES + 1, 3 * LIMIT_BYTES))
    filler = rng.choice((b" ", b"[", b"1", sent.body))
    return sent.with_body((filler * (size // len(filler) + 1))[:size])


SPOILED: tuple[tuple[int, Callable[[random.Random, Sent], Sent]], ...] = (
    (5, truncated),
    (6, flipped),
    (5, spliced),
    (9, token_replaced),
    (5, key_repeated),
    (3, replaced),
    (3, encoded),
    (3, declared),
    (2, mismeasured),
    (2, headed),
    (1, enlarged),
)


def spoiled_requests(count: int, seed: int) -> Iterator[Sent]:
    """Requests of every path and form by turns, each spoiled in one way or two."""
    rng = random.Random(seed)  # noqa: S311
    good = [sent for model in ROWS for sent in good_requests(model)]
    good += [
        Sent(sent.path.replace("/models/flowers", ""), sent.kind, sent.body) for sent in good[:4]
    ]
    weights, ways = zip(*SPOILED, strict=True)
    for index in range(count):
        sent = good[index % len(good)]
        for way in rng.choices(ways, weights, k=rng.choice((1, 1, 1, 2))):
            sent = way(rng, sent) if sent.body else sent
        yield sent
