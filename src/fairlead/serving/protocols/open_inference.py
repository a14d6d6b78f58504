"""Open Inference Protocol v2 over REST: predictions from tensors, in JSON or in bytes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from fairlead.bundle.golden import Scores
from fairlead.data.contract import Contract
from fairlead.serving.errors import MAX_PROBLEMS, Problem, RequestRefusedError, not_json
from fairlead.serving.exchange import Answer, Request
from fairlead.serving.predictor import Predictor, parse
from fairlead.serving.protocols.open_inference_inputs import read_inputs, refused_because
from fairlead.serving.protocols.tensors import (
    DTYPES,
    InputTensor,
    OutputTensor,
    Parameters,
    to_bytes,
)
from fairlead.serving.rows import SHOWN_NAME
from fairlead.serving.schema import EXAMPLE_ROWS, OWN_TROUBLES

JSON_LENGTH = b"inference-header-content-length"
BINARY = b"application/octet-stream"
PARAMETER_TYPES = ["string", "number", "boolean", "null"]
NATURAL = {
    "number": "FP64",
    "integer": "INT64",
    "boolean": "BOOL",
    "category": "BYTES",
    "datetime": "BYTES",
}
"""Type of a column -> the datatype that its metadata tell."""


class RequestedOutput(Struct, frozen=True, gc=False):
    """An output that a request asks for."""

    name: str
    parameters: Parameters | None = None


class InferRequest(Struct, frozen=True, gc=False):
    """The JSON part of a request."""

    inputs: list[InputTensor]
    id: str | None = None
    parameters: Parameters | None = None
    outputs: list[RequestedOutput] | None = None


class InferResponse(Struct, frozen=True, gc=False):
    """The JSON part of an answer."""

    model_name: str
    model_version: str
    id: str
    outputs: list[OutputTensor]


REFUSAL: dict[str, Any] = {
    "type": "object",
    "properties": {"error": {"type": "string"}},
    "required": ["error"],
}
_requests = msgspec.json.Decoder(InferRequest)


def infer(predictor: Predictor, request: Request) -> Answer:
    """Answer `POST /v2/models/{name}/infer`.

    Raises:
        RequestRefusedError: 400, the request is not of the protocol, or breaks the contract.
    """
    message, raw = _read(predictor.bundle.contract, request)
    outputs = _requested(predictor.bundle.contract, message)
    X = read_inputs(predictor, message.inputs, raw)
    scores = predictor.bundle.score(X) if len(X) else None
    return _answer(predictor, request, message, outputs, X, scores)


def refuse(status: int, detail: str | tuple[Problem, ...]) -> bytes:
    """An error in the protocol's shape, `{"error": "…"}`; of many problems, the first 100."""
    del status
    if not isinstance(detail, str):
        told = [_told(problem) for problem in detail[:MAX_PROBLEMS]]
        if len(detail) > MAX_PROBLEMS:
            told.append(f"and {len(detail) - MAX_PROBLEMS} more")
        detail = "; ".join(told)
    return msgspec.json.encode({"error": detail})


def inputs_of(contract: Contract) -> list[dict[str, Any]]:
    """The inputs as metadata tell them: one for each column."""
    return [
        {"name": name, "datatype": NATURAL[column.type], "shape": [-1]}
        for name, column in contract.columns.items()
    ]


def outputs_of(contract: Contract) -> list[dict[str, Any]]:
    """The outputs as metadata tell them: `predict` and, of a classifier, `predict_proba`."""
    if not contract.classes:
        return [{"name": "predict", "datatype": "FP64", "shape": [-1]}]
    return [
        {"name": "predict", "datatype": "BYTES", "shape": [-1]},
        {"name": "predict_proba", "datatype": "FP64", "shape": [-1, len(contract.classes)]},
    ]


