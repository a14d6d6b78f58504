"""Answers prediction requests with a bundle: JSON in, JSON out, nothing of HTTP."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from pydantic_core import from_json

from fairlead.bundle.golden import Scores
from fairlead.bundle.reading import Bundle
from fairlead.serving.answers import AnswerWriter
from fairlead.serving.errors import Problem, no_interval, not_json, unprocessable
from fairlead.serving.exchange import Answer, Request
from fairlead.serving.rows import (
    RowReader,
    RowRefusedError,
    not_a_list,
    not_an_object,
    not_permitted,
)
from fairlead.serving.typed_rows import TypedBodies
from fairlead.serving.values import Location

FORMS = ("features", "records")
BODY = ("body",)


class Predictor:
    """A bundle that reads requests strictly by its contract and scores them.

    A usual body is decoded straight into rows; any other is read value by value, which says what
    is wrong with it. Both give the same answer to what both read.

    Args:
        bundle: what scores.
        max_rows: most rows of one request. A row of two bytes may break a rule in each column,
            and each is told at length: without a bound the answer is 400 times the body.
        label: what the version is called in headers and metrics.
        name: what the model is called; by default as in the bundle.
    """

    def __init__(
        self, bundle: Bundle, max_rows: int, label: str = "", name: str | None = None
    ) -> None:
        self.bundle = bundle
        self.max_rows = max_rows
        self.label = label
        self.name = bundle.name if name is None else name
        self.rows = RowReader(bundle.contract)
        self._typed = TypedBodies(bundle.contract, self.rows.usual, max_rows)
        self._classes = bundle.contract.classes
        self._writer = AnswerWriter(self._classes)

    def predict(self, request: Request) -> Answer:
        """Answer `POST /predict`: one record, or `records` or `features` with many rows.

        Raises:
            RequestRefusedError: the body is not JSON, or any row breaks the contract.
        """
        X, single = self._rows_of(request.body)
        return self._answer_one(X) if single else self._answer_many(X)

    def predict_with_interval(self, request: Request) -> Answer:
        """Answer `POST /predict?interval=true`: as `predict`, with intervals or sets.

        Raises:
            RequestRefusedError: the model has none, or as `predict`.
        """
        if self.bundle.coverage is None:
            raise no_interval()
        X, single = self._rows_of(request.body)
        scores, said = self.bundle.score_conformal(X)
        if single:
            return Answer(self._writer.one_with(scores, said), X, scores)
        body = self._writer.many_with(scores, said)
        return Answer(body, X, scores if len(X) else None, numbers=range(len(X)))

    def predict_batch(self, request: Request) -> Answer:
        """Answer `POST /predict_batch`: a list of records, each with its result or its errors.

        Raises:
            RequestRefusedError: the body is not JSON, or no list.
        """
        X = self._typed.read(request.body, "list")
        if X is None:
            return self._read_and_predict_batch(request.body)
        scores = self.bundle.score(X)
        body = self._writer.batch(self._writer.results(scores), 0)
        return Answer(body, X, scores, numbers=range(len(X)))

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
        predictions = [] if scores is None else scores.prediction.tolist()
        if not self._classes:
            return {"predictions": predictions}
        rows: list[list[float]] = []
        if scores is not None and scores.probabilities is not None:
            rows = scores.probabilities.tolist()
        probabilities = [dict(zip(self._classes, row, strict=True)) for row in rows]
        return {"predictions": predictions, "probabilities": probabilities}

    def warm_up(self) -> None:
        """Answer the golden records in every form, so that the first caller does not wait."""
        records = self.bundle.golden()["records"]
        for record in records:
            self.predict(_request(record))
            if self.bundle.coverage is not None:
                self.predict_with_interval(_request(record))
        some = records[: self.max_rows]
        self.predict(_request({"records": some}))
        self.predict(
            _request({"features": [[row[name] for name in self.rows.names] for row in some]})
        )
        self.predict_batch(_request(some))

    def _rows_of(self, body: bytes) -> tuple[NDArray[np.float64], bool]:
        """The rows of any body of `POST /predict`, and whether it is a single record."""
        form = self._typed.form(body)
        X = self._typed.read(body, form)
        return self._read(body) if X is None else (X, form == "record")

    def _read(self, body: bytes) -> tuple[NDArray[np.float64], bool]:
        """The same, value by value."""
        document = parse(body)
        form = self._form(document)
        if form is None:
            try:
                row = self.rows.record(document, BODY)
            except RowRefusedError as refused:
                raise unprocessable(*refused.problems) from None
            return np.array([row]), True
        X, problems = self._read_form(document[form], form)
        problems += [not_permitted(name, BODY) for name in document if name != form]
        if problems:
            raise unprocessable(*problems)
        return X, False

    def _read_form(self, rows: Any, form: str) -> tuple[NDArray[np.float64], list[Problem]]:
        """The good rows of `records` or `features`, and what is wrong with the others."""
        nothing = np.empty((0, len(self.rows.names)))
        loc = (*BODY, form)
        if not isinstance(rows, list):
            return nothing, [not_a_list(loc)]
        if len(rows) > self.max_rows:
            return nothing, [self._too_many(rows, loc)]
        read = self.rows.many(
            self.rows.features if form == "features" else self.rows.record, rows, loc
        )
        return read.X, list(read.problems)

    def _read_and_predict_batch(self, body: bytes) -> Answer:
        """Answer any body of `POST /predict_batch`, read value by value."""
        rows = parse(body)
        if not isinstance(rows, list):
            raise unprocessable(not_a_list(BODY))
        if len(rows) > self.max_rows:
            raise unprocessable(self._too_many(rows, BODY))
        read = self.rows.many(self.rows.record, rows, BODY)
        scores = self.bundle.score(read.X) if read.accepted else None
        scored = [] if scores is None else self._writer.results(scores)
        results: list[Any] = [None] * len(rows)
        for number, result in zip(read.accepted, scored, strict=True):
            results[number] = result
        for number, problems in read.refused.items():
            results[number] = {"errors": [problem.to_json() for problem in problems]}
        failed = len(read.refused)
        body = self._writer.batch(results, failed)
        return Answer(body, read.X, scores, failed, numbers=read.accepted)

    def _too_many(self, rows: list[Any], loc: Location) -> Problem:
        most = self.max_rows
        items = f"{most} item{'' if most == 1 else 's'}"
        msg = f"List should have at most {items} after validation, not {len(rows)}"
        ctx = {"field_type": "List", "max_length": most, "actual_length": len(rows)}
        return Problem("too_long", loc, msg, ctx)

    def _form(self, document: Any) -> str | None:
        """Which of `FORMS` a body takes; None for a single record.

        A column may have one of these names: then only a list, which no column takes, is a form.
        """
        if not isinstance(document, dict):
            raise unprocessable(not_an_object(BODY))
        for form in FORMS:
            if form in document and (
                form not in self.rows.names or isinstance(document[form], list)
            ):
                return form
        return None

    def _answer_one(self, X: NDArray[np.float64]) -> Answer:
        scores = self.bundle.score(X)
        return Answer(self._writer.one(scores), X, scores)

    def _answer_many(self, X: NDArray[np.float64]) -> Answer:
        if len(X) == 0:
            return Answer(msgspec.json.encode(self.many_document(None)), X, None)
        scores = self.bundle.score(X)
        return Answer(self._writer.many(scores), X, scores, numbers=range(len(X)))


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


def _request(document: Any) -> Request:
    return Request(msgspec.json.encode(document), {}, "warm-up")
