"""MLflow's scoring protocol, and what SageMaker's containers take besides: `/invocations`."""

from __future__ import annotations

import json
from contextlib import suppress
from functools import lru_cache
from typing import Any

import msgspec
import numpy as np
from fastapi import APIRouter, Response
from numpy.typing import NDArray

from fairlead.bundle.golden import Scores
from fairlead.serving.bodies import CONTENT_TYPES, is_json, media_type
from fairlead.serving.errors import MAX_PROBLEMS, Problem, RequestRefusedError
from fairlead.serving.exchange import Answer, Request
from fairlead.serving.predictor import Predictor, parse
from fairlead.serving.protocols.tables import (
    CSV,
    NO_TIME,
    arranged,
    check_count,
    read_csv,
    read_parquet,
    to_csv,
)
from fairlead.serving.rows import ReadRow, RowRefusedError
from fairlead.serving.service import Service
from fairlead.serving.values import Location

PARQUET = "application/vnd.apache.parquet"
FORMS = ("dataframe_split", "dataframe_records", "instances", "inputs")
SPLIT_KEYS = {"columns", "index", "data"}
UNSUPPORTED = f"expected Content-Type: application/json, {CSV} or {PARQUET}, in UTF-8"

ERRORS = {
    403: ("PERMISSION_DENIED", "KAM00", "PERMISSION_DENIED"),
    404: ("RESOURCE_DOES_NOT_EXIST", "KAM00", "RESOURCE_NOT_FOUND"),
    409: ("RESOURCE_CONFLICT", "KAM00", "RESOURCE_ALREADY_EXISTS"),
    429: ("RESOURCE_EXHAUSTED", "XXM00", "CLIENT_INTERNAL_ERROR"),
    503: ("TEMPORARILY_UNAVAILABLE", "XXM00", "CLIENT_INTERNAL_ERROR"),
    504: ("DEADLINE_EXCEEDED", "XXM00", "CLIENT_INTERNAL_ERROR"),
    507: ("RESOURCE_EXHAUSTED", "XXM00", "CLIENT_INTERNAL_ERROR"),
}
"""Status -> error_code, sqlstate, error_class as mlflow 3.17 has them, its gaps filled."""
CALLERS_FAULT = ("BAD_REQUEST", "KAM00", "INVALID_PARAMETER_VALUE")
OWN_FAULT = ("INTERNAL_ERROR", "XXM00", "CLIENT_INTERNAL_ERROR")
PARAMETER = ("INVALID_PARAMETER_VALUE", "KAM00", "INVALID_PARAMETER_VALUE")
SCHEMA = ("INVALID_PARAMETER_VALUE", "KAM01", "SCHEMA_ENFORCEMENT_FAILED")
PROBLEMS = {"json_invalid": CALLERS_FAULT, "parameter": PARAMETER}


def invocations(predictor: Predictor, request: Request) -> Answer:
    """Answer `POST /invocations`.

    Raises:
        RequestRefusedError: 400, the body is not of the protocol, or a row breaks the contract;
            415, its type is none of those that are read; 413, a file unpacks to too much.
    """
    declared = request.headers.get(b"content-type")
    probabilities = is_single = False
    if not declared or is_json(declared):
        document = _parse(request.body)
        probabilities = _wants_probabilities(predictor, document)
        is_single = _is_single(predictor, document)
        X = _read_json(predictor, document)
    elif (kind := media_type(declared)) == CSV:
        X = _read(predictor, predictor.rows.features, read_csv(predictor, request.body))
    elif kind == PARQUET:
        X = _read(predictor, predictor.rows.features, read_parquet(predictor, request.body))
    else:
        raise RequestRefusedError(415, UNSUPPORTED)
    scores = predictor.bundle.score(X)
    numbers = None if is_single else range(len(X))
    if answers_csv(request.headers.get(b"accept", b"")):
        table = _to_csv(scores, probabilities)
        return Answer(table, X, scores, content_type=CSV.encode(), numbers=numbers)
    predictions = scores.prediction.tolist()
    if probabilities:
        predictions = [row["probabilities"] for row in predictor.documents(scores)]
    # JSON has no NaN and no Infinity: msgspec writes null.
    body = msgspec.json.encode({"predictions": predictions})
    return Answer(body, X, scores, numbers=numbers)


