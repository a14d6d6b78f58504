"""Writes scores as JSON: numbers so that reading them back gives the same bits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import starmap
from typing import Any

import msgspec
from numpy.typing import NDArray

from fairlead.bundle.golden import Scores
from fairlead.bundle.reading import labels


class AnswerWriter:
    """Writes the answers of a model with these classes; without any it is a regression."""

    def __init__(self, classes: Sequence[str]) -> None:
        self._classes = tuple(classes)
        self._by_class = _by_class(self._classes)

    def one(self, scores: Scores) -> bytes:
        """The answer to a single record."""
        prediction = scores.prediction.item()
        if scores.probabilities is None:
            return msgspec.json.encode({"prediction": prediction})
        probabilities = self._by_class(*scores.probabilities[0].tolist())
        return msgspec.json.encode({"prediction": prediction, "probabilities": probabilities})

    def many(self, scores: Scores) -> bytes:
        """The answer to `records` and `features`."""
        predictions = scores.prediction.tolist()
        if scores.probabilities is None:
            return msgspec.json.encode({"predictions": predictions})
        probabilities = list(starmap(self._by_class, scores.probabilities.tolist()))
        return msgspec.json.encode({"predictions": predictions, "probabilities": probabilities})

    def one_with(self, scores: Scores, said: NDArray[Any]) -> bytes:
        """The answer to a single record, with its interval or set."""
        name, values = self._beside(said)
        return msgspec.json.encode({**self.results(scores)[0], name: values[0]})

    def many_with(self, scores: Scores, said: NDArray[Any]) -> bytes:
        """The answer to `records` and `features`, with their intervals or sets."""
        name, values = self._beside(said)
        answer: dict[str, Any] = {"predictions": scores.prediction.tolist()}
        if scores.probabilities is not None:
            answer["probabilities"] = list(starmap(self._by_class, scores.probabilities.tolist()))
        return msgspec.json.encode({**answer, f"{name}s": values})

    def _beside(self, said: NDArray[Any]) -> tuple[str, Sequence[Any]]:
        """What intervals or sets are called, and each as JSON has it."""
        if self._classes:
            return "set", labels(self._classes, said)
        return "interval", said.tolist()

    def batch(self, results: Sequence[Any], failed: int) -> bytes:
        """The answer to a batch, from `results` and the refusals in between."""
        rows = len(results)
        summary = {"rows": rows, "scored": rows - failed, "failed": failed}
        return msgspec.json.encode({"results": results, "summary": summary})

    def results(self, scores: Scores) -> list[dict[str, Any]]:
        """The result of each row, for `batch`."""
        predictions = scores.prediction.tolist()
        if scores.probabilities is None:
            return [{"prediction": prediction} for prediction in predictions]
        probabilities = starmap(self._by_class, scores.probabilities.tolist())
        return [
            {"prediction": prediction, "probabilities": row}
            for prediction, row in zip(predictions, probabilities, strict=True)
        ]


def _by_class(classes: tuple[str, ...]) -> Callable[..., Any]:
    """Probabilities -> what msgspec writes as an object of classes; a struct is quickly made."""
    attributes = {f"p{index}": name for index, name in enumerate(classes)}
    try:
        return msgspec.defstruct(
            "Probabilities", [(name, float) for name in attributes], rename=attributes, gc=False
        )
    except ValueError:
        # A struct cannot have a class with a quotation mark in its name.
        return lambda *row: dict(zip(classes, row, strict=True))
