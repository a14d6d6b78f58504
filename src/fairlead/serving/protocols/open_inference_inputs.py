"""From the inputs of the Open Inference Protocol to rows, by the contract."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from fairlead.data.contract import Contract
from fairlead.data.encoding import encode, violations
from fairlead.serving.errors import Problem, RequestRefusedError
from fairlead.serving.predictor import Predictor
from fairlead.serving.protocols.tensors import (
    RANGES,
    InputTensor,
    TensorRefusedError,
    Values,
    as_list,
    read_bytes,
    read_data,
)
from fairlead.serving.rows import SHOWN_EXTRAS, SHOWN_NAME, RowRefusedError, not_permitted
from fairlead.serving.values import may_be_absent

FLOATS = ("FP64", "FP32", "FP16")
ACCEPTED: dict[str, tuple[str, ...]] = {
    "number": (*FLOATS, *RANGES),
    "integer": (*RANGES, *FLOATS),
    "boolean": ("BOOL",),
    "category": ("BYTES", "BOOL", *RANGES),
    "datetime": ("BYTES",),
}
"""Type of a column -> the datatypes that it can be read from."""


def refused_because(*problems: Problem) -> RequestRefusedError:
    """The request breaks the protocol or the contract: 400, where other routes answer 422."""
    return RequestRefusedError(400, problems)


def read_inputs(
    predictor: Predictor, inputs: Sequence[InputTensor], raw: memoryview | None
) -> NDArray[np.float64]:
    """The rows of a request, by the contract.

    Args:
        predictor: whose contract it is.
        inputs: one tensor of all columns, or one for each column, in any order.
        raw: the bytes after the JSON part, if the request tells of any.

    Returns:
        Shape (rows, columns), as the graph takes it.

    Raises:
        RequestRefusedError: 400, with every input, row or column that is at fault.
    """
    contract = predictor.bundle.contract
    names = predictor.rows.names
    single = len(inputs) == 1 and (
        inputs[0].name not in contract.columns or inputs[0].shape[1:] == [len(names)] != [1]
    )
    tensors = {"": inputs[0]} if single else _by_column(contract, inputs)
    rows = _rows(predictor, tensors, single=single)
    width = len(names) if single else 1
    values = _values(predictor, inputs, raw, rows, width)
    columns: list[Values]
    if single:
        (whole,) = values.values()
        columns = [whole[index::width] for index in range(width)]
    else:
        columns = [values[name] if name in values else [None] * rows for name in names]
    return _encode(predictor, columns, rows)


def _by_column(contract: Contract, inputs: Sequence[InputTensor]) -> dict[str, InputTensor]:
    """One input for each column; those that may be missing may be absent."""
    tensors = {tensor.name: tensor for tensor in inputs}
    if tensors.keys() == contract.columns.keys() and len(tensors) == len(inputs):
        return tensors
    problems = [
        Problem("missing", ("inputs", name), "Field required")
        for name, column in contract.columns.items()
        if name not in tensors and not may_be_absent(column)
    ]
    extras = (name for name in tensors if name not in contract.columns)
    problems += [not_permitted(name, ("inputs",)) for name in islice(extras, SHOWN_EXTRAS)]
    if len(tensors) < len(inputs):
        problems.append(Problem("repeated", ("inputs",), "Each input should have its own name"))
    if not tensors:
        problems.append(Problem("missing", ("inputs",), "Request should have an input"))
    if problems:
        raise refused_because(*problems)
    return tensors


def _rows(predictor: Predictor, tensors: Mapping[str, InputTensor], *, single: bool) -> int:
    """How many rows the inputs have: as many in each, and not too many."""
    names = predictor.rows.names
    first = next(iter(tensors.values()))
    rows = first.shape[0] if first.shape else 0
    if single and first.shape != [rows, len(names)]:
        msg = f"Shape should be [rows, {len(names)}]: {', '.join(names)}; or one input each"
        raise refused_because(Problem("shape", ("inputs", first.name[:SHOWN_NAME]), msg))
    if not single:
        msg = "Shape should be [rows] or [rows, 1], with as many rows in each input"
        problems = [
            Problem("shape", ("inputs", name), msg)
            for name, tensor in tensors.items()
            if tensor.shape not in ([rows], [rows, 1])
        ]
        if problems:
            raise refused_because(*problems)
    if rows > predictor.max_rows:
        msg = f"Request should have at most {predictor.max_rows} rows"
        raise refused_because(Problem("too_long", ("inputs",), msg))
    return rows


def _values(
    predictor: Predictor,
    inputs: Sequence[InputTensor],
    raw: memoryview | None,
    rows: int,
    width: int,
) -> dict[str, Values]:
    """Name of each input -> its elements, flat; every tensor that is at fault is told."""
    values: dict[str, Values] = {}
    problems: list[Problem] = []
    columns, names = predictor.bundle.contract.columns, predictor.rows.names
    at = 0
    for tensor in inputs:
        covered = (tensor.name,) if width == 1 and tensor.name in columns else names
        try:
            size = tensor.raw_bytes
            datatype = _datatype(tensor, [columns[name].type for name in covered])
            if size is None:
                values[tensor.name] = read_data(tensor.data, datatype, rows, width)
                continue
            if raw is None or at + size > len(raw):
                msg = "binary_data_size is more than the bytes after the JSON part"
                raise TensorRefusedError("binary_data_size", msg)
            values[tensor.name] = read_bytes(raw[at : at + size], datatype, rows * width)
            at += size
        except TensorRefusedError as refused:
            problems += _problems(refused, tensor, covered)
    if raw is not None and at != len(raw) and not problems:
        msg = "the sizes of the inputs should add up to the bytes after the JSON part"
        problems.append(Problem("binary_data_size", ("inputs",), msg))
    if problems:
        raise refused_because(*problems)
    return values


def _datatype(tensor: InputTensor, types: Sequence[str]) -> str:
    """The datatype of a tensor, which columns of these types can be read from."""
    datatype = tensor.datatype.upper()
    for kind in types:
        if datatype not in ACCEPTED[kind]:
            accepted = ", ".join(ACCEPTED[kind])
            raise TensorRefusedError("datatype", f"Datatype should be, for {kind}: {accepted}")
    return datatype


def _problems(
    refused: TensorRefusedError, tensor: InputTensor, covered: Sequence[str]
) -> list[Problem]:
    """What is wrong with a tensor: elements by row and column, anything else by its name."""
    if not refused.elements:
        return [Problem(refused.kind, ("inputs", tensor.name[:SHOWN_NAME]), refused.msg)]
    places = (divmod(element, len(covered)) for element in refused.elements)
    return [Problem(refused.kind, (row, covered[index]), refused.msg) for row, index in places]


def _encode(predictor: Predictor, columns: Sequence[Values], rows: int) -> NDArray[np.float64]:
    """Columns as rows of the graph's input; whatever is unusual is left to the row reader."""
    reader = predictor.rows
    if rows == 1:
        try:
            return np.array([reader.features([as_list(column)[0] for column in columns], (0,))])
        except RowRefusedError as refused:
            raise refused_because(*refused.problems) from None
    plain = [column for column in columns if isinstance(column, list)]
    if len(plain) == len(columns):
        X = reader.usual.rows(plain, rows)
    else:
        X = _encode_arrays(predictor, columns, rows)
    if X is not None:
        return X
    lists = [as_list(column) for column in columns]
    read = reader.many(reader.features, list(map(list, zip(*lists, strict=True))), ())
    if read.refused:
        raise refused_because(*read.problems)
    return read.X


def _encode_arrays(
    predictor: Predictor, columns: Sequence[Values], rows: int
) -> NDArray[np.float64] | None:
    declarations = predictor.bundle.contract.declarations
    X, faults = encode(declarations, dict(zip(predictor.rows.names, columns, strict=True)), rows)
    return None if faults or violations(declarations, X) else X
