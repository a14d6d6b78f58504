"""The rows of a segment of the prediction log, as arrays, by the route that they took."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import BinaryIO, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from fairlead.serving.prediction_segments import Line

Floats = NDArray[np.float64]
BLOCK_LINES = 20_000
"""So many lines are held as objects at a time."""


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
    lines: list[Line] = []
    for text in file:
        try:
            lines.append(decoder.decode(text))
        except msgspec.DecodeError:
            continue  # damage, or an end that was cut: compaction counts it
        if len(lines) == BLOCK_LINES:
            yield from _by_route(lines, columns, classes)
            lines = []
    yield from _by_route(lines, columns, classes)


def _by_route(lines: Sequence[Line], columns: int, classes: int) -> Iterator[Block]:
    routes: dict[str, list[Line]] = {}
    for line in lines:
        routes.setdefault(line.route, []).append(line)
    for route, own in routes.items():
        rows = [row for line in own for row in line.rows]
        said = [value for line in own for value in line.predictions]
        likely = [row for line in own for row in line.probabilities] if classes else []
        if len(said) == len(rows) and len(likely) in (0, len(rows)):
            yield Block(
                route,
                np.array(rows, np.float64).reshape(len(rows), columns),
                np.array(said, np.float64),
                np.array(likely or np.empty((len(rows), 0)), np.float64),
            )