def refuse(status: int, detail: str | tuple[Problem, ...]) -> bytes:
    """An error as MLflow words it; of very many problems, the first 100."""
    kind = ERRORS.get(status, OWN_FAULT if status >= 500 else CALLERS_FAULT)
    if not isinstance(detail, str):
        kind = PROBLEMS.get(detail[0].type, SCHEMA)
        told = [_told(problem) for problem in detail[:MAX_PROBLEMS]]
        if len(detail) > MAX_PROBLEMS:
            told.append(f"and {len(detail) - MAX_PROBLEMS} more")
        detail = "; ".join(told)
    code, sqlstate, error_class = kind
    document = {"error_code": code, "message": detail}
    return msgspec.json.encode({**document, "sqlstate": sqlstate, "error_class": error_class})


@lru_cache(maxsize=CONTENT_TYPES)
def answers_csv(accept: bytes) -> bool:
    """Whether an `Accept` asks for CSV before it asks for JSON; weights are not looked at."""
    for part in accept.decode("latin-1").lower().split(","):
        kind = part.partition(";")[0].strip()
        if kind in (CSV, "text/*"):
            return True
        if kind in ("application/json", "application/*", "*/*"):
            return False
    return False


def mlflow_routes(service: Service) -> APIRouter:
    """`GET /ping`; and 404 in MLflow's words for models that are not served."""
    router = APIRouter(tags=["MLflow"], default_response_class=Response)

    @router.get("/ping", responses={503: {"description": "Stopping, or nothing is served"}})
    async def ping() -> Response:
        """Whether requests are welcome: an empty line, with 200 or 503."""
        # Where models are loaded by request, the first one is loaded after the first ping.
        waiting = service.settings.model_control and not service.models
        welcome = service.ready or (waiting and not service.draining)
        return Response("\n", 200 if welcome else 503, media_type="application/json")

    # A model that is served is answered before FastAPI is asked.
    @router.post("/invocations", include_in_schema=False)
    @router.post("/models/{name}/invocations", include_in_schema=False)
    @router.post("/models/{name}/invoke", include_in_schema=False)
    async def invocations_of_none(name: str | None = None) -> Response:
        """Say that there is no such model."""
        del name
        content = refuse(404, "no such model is served; GET / lists them")
        return Response(content, 404, media_type="application/json")

    return router


def _parse(body: bytes) -> dict[str, Any]:
    document = parse(body)
    if b"NaN" in body:
        # pandas, and with it MLflow's client, writes NaN where a value is missing.
        # What Python's narrower reader cannot read keeps its NaN, and is refused for it.
        with suppress(ValueError, RecursionError):
            document = json.loads(body, parse_constant=_constant)
    if not isinstance(document, dict):
        raise RequestRefusedError(400, f"expected a JSON object with one of {', '.join(FORMS)}")
    return document


def _constant(word: str) -> float | None:
    return None if word == "NaN" else float(word)


def _wants_probabilities(predictor: Predictor, document: dict[str, Any]) -> bool:
    """`params`, which only a classifier has; unknown ones are left aside, as MLflow does."""
    params = document.get("params")
    if not predictor.bundle.contract.classes or params is None:
        return False
    if not isinstance(params, dict):
        raise _parameter(("params",), "Input should be an object")
    wanted = params.get("probabilities", False)
    if not isinstance(wanted, bool):
        raise _parameter(("params", "probabilities"), "Input should be true or false")
    return wanted


def _parameter(keys: tuple[str, ...], msg: str) -> RequestRefusedError:
    return RequestRefusedError(400, (Problem("parameter", ("body", *keys), msg),))


def _is_single(predictor: Predictor, document: dict[str, Any]) -> bool:
    """Whether a body that `_read_json` takes is one record, without a list around it."""
    if not any(form in document for form in FORMS):
        return True
    columns = document.get("inputs")
    return isinstance(columns, dict) and not any(
        isinstance(columns.get(name), list) for name in predictor.rows.names
    )


def _read_json(predictor: Predictor, document: dict[str, Any]) -> NDArray[np.float64]:
    """The rows of a body in any of the forms, or of a single record."""
    forms = [form for form in FORMS if form in document]
    if not forms and any(name in document for name in predictor.rows.names):
        return _records(predictor, [document], ("body",))
    if len(forms) != 1:
        found = " and ".join(forms) or "none"
        raise RequestRefusedError(400, f"expected one of {', '.join(FORMS)}; found {found}")
    form = forms[0]
    rows, loc = document[form], ("body", form)
    if form == "dataframe_split":
        return _split(predictor, rows, loc)
    if form == "inputs" and isinstance(rows, dict):
        return _columns(predictor, rows, loc)
    if not isinstance(rows, list):
        raise RequestRefusedError(400, f"{form} should be a list of rows")
    if form != "dataframe_records" and rows and isinstance(rows[0], list):
        return _read(predictor, predictor.rows.features, rows, loc)
    return _records(predictor, rows, loc)


