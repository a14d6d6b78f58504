"""Tensors of the Open Inference Protocol, in JSON or in bytes: what they hold, without a loss."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from itertools import chain
from typing import Annotated, Any

import numpy as np
from msgspec import Meta, Struct
from numpy.typing import NDArray

DTYPES = {
    "BOOL": np.dtype("?"),
    "UINT8": np.dtype("<u1"),
    "UINT16": np.dtype("<u2"),
    "UINT32": np.dtype("<u4"),
    "UINT64": np.dtype("<u8"),
    "INT8": np.dtype("<i1"),
    "INT16": np.dtype("<i2"),
    "INT32": np.dtype("<i4"),
    "INT64": np.dtype("<i8"),
    "FP16": np.dtype("<f2"),
    "FP32": np.dtype("<f4"),
    "FP64": np.dtype("<f8"),
    "BYTES": np.dtype(object),
}
"""Datatype -> its elements; in bytes, BYTES are lengths and texts by turns."""
RANGES = {f"UINT{bits}": (0, 2**bits - 1) for bits in (8, 16, 32, 64)} | {
    f"INT{bits}": (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) for bits in (8, 16, 32, 64)
}
"""Datatype of whole numbers -> its least and its greatest."""
# Null, which no tensor in bytes can hold, is a missing value; its column says whether it may be.
_NUMBERS = frozenset({int, float, type(None)})
_INTEGERS = frozenset({int, type(None)})
_KINDS = {
    "BOOL": frozenset({bool, type(None)}),
    "BYTES": frozenset({str, type(None)}),
    **dict.fromkeys(("FP16", "FP32", "FP64"), _NUMBERS),
}
_LENGTH = struct.Struct("<I")

Parameters = dict[str, bool | int | float | str | None]
Values = list[Any] | NDArray[Any]


class InputTensor(Struct, frozen=True, gc=False):
    """A tensor of a request.

    Attributes:
        name: a column, or anything if it is the only one.
        shape: with rows first.
        datatype: one of `DTYPES`, in upper or lower case.
        data: flat in row-major order, or nested; None for a tensor in bytes.
        parameters: `binary_data_size` if it is in bytes; others are left aside.
    """

    name: str
    shape: list[Annotated[int, Meta(ge=0)]]
    datatype: str
    data: list[Any] | None = None
    parameters: Parameters | None = None

    @property
    def raw_bytes(self) -> int | None:
        """How many bytes it takes after the JSON; None if it is in JSON.

        Raises:
            TensorRefusedError: the size is no whole number, or there are data besides.
        """
        size = None if self.parameters is None else self.parameters.get("binary_data_size")
        if size is None:
            return None
        if isinstance(size, bool) or not isinstance(size, int) or size < 0:
            msg = "binary_data_size should be a whole number of bytes"
            raise TensorRefusedError("binary_data_size", msg)
        if self.data is not None:
            msg = "Tensor should have data or binary_data_size, not both"
            raise TensorRefusedError("binary_data_size", msg)
        return size


class OutputTensor(Struct, frozen=True, omit_defaults=True, gc=False):
    """A tensor of an answer; `data` is flat in row-major order, and None in bytes."""

    name: str
    shape: list[int]
    datatype: str
    parameters: Parameters | None = None
    data: list[Any] | None = None


class TensorRefusedError(ValueError):
    """A tensor is not what it says; `elements` are the indices of those at fault, if it is them."""

    def __init__(self, kind: str, msg: str, elements: Sequence[int] = ()) -> None:
        super().__init__(kind, msg)
        self.kind, self.msg, self.elements = kind, msg, elements


def read_data(data: list[Any] | None, datatype: str, rows: int, width: int) -> list[Any]:
    """The elements of a tensor in JSON, flat in row-major order.

    Args:
        data: flat, or a list of rows.
        datatype: key of `DTYPES`.
        rows: first dimension.
        width: product of the others.

    Raises:
        TensorRefusedError: there are more or fewer than the shape says, or the datatype cannot
            hold one of them.
    """
    if data is None:
        raise TensorRefusedError("missing", "data is missing, and so is binary_data_size")
    nested = bool(data) and type(data[0]) is list
    if nested:
        regular = set(map(type, data)) == {list} and set(map(len, data)) == {width}
        if not regular or len(data) != rows:
            raise _mismatch(rows * width)
        data = list(chain.from_iterable(data))
    elif len(data) != rows * width:
        raise _mismatch(rows * width)
    elements = _misfits(data, datatype)
    if elements:
        raise TensorRefusedError("datatype", f"Input should fit {datatype}", elements)
    return data


def read_bytes(raw: memoryview, datatype: str, count: int) -> Values:
    """The elements of a tensor in bytes: an array of numbers, or a list of texts or booleans.

    Args:
        raw: little-endian, in row-major order.
        datatype: key of `DTYPES`.
        count: number of elements.

    Raises:
        TensorRefusedError: there are more or fewer than the shape says, or one cannot be read.
    """
    if datatype == "BYTES":
        return _read_texts(raw, count)
    dtype = DTYPES[datatype]
    if len(raw) != count * dtype.itemsize:
        msg = f"binary_data_size should be {count * dtype.itemsize}, as shape and datatype say"
        raise TensorRefusedError("shape", msg)
    if datatype != "BOOL":
        return np.frombuffer(raw, dtype)
    octets = np.frombuffer(raw, np.uint8)
    elements = np.flatnonzero(octets > 1).tolist()
    if elements:
        raise TensorRefusedError("datatype", "Input should be a byte that is 0 or 1", elements)
    booleans: list[Any] = octets.astype(np.bool_).tolist()
    return booleans


def as_list(values: Values) -> list[Any]:
    """Elements as JSON has them; NaN, which stands for a missing value, as null."""
    if isinstance(values, list):
        return values
    elements: list[Any] = values.tolist()
    if values.dtype.kind == "f" and np.isnan(values).any():
        return [None if element != element else element for element in elements]
    return elements


def to_bytes(values: NDArray[Any], datatype: str) -> bytes:
    """The elements of an output in bytes."""
    if datatype != "BYTES":
        return np.ascontiguousarray(values, DTYPES[datatype]).tobytes()
    texts = [str(text).encode() for text in values.tolist()]
    return b"".join(part for text in texts for part in (_LENGTH.pack(len(text)), text))


def _mismatch(count: int) -> TensorRefusedError:
    return TensorRefusedError("shape", f"data should have {count} elements, as shape says")


def _misfits(data: list[Any], datatype: str) -> list[int]:
    """Indices of what a datatype cannot hold."""
    bounds = RANGES.get(datatype)
    kinds = _KINDS.get(datatype, _INTEGERS)
    if kinds.issuperset(map(type, data)):
        if bounds is None:
            return []
        present = [value for value in data if value is not None]
        if not present or (bounds[0] <= min(present) and max(present) <= bounds[1]):
            return []
    if bounds is None:
        return [index for index, value in enumerate(data) if type(value) not in kinds]
    return [index for index, value in enumerate(data) if not _is_whole(value, *bounds)]


def _is_whole(value: Any, low: int, high: int) -> bool:
    """Whether an integer type holds a value: 30, and 30.0, which loses nothing."""
    if value is None:
        return True
    if type(value) is float:
        return value.is_integer() and low <= value <= high
    return type(value) is int and low <= value <= high


def _read_texts(raw: memoryview, count: int) -> list[Any]:
    texts: list[Any] = []
    unreadable = []
    at = 0
    while at < len(raw):
        start = at + _LENGTH.size
        end = start + _LENGTH.unpack_from(raw, at)[0] if start <= len(raw) else start
        if end > len(raw) or len(texts) == count:
            break
        try:
            texts.append(str(raw[start:end], "utf-8"))
        except UnicodeDecodeError:
            unreadable.append(len(texts))
            texts.append("")
        at = end
    if at != len(raw) or len(texts) != count:
        msg = f"Tensor should have {count} texts, each after its length in 4 bytes"
        raise TensorRefusedError("shape", msg)
    if unreadable:
        raise TensorRefusedError("datatype", "Input should be text in UTF-8", unreadable)
    return texts
