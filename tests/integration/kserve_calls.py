"""Calls a service with KServe's own client, and prints what it understood as JSON.

Run by `test_kserve_client.py` with a Python that has `kserve` and not Fairlead.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

import httpx
import numpy as np
from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig
from kserve.protocol.infer_type import RequestedOutput

COLUMNS = ("sepal_length", "sepal_width", "petal_length", "petal_width")
DTYPES = {"FP64": np.float64, "INT64": np.int64, "BOOL": np.bool_, "BYTES": np.object_}


def whole(X: Any, *, binary: bool) -> list[InferInput]:
    """One tensor of all columns."""
    tensor = InferInput("input-0", list(X.shape), "FP64")
    tensor.set_data_from_numpy(X, binary_data=binary)
    return [tensor]


def by_column(X: Any, *, binary: bool) -> list[InferInput]:
    """One input for each column."""
    inputs = [InferInput(name, [len(X)], "FP32") for name in COLUMNS]
    for tensor, values in zip(inputs, X.T.astype(np.float32), strict=True):
        tensor.set_data_from_numpy(np.ascontiguousarray(values), binary_data=binary)
    return inputs


def of_all_types(columns: list[dict[str, Any]], *, binary: bool) -> list[InferInput]:
    """One input for each column; what has no missing value in bytes goes as JSON."""
    inputs = []
    for column in columns:
        name, datatype, values = column["name"], column["datatype"], column["data"]
        tensor = InferInput(name, [len(values)], datatype)
        if datatype == "FP64" or None not in values:
            tensor.set_data_from_numpy(np.array(values, DTYPES[datatype]), binary_data=binary)
        else:
            tensor = InferInput(name, [len(values)], datatype, data=values)
        inputs.append(tensor)
    return inputs


async def houses(client: Any, url: str, columns: list[dict[str, Any]]) -> dict[str, Any]:
    """Rows with columns of every type, some values missing."""
    found = {}
    for way, binary in (("json", False), ("bytes", True)):
        request = InferRequest("houses", of_all_types(columns, binary=binary))
        answer = await client.infer(url, request, model_name="houses")
        found[way] = answer.outputs[0].as_numpy().tolist()
    return found


async def calls(url: str, X: Any, columns: list[dict[str, Any]]) -> dict[str, Any]:
    """Every way to call, by its name."""
    in_bytes = {"binary_data_output": True}
    requests = {
        "json": InferRequest("flowers", whole(X, binary=False), "42"),
        "bytes": InferRequest("flowers", whole(X, binary=True), "42"),
        "columns": InferRequest("flowers", by_column(X, binary=False), "42"),
        "columns in bytes": InferRequest("flowers", by_column(X, binary=True), "42"),
        "answered in bytes": InferRequest(
            "flowers", whole(X, binary=True), "42", parameters=in_bytes
        ),
        "one output": InferRequest(
            "flowers",
            whole(X, binary=False),
            "42",
            request_outputs=[RequestedOutput("predict_proba", {"binary_data": True})],
        ),
    }
    found: dict[str, Any] = {}
    async with InferenceRESTClient(RESTConfig(protocol="v2")) as client:
        found["health"] = [
            await client.is_server_live(url),
            await client.is_server_ready(url),
            await client.is_model_ready(url, "flowers"),
            await client.is_model_ready(url, "nope"),
        ]
        for name, request in requests.items():
            answer = await client.infer(url, request, model_name="flowers")
            found[name] = {
                "id": answer.id,
                "outputs": {
                    output.name: [str(value) for value in output.as_numpy().ravel()]
                    if output.datatype == "BYTES"
                    else output.as_numpy().tolist()
                    for output in answer.outputs
                },
            }
        try:
            await client.infer(
                url, InferRequest("flowers", whole(X * 100, binary=True)), model_name="flowers"
            )
        except httpx.HTTPStatusError as error:
            found["refusal"] = str(error)
        found["houses"] = await houses(client, url, columns)
    async with InferenceRESTClient(RESTConfig(protocol="v1")) as client:
        answer = await client.infer(url, {"instances": X.tolist()}, model_name="flowers")
        found["v1"] = answer["predictions"]
        found["v1 ready"] = await client.is_model_ready(url, "flowers")
    return found


if __name__ == "__main__":
    asked = json.load(sys.stdin)
    print(json.dumps(asyncio.run(calls(asked["url"], np.array(asked["X"]), asked["columns"]))))