def infer_operation(predictor: Predictor) -> dict[str, Any]:
    """`openapi_extra` of `POST /v2/models/{name}/infer`; the examples are golden rows."""
    contract = predictor.bundle.contract
    records = predictor.bundle.golden()["records"][: min(EXAMPLE_ROWS, predictor.max_rows)]
    tensors = [
        {**tensor, "shape": [len(records)], "data": [record[tensor["name"]] for record in records]}
        for tensor in inputs_of(contract)
    ]
    example = {"id": "42", "inputs": tensors}
    answer = infer(predictor, Request(msgspec.json.encode(example), {}, "42"))
    text = {"type": "string"}
    names = {**text, "enum": [tensor["name"] for tensor in outputs_of(contract)]}
    parameters = {"type": "object", "additionalProperties": {"type": PARAMETER_TYPES}}
    asked = {"type": "array", "items": _object(["name"], name=names, parameters=parameters)}
    tensor = {"type": "array", "items": _tensor(text, parameters), "minItems": 1}
    answered = {"type": "array", "items": _tensor(names, parameters)}
    request = _object(["inputs"], id=text, parameters=parameters, inputs=tensor, outputs=asked)
    required = ["model_name", "model_version", "id", "outputs"]
    response = _object(required, model_name=text, model_version=text, id=text, outputs=answered)
    return operation(
        (request, "One input for each column", example),
        (response, "To one input for each column", msgspec.json.decode(answer.body)),
        binary=True,
    )


def operation(
    request: tuple[dict[str, Any], str, Any],
    response: tuple[dict[str, Any], str, Any],
    *,
    binary: bool = False,
) -> dict[str, Any]:
    """`openapi_extra` of an operation that words refusals as `refuse` does.

    Args:
        request: schema, summary of the example, example.
        response: the same of the answer.
        binary: whether both may be bytes besides.
    """
    refusal = {"application/json": {"schema": REFUSAL}}
    refusals = {
        "400": "The body is not of the protocol, or breaks the contract",
        "413": "The body is too large",
        **OWN_TROUBLES,
    }
    return {
        "requestBody": {"required": True, "content": _content(*request, binary=binary)},
        "responses": {
            "200": {"description": "Scored", "content": _content(*response, binary=binary)},
            **{key: {"description": text, "content": refusal} for key, text in refusals.items()},
        },
    }


def _content(schema: dict[str, Any], summary: str, example: Any, *, binary: bool) -> dict[str, Any]:
    examples = {"golden": {"summary": summary, "value": example}}
    content: dict[str, Any] = {"application/json": {"schema": schema, "examples": examples}}
    if binary:
        content[BINARY.decode()] = {"schema": {"type": "string", "format": "binary"}}
    return content


def _tensor(name: dict[str, Any], parameters: dict[str, Any]) -> dict[str, Any]:
    return _object(
        ["name", "shape", "datatype"],
        name=name,
        shape={"type": "array", "items": {"type": "integer", "minimum": 0}},
        datatype={"type": "string", "enum": list(DTYPES)},
        data={"type": "array", "items": {}},
        parameters=parameters,
    )


