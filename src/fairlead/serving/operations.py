"""Prediction operations: what each protocol does with a request, and how it words a refusal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from fairlead.serving.errors import MAX_PROBLEMS, Problem
from fairlead.serving.exchange import Answer, Request
from fairlead.serving.predictor import Predictor
from fairlead.serving.schema import batch_operation, predict_operation

Detail = str | tuple[Problem, ...]


@dataclass(frozen=True)
class Operation:
    """One way to ask for predictions.

    Attributes:
        name: stable, such as `predict`; a label of metrics and logs.
        work: answers a request; raises RequestRefusedError for what the caller can mend.
        refuse: status and reason -> the JSON body of an error in the protocol's own shape.
        describe: its entry in the OpenAPI document, with working examples.
        summary: one line for the OpenAPI document.
        json_only: whether a body that is declared as something else is refused before `work`.
        with_interval: what it is where a query string asks for intervals or sets, too.
        of_shadow: what a shadow does with a copy of the request, where that is not `work`.
    """

    name: str
    work: Callable[[Predictor, Request], Answer]
    refuse: Callable[[int, Detail], bytes]
    describe: Callable[[Predictor], dict[str, Any]]
    summary: str
    json_only: bool = False
    with_interval: Operation | None = None
    of_shadow: Callable[[Predictor, Request], Answer] | None = None


def refuse(status: int, detail: Detail) -> bytes:
    """An error as FastAPI words it: `{"detail": …}`; of very many problems, the first 100."""
    del status
    if isinstance(detail, str):
        return msgspec.json.encode({"detail": detail})
    document: dict[str, Any] = {
        "detail": [problem.to_json() for problem in detail[:MAX_PROBLEMS]],
    }
    if len(detail) > MAX_PROBLEMS:
        document["omitted"] = len(detail) - MAX_PROBLEMS
    return msgspec.json.encode(document)


PREDICT_WITH_INTERVAL = Operation(
    "predict",
    Predictor.predict_with_interval,
    refuse,
    predict_operation,
    "Score one record, or several rows; a row that breaks the contract refuses them all.",
    json_only=True,
    of_shadow=Predictor.predict,
)
PREDICT = replace(
    PREDICT_WITH_INTERVAL,
    work=Predictor.predict,
    with_interval=PREDICT_WITH_INTERVAL,
    of_shadow=None,
)
PREDICT_BATCH = Operation(
    "predict_batch",
    Predictor.predict_batch,
    refuse,
    batch_operation,
    "Score a list of records, each with its result or its own errors.",
    json_only=True,
)