def _split(predictor: Predictor, table: Any, loc: Location) -> NDArray[np.float64]:
    """`{"columns": […], "index": […], "data": [[…], …]}`; without columns, the contract's."""
    if not isinstance(table, dict) or "data" not in table or not table.keys() <= SPLIT_KEYS:
        expected = "an object with data and, optionally, columns and index"
        raise RequestRefusedError(400, f"dataframe_split should be {expected}")
    data, columns, index = table["data"], table.get("columns"), table.get("index")
    if not isinstance(data, list):
        raise RequestRefusedError(400, "dataframe_split: data should be a list of rows")
    if index is not None and not (isinstance(index, list) and len(index) == len(data)):
        raise RequestRefusedError(400, "dataframe_split: index should have one entry for each row")
    check_count(predictor, len(data))
    if columns is not None:
        if not isinstance(columns, list) or not all(isinstance(name, str) for name in columns):
            raise RequestRefusedError(400, "dataframe_split: columns should be a list of names")
        data = arranged(predictor, columns, data, loc)
    return _read(predictor, predictor.rows.features, data, loc)


def _columns(predictor: Predictor, columns: dict[str, Any], loc: Location) -> NDArray[np.float64]:
    """`{"column": [value, …], …}`; or a value each, which is one record."""
    known = {name: columns[name] for name in predictor.rows.names if name in columns}
    kinds = {isinstance(values, list) for values in known.values()}
    if kinds <= {False}:
        return _records(predictor, [known], loc)
    sizes = {len(values) if isinstance(values, list) else None for values in known.values()}
    if len(sizes) > 1:
        raise RequestRefusedError(400, "inputs: the columns should be lists of the same length")
    (size,) = sizes
    check_count(predictor, size or 0)
    rows = [list(row) for row in zip(*known.values(), strict=True)]
    rows = arranged(predictor, list(known), rows, loc)
    return _read(predictor, predictor.rows.features, rows, loc)


def _records(predictor: Predictor, rows: list[Any], loc: Location) -> NDArray[np.float64]:
    """Records in which other columns are left aside."""
    known = frozenset(predictor.rows.names)
    rows = [
        {name: row[name] for name in row.keys() & known}
        if isinstance(row, dict) and not row.keys() <= known
        else row
        for row in rows
    ]
    return _read(predictor, predictor.rows.record, rows, loc)


def _read(
    predictor: Predictor, read: ReadRow, rows: list[Any], loc: Location = ("body",)
) -> NDArray[np.float64]:
    check_count(predictor, len(rows))
    rows = _with_null_times(predictor, rows)
    if len(rows) == 1:
        # Many rows are read by column, which does not pay for one.
        try:
            return np.array([read(rows[0], (*loc, 0))])
        except RowRefusedError as refused:
            raise RequestRefusedError(400, refused.problems) from None
    result = predictor.rows.many(read, rows, loc)
    if result.refused:
        raise RequestRefusedError(400, result.problems)
    return result.X


def _with_null_times(predictor: Predictor, rows: list[Any]) -> list[Any]:
    """The rows, with null where MLflow's client wrote `"NaT"` for a time that is missing."""
    columns = predictor.bundle.contract.columns.items()
    times = {at: name for at, (name, spec) in enumerate(columns) if spec.type == "datetime"}
    if not times:
        return rows
    read = []
    for row in rows:
        if isinstance(row, list) and any(row[at : at + 1] == [NO_TIME] for at in times):
            row = [None if at in times and cell == NO_TIME else cell for at, cell in enumerate(row)]
        elif isinstance(row, dict) and any(row.get(name) == NO_TIME for name in times.values()):
            row = row | {name: None for name in times.values() if row.get(name) == NO_TIME}
        read.append(row)
    return read


def _told(problem: Problem) -> str:
    """`row 3, column age: the rule`; of what is not about a row, its keys."""
    if problem.type == "json_invalid":
        return f"the body is not JSON: {problem.ctx['error']}"
    keys = problem.loc[1:]
    if problem.type == "parameter":
        return f"{'.'.join(map(str, keys))}: {problem.msg}"
    row = next((index for index, key in enumerate(keys) if isinstance(key, int)), None)
    place = [] if row is None else [f"row {keys[row]}"]
    if row is None or row + 1 < len(keys):
        place.append(f"column {keys[-1]}")
    return f"{', '.join(place)}: {problem.msg}"


def _to_csv(scores: Scores, probabilities: bool) -> bytes:
    if probabilities and scores.probabilities is not None:
        return to_csv(scores.probabilities.tolist())
    return to_csv([[prediction] for prediction in scores.prediction.tolist()])