def _object(required: list[str], /, **properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": required}


def _told(problem: Problem) -> str:
    keys = problem.loc[1:] if problem.loc[:1] == ("body",) else problem.loc
    place = ", ".join(f"row {key}" if isinstance(key, int) else key for key in keys)
    msg = problem.msg
    if problem.type == "json_invalid":
        msg = f"{msg}: {problem.ctx['error']}"
    return f"{place}: {msg}" if place else msg


def _read(contract: Contract, request: Request) -> tuple[InferRequest, memoryview | None]:
    """The JSON part of a body, and the bytes after it; None where no header tells of bytes."""
    body, length = request.body, request.headers.get(JSON_LENGTH)
    if length is None:
        if request.headers.get(b"content-type", b"").startswith(BINARY):
            msg = "a body of bytes needs the header Inference-Header-Content-Length"
            raise RequestRefusedError(400, msg)
        return _parse(body), None
    # Not more digits than any body's size has: Python reads no number of thousands of them.
    size = int(length) if length.isdigit() and len(length) < 20 else -1
    if not 0 <= size <= len(body):
        msg = "Inference-Header-Content-Length should be the size of the JSON part, in bytes"
        raise RequestRefusedError(400, msg)
    if size == 0:
        return _bare(contract, len(body)), memoryview(body)
    return _parse(body[:size]), memoryview(body)[size:]


def _parse(content: bytes) -> InferRequest:
    try:
        return _requests.decode(content)
    except msgspec.ValidationError as error:
        # It tells types and a path, never a value or a key of the caller's.
        raise refused_because(Problem("value_error", ("body",), str(error))) from None
    except (ValueError, RecursionError):
        parse(content)
        reason = "it has NaN or Infinity, which JSON has not"
        raise not_json(reason) from None


def _bare(contract: Contract, size: int) -> InferRequest:
    """The request that a body without a JSON part stands for: one tensor of all columns."""
    datatypes = {NATURAL[column.type] for column in contract.columns.values()}
    if datatypes == {"FP64", "INT64"}:
        datatypes = {"FP64"}
    if len(datatypes) > 1 or "BYTES" in datatypes:
        msg = "a body without a JSON part needs columns of numbers alone; describe the tensors"
        raise RequestRefusedError(400, msg)
    (datatype,) = datatypes
    width = len(contract.columns)
    shape = [size // (width * DTYPES[datatype].itemsize), width]
    tensor = InputTensor("input", shape, datatype, parameters={"binary_data_size": size})
    return InferRequest([tensor], parameters={"binary_data_output": True})


def _requested(contract: Contract, message: InferRequest) -> dict[str, bool]:
    """Name of each output to answer with -> whether in bytes."""
    everywhere = (message.parameters or {}).get("binary_data_output", False) is True
    known = ("predict", "predict_proba") if contract.classes else ("predict",)
    if not message.outputs:
        return dict.fromkeys(known, everywhere)
    requested: dict[str, bool] = {}
    for output in message.outputs:
        if output.name not in known or output.name in requested:
            loc = ("outputs", output.name[:SHOWN_NAME])
            msg = f"Output should be one of {', '.join(known)}, each once"
            raise refused_because(Problem("unknown_output", loc, msg))
        binary = (output.parameters or {}).get("binary_data", everywhere)
        requested[output.name] = binary is True
    return requested


def _answer(
    predictor: Predictor,
    request: Request,
    message: InferRequest,
    requested: Mapping[str, bool],
    X: NDArray[np.float64],
    scores: Scores | None,
) -> Answer:
    contract = predictor.bundle.contract
    outputs, tail = [], []
    for name, binary in requested.items():
        label = name == "predict" and bool(contract.classes)
        datatype = "BYTES" if label else "FP64"
        values = _output(contract, scores, name)
        shape = list(values.shape)
        if binary:
            tail.append(to_bytes(values, datatype))
            size: Parameters = {"binary_data_size": len(tail[-1])}
            outputs.append(OutputTensor(name, shape, datatype, size))
        else:
            # JSON has no NaN and no Infinity: msgspec writes null.
            outputs.append(OutputTensor(name, shape, datatype, None, values.ravel().tolist()))
    given = request.id if message.id is None else message.id
    response = InferResponse(predictor.name, predictor.label, given, outputs)
    head = msgspec.json.encode(response)
    numbers = range(len(X))
    if not tail:
        return Answer(head, X, scores, numbers=numbers)
    length = ((JSON_LENGTH, b"%d" % len(head)),)
    return Answer(b"".join([head, *tail]), X, scores, 0, BINARY, length, numbers)


def _output(contract: Contract, scores: Scores | None, name: str) -> NDArray[Any]:
    if scores is None:
        return np.empty((0, len(contract.classes)) if name == "predict_proba" else 0)
    if name == "predict_proba" and scores.probabilities is not None:
        return scores.probabilities
    return scores.prediction
