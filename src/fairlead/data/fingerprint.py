"""Names the content of a data set: the same rows give the same digest, whatever file holds them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from fairlead.data.parsing import ParsedColumn

FORMAT = b"fairlead data 1\n"


def fingerprint(columns: Mapping[str, tuple[str, ParsedColumn]]) -> str:
    """SHA-256 of parsed rows.

    The order of the rows counts, that of the columns does not. 0 and -0 are one number, texts are
    compared after normalisation, and a category counts by its text, not by its code.

    Args:
        columns: name -> declared type, and the column; all of one length.

    Returns:
        64 hexadecimal digits.
    """
    digest = hashlib.sha256(FORMAT)
    for name in sorted(columns):
        kind, column = columns[name]
        for head in (name.encode(), kind.encode()):
            digest.update(_number(len(head)) + head)
        digest.update(_number(len(column.values)))
        if column.index is None:
            digest.update(_canonical(column.values))
        else:
            for part in _texts(column.texts, column.index):
                digest.update(part)
    return digest.hexdigest()


def canonical(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The values with one kind of NaN and one kind of zero."""
    # -0.0 + 0.0 is 0.0.
    return np.where(np.isnan(values), np.nan, values + 0.0)


def _canonical(values: NDArray[np.float64]) -> bytes:
    return canonical(values).astype("<f8").tobytes()


def _texts(texts: tuple[str, ...], index: NDArray[np.int64]) -> tuple[bytes, bytes]:
    """The length of each text in bytes, -1 where it is missing, and all texts on end."""
    encoded = [text.encode() for text in texts]
    lengths = np.array([*map(len, encoded), -1], "<i8")
    # The last entry is for index -1.
    table = np.array([*encoded, b""], object)
    return lengths[index].tobytes(), b"".join(table[index].tolist())


def _number(value: int) -> bytes:
    return value.to_bytes(8, "little")
