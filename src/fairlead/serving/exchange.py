"""What passes between the HTTP edge and the protocols: a request in, an answer out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from fairlead.bundle.golden import Scores

JSON = b"application/json"


class Request(Struct, frozen=True, gc=False):
    """A prediction request whose body has arrived, within its bounds.

    Attributes:
        body: as it was sent.
        headers: by name in lower case; of a repeated one, the last.
        id: its X-Request-ID, the caller's or a new one. The prediction of a single record has
            the same id; row `n` of a list, from 0, has `<id>-<n>`, however many there are.
    """

    body: bytes
    headers: Mapping[bytes, bytes]
    id: str


class Answer(Struct, frozen=True, gc=False):
    """What a request is answered with, and what it says of the traffic.

    Attributes:
        body: as it is sent.
        X: shape (scored rows, columns), what was scored.
        scores: of those rows; None when there was none.
        refused: number of rows that broke the contract.
        content_type: of the body.
        headers: further ones, in lower case.
        numbers: places of the scored rows in the list that was sent, from 0; None where a single
            record was sent.
    """

    body: bytes
    X: NDArray[np.float64]
    scores: Scores | None
    refused: int = 0
    content_type: bytes = JSON
    headers: tuple[tuple[bytes, bytes], ...] = ()
    numbers: Sequence[int] | None = None
