from __future__ import annotations

import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from fairlead.serving.protocols.tensors import (
    DTYPES,
    RANGES,
    InputTensor,
    TensorRefusedError,
    as_list,
    read_bytes,
    read_data,
    to_bytes,
)

NUMBERS = [name for name in DTYPES if name not in ("BOOL", "BYTES")]


def texts(*parts: bytes) -> memoryview:
    return memoryview(b"".join(struct.pack("<I", len(part)) + part for part in parts))


def sized(size: Any, data: list[Any] | None = None) -> InputTensor:
    return InputTensor("a", [1], "FP64", data, {"binary_data_size": size})


@pytest.mark.parametrize("datatype", NUMBERS)
@given(data=st.data())
def test_numbers_in_bytes_keep_their_value(datatype: str, data: st.DataObject) -> None:
    array = data.draw(hnp.arrays(DTYPES[datatype], 3, elements={"allow_nan": False}))
    read = read_bytes(memoryview(array.tobytes()), datatype, 3)
    assert as_list(read) == array.tolist()


@given(st.lists(st.text()))
def test_texts_in_bytes_read_back_as_they_were_written(written: list[str]) -> None:
    raw = to_bytes(np.array(written, object), "BYTES")
    assert read_bytes(memoryview(raw), "BYTES", len(written)) == written


@given(hnp.arrays(np.float64, (3, 2)))
def test_numbers_are_written_in_row_major_order(values: np.ndarray[Any, Any]) -> None:
    raw = to_bytes(np.asfortranarray(values), "FP64")
    assert raw == values.tobytes()


def test_nan_in_bytes_becomes_null() -> None:
    assert as_list(read_bytes(memoryview(np.array([1, np.nan]).tobytes()), "FP64", 2)) == [1, None]


def test_a_boolean_takes_one_byte() -> None:
    assert read_bytes(memoryview(b"\x00\x01"), "BOOL", 2) == [False, True]


def test_a_byte_that_is_no_boolean_is_told_by_its_index() -> None:
    with pytest.raises(TensorRefusedError) as caught:
        read_bytes(memoryview(b"\x00\x01\x02"), "BOOL", 3)
    assert caught.value.elements == [2]


@pytest.mark.parametrize("size", [7, 9, 0])
def test_bytes_of_another_size_than_the_shape_are_refused(size: int) -> None:
    with pytest.raises(TensorRefusedError) as caught:
        read_bytes(memoryview(bytes(size)), "FP64", 1)
    assert caught.value.msg == "binary_data_size should be 8, as shape and datatype say"


@pytest.mark.parametrize(
    "raw",
    [
        texts(b"a"),
        texts(b"a", b"b", b"c"),
        texts(b"a", b"b")[:-1],
        memoryview(texts(b"a", b"b").tobytes() + b"\x01\x00"),
        memoryview(texts(b"a").tobytes() + b"\xff\xff\xff\xff"),
    ],
)
def test_texts_that_are_not_as_many_or_as_long_as_told_are_refused(raw: memoryview) -> None:
    with pytest.raises(TensorRefusedError, match="Tensor should have 2 texts"):
        read_bytes(raw, "BYTES", 2)


def test_a_text_that_is_not_utf_8_is_told_by_its_index() -> None:
    with pytest.raises(TensorRefusedError) as caught:
        read_bytes(texts(b"a", b"\xff"), "BYTES", 2)
    assert caught.value.elements == [1]


def test_data_may_be_nested() -> None:
    assert read_data([[1, 2], [3, 4], [5, 6]], "INT64", 3, 2) == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize(
    "data",
    [
        [1, 2, 3],
        [1, 2, 3, 4, 5],
        [[1, 2]],
        [[1, 2, 3], [4]],
        [[1, 2], 3],
        [],
        [[]],
        [[[1, 2], [3, 4]]],
    ],
)
def test_data_of_another_size_than_the_shape_are_refused(data: list[Any]) -> None:
    with pytest.raises(TensorRefusedError, match="data should have 4 elements"):
        read_data(data, "INT64", 2, 2)


@pytest.mark.parametrize("datatype", RANGES)
def test_the_bounds_of_an_integer_type_fit(datatype: str) -> None:
    bounds = list(RANGES[datatype])
    assert read_data(bounds, datatype, 2, 1) == bounds


@pytest.mark.parametrize("datatype", RANGES)
def test_beyond_the_bounds_of_an_integer_type_nothing_fits(datatype: str) -> None:
    low, high = RANGES[datatype]
    with pytest.raises(TensorRefusedError) as caught:
        read_data([low - 1, 0, high + 1], datatype, 3, 1)
    assert caught.value.elements == [0, 2]


@pytest.mark.parametrize(
    ("datatype", "value"),
    [
        ("FP64", "1"),
        ("FP64", True),
        ("FP32", [1]),
        ("INT64", 0.5),
        ("INT64", True),
        ("INT8", "1"),
        ("INT8", 128.0),
        ("BOOL", 1),
        ("BOOL", "true"),
        ("BYTES", 1),
        ("BYTES", {}),
    ],
)
def test_what_a_datatype_cannot_hold_is_told_by_its_index(datatype: str, value: object) -> None:
    with pytest.raises(TensorRefusedError) as caught:
        read_data([None, value], datatype, 2, 1)
    assert caught.value.elements == [1]


def test_a_whole_number_with_a_point_fits_an_integer_type() -> None:
    assert read_data([30.0, 31], "INT8", 2, 1) == [30.0, 31]


def test_a_tensor_without_data_or_size_is_refused() -> None:
    with pytest.raises(TensorRefusedError, match="data is missing"):
        read_data(None, "FP64", 1, 1)


@pytest.mark.parametrize("size", [-1, 1.5, True, "8"])
def test_a_size_is_a_whole_number_of_bytes(size: object) -> None:
    with pytest.raises(TensorRefusedError, match="should be a whole number of bytes"):
        _ = sized(size).raw_bytes


def test_a_tensor_has_data_or_bytes_not_both() -> None:
    with pytest.raises(TensorRefusedError, match="not both"):
        _ = sized(8, [1.0]).raw_bytes
