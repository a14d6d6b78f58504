"""Answers prediction requests with a bundle: JSON in, JSON out, nothing of HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from pydantic_core import from_json

from fairlead.bundle.golden import Scores
from fairlead.bundle.reading import Bundle
from fairlead.serving.errors import Problem, not_json, unprocessable
from fairlead.serving.rows import (
    SHOWN_NAME,
    Location,
    ReadRow,
    ReadRows,
    RowReader,
    RowRefusedError,
)

FORMS = ("features", "records")
BODY = ("body",)


@dataclass(frozen=True)
class Answer:
    """What a request is answered with, and what it says of the traffic.

    Attributes:
        body: JSON.
        X: shape (scored rows, columns), what was scored.
        scores: of those rows; None when there was none.
        refused: number of rows that broke the contract.
    """

    body: bytes
    X: NDArray[np.float64]
    scores: Scores | None
    refused: int = 0


class Predictor:
    """A bundle that reads requests strictly by its contract and scores them.

    Args:
        bundle: what scores.
        max_rows: most rows of one request. A row of two bytes may break a rule in each column,
            and each is told at length: without a bound the answer is 400 times the body.
    """

    def __init__(self, bundle: Bundle, max_rows: int) -> None:
        self.bundle = bundle
        self.max_rows = max_rows
        self.rows = RowReader(bundle.contract)
        self._classes = bundle.contract.classes

    def predict(self, body: bytes) -> Answer:
        """Answer `POST /predict`: one record, or `records` or `features` with many rows.

        Raises:
            RequestRefusedError: the body is not JSON, or any row breaks the contract.
        """
        document = parse(body)
        form = self._form(document)
        if form is None:
            return self._predict_one(document)
        rows = document[form]
        problems = [
            Problem("extra_forbidden", (*BODY, name[:SHOWN_NAME]), f"Only {form} is permitted here")
            for name in document
            if name != form
        ]
        if not isinstance(rows, list):
            problems.append(Problem("list_type", (*BODY, form), "Input should be a list of rows"))
        elif len(rows) > self.max_rows:
            problems.append(self._too_many((*BODY, form)))
        if problems:
            raise unprocessable(*problems)
        read = self.rows.features if form == "features" else self.rows.record
        return self._predict_many(read, rows, form)

    def predict_batch(self, body: bytes) -> Answer:
        """Answer `POST /predict_batch`: a list of records, each with its result or its errors.

        Raises:
            RequestRefusedError: the body is not JSON, or no list.
        """
        rows = parse(body)
        if not isinstance(rows, list):
            raise unprocessable(Problem("list_type", BODY, "Input should be a list of records"))
        if len(rows) > self.max_rows:
            raise unprocessable(self._too_many(BODY))
        read = self.rows.many(self.rows.record, rows, BODY)
        scores = self._score(read)
        results: list[Any] = [None] * len(rows)
        for number, document in zip(read.accepted, self.documents(scores), strict=True):
            results[number] = document
        for number, problems in read.refused.items():
            results[number] = {"errors": [problem.to_json() for problem in problems]}
        failed = len(read.refused)
        summary = {"rows": len(rows), "scored": len(rows) - failed, "failed": failed}
        content = msgspec.json.encode({"results": results, "summary": summary})
        return Answer(content, read.X, scores, failed)

    def documents(self, scores: Scores | None) -> list[dict[str, Any]]:
        """Scores as the answer to single records: `prediction` and, of classes, probabilities."""
        if scores is None:
            return []
        predictions = scores.prediction.tolist()
        if scores.probabilities is None:
            return [{"prediction": prediction} for prediction in predictions]
        return [
            {"prediction": prediction, "probabilities": dict(zip(self._classes, row, strict=True))}
            for prediction, row in zip(predictions, scores.probabilities.tolist(), strict=True)
        ]

    def many_document(self, scores: Scores | None) -> dict[str, Any]:
        """Scores as the answer to `records` and `features`."""
        documents = self.documents(scores)
        answer = {"predictions": [document["prediction"] for document in documents]}
        if self._classes:
            answer["probabilities"] = [document["probabilities"] for document in documents]
        return answer

    def warm_up(self) -> None:
        """Answer the golden records one by one, so that the first caller does not wait."""
        for record in self.bundle.golden()["records"]:
            self.predict(msgspec.json.encode(record))

    def _too_many(self, loc: Location) -> Problem:
        msg = f"List should have at most {self.max_rows} rows; send the others in another request"
        return Problem("too_long", loc, msg, {"max_length": self.max_rows})

    def _form(self, document: Any) -> str | None:
        """Which of `FORMS` a body takes; None for a single record.

        A column may have one of these names: then only a list, which no column takes, is a form.
        """
        if not isinstance(document, dict):
            hint = "Input should be one record, or {records: [...]}, or {features: [...]}"
            raise unprocessable(Problem("dict_type", BODY, hint))
        for form in FORMS:
            if form in document and (
                form not in self.rows.names or isinstance(document[form], list)
            ):
                return form
        return None

    def _predict_one(self, record: dict[str, Any]) -> Answer:
        try:
            X = np.array([self.rows.record(record, BODY)])
        except RowRefusedError as refused:
            raise unprocessable(*refused.problems) from None
        scores = self.bundle.score(X)
        return Answer(msgspec.json.encode(self.documents(scores)[0]), X, scores)

    def _predict_many(self, read_row: ReadRow, rows: Sequence[Any], form: str) -> Answer:
        read = self.rows.many(read_row, rows, (*BODY, form))
        if read.refused:
            raise unprocessable(*read.problems)
        scores = self._score(read)
        return Answer(msgspec.json.encode(self.many_document(scores)), read.X, scores)

    def _score(self, read: ReadRows) -> Scores | None:
        return self.bundle.score(read.X) if len(read.X) else None


def parse(body: bytes) -> Any:
    """Read JSON; NaN and Infinity are let through, for the contract to refuse them by name.

    Raises:
        RequestRefusedError: it is not JSON, or nested too deeply.
    """
    try:
        return from_json(body)
    except ValueError as error:
        # The parser's messages tell the kind of fault and its place, never the text.
        raise not_json(str(error)) from None
