"""The rows of a segment of the prediction log, as arrays, by the route that they took."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import BinaryIO, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from fairlead.serving.prediction_segments import Line

Floats = NDArray[np.float64]
CHUNK_BYTES = 2**19
"""So much is decoded at once: with more, Python's collector looks at the same objects again and
again."""
CHUNKS = 8
"""So many are counted at once."""


class Block(NamedTuple):
    """Some rows that one version answered on one route.

    Attributes:
        route: that they took.
        X: shape (n, columns), as the graph took them.
        prediction: shape (n,), class codes or numbers; NaN where it was not finite.
        probabilities: shape (n, k), k = 0 for a regression.
    """

    route: str
    X: Floats
    prediction: Floats
    probabilities: Floats


def blocks(file: BinaryIO, columns: int, classes: int) -> Iterator[Block]:
    """Read a segment; lines that cannot be read are passed over, as in every reader.

    Args:
        file: at the line behind the header.
        columns: number of values in a row.
        classes: number of probabilities.
    """
    decoder = msgspec.json.Decoder(Line)
    parts: dict[str, list[Block]] = {}
    for number, texts in enumerate(_chunks(file), start=1):
        for block in _by_route(_decoded(decoder, texts), columns, classes):
            parts.setdefault(block.route, []).append(block)
        if number % CHUNKS == 0:
            yield from _joined(parts)
            parts = {}
    yield from _joined(parts)


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    """Whole lines; an end that was cut stays one by itself."""
    rest = b""
    while chunk := file.read(CHUNK_BYTES):
        lines, separator, rest_ = (rest + chunk).rpartition(b"\n")
        rest = rest_
        yield lines + separator
    yield rest


def _decoded(decoder: msgspec.json.Decoder[Line], texts: bytes) -> list[Line]:
    try:
        return decoder.decode_lines(texts)
    except msgspec.DecodeError:
        pass  # damage, or an end that was cut: compaction counts it
    found = []
    for text in texts.splitlines():
        with suppress(msgspec.DecodeError):
            found.append(decoder.decode(text))
    return found


def _joined(parts: Mapping[str, Sequence[Block]]) -> Iterator[Block]:
    for route, blocks_ in parts.items():
        _, X, prediction, probabilities = zip(*blocks_, strict=True)
        yield Block(route, *(np.concatenate(each) for each in (X, prediction, probabilities)))


def _by_route(lines: Sequence[Line], columns: int, classes: int) -> Iterator[Block]:
    routes: dict[str, list[Line]] = {}
    for line in lines:
        routes.setdefault(line.route, []).append(line)
    for route, own in routes.items():
        try:
            yield _block(route, own, columns, classes)
        except ValueError:
            whole = [line for line in own if _is_whole(line, columns, classes)]
            yield _block(route, whole, columns, classes)


def _block(route: str, lines: Sequence[Line], columns: int, classes: int) -> Block:
    """Some lines as arrays; a `ValueError` where one of them is damaged."""
    rows = [row for line in lines for row in line.rows]
    said = np.array([value for line in lines for value in line.predictions], np.float64)
    likely = [row for line in lines for row in line.probabilities]
    return Block(
        route,
        np.array(rows, np.float64).reshape(len(rows), columns),
        said.reshape(len(rows)),
        np.array(likely, np.float64).reshape(len(rows), classes),
    )


def _is_whole(line: Line, columns: int, classes: int) -> bool:
    """Whether all that a row should have is there; what is not is damage."""
    rows = len(line.rows)
    return (
        len(line.predictions) == rows
        and len(line.probabilities) == (rows if classes else 0)
        and all(len(row) == columns for row in line.rows)
        and all(len(row) == classes for row in line.probabilities)
    )
