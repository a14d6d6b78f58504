"""Labels as they are sent and kept: what a caller may say, and the lines that it becomes.

Files of labels lie in the prediction log, below the folder of their model: segments that workers
write are in `labels/feedback`, whole files that were imported in `labels/imported`. Both are JSON
lines, a `LabelHeader` first.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from fairlead.data.contract import Contract
from fairlead.project.columns import ColumnSpec, Task
from fairlead.serving.errors import Problem, RequestRefusedError, unprocessable
from fairlead.serving.prediction_segments import FINISHED, folder_name
from fairlead.serving.rows import SHOWN_EXTRAS, not_a_list, not_an_object, not_permitted
from fairlead.serving.values import Location, ValueRefusedError, value_reader

FORMAT = 1
LABELS = "labels"
FEEDBACK = "feedback"
IMPORTED = "imported"
LONGEST_ID = 160
"""A request's id has at most 128 characters; the number of a row follows."""
KEYS = ("prediction_id", "label", "time")
VISIBLE = re.compile(rf"[!-~]{{1,{LONGEST_ID}}}")


class LabelHeader(Struct, frozen=True):
    """The first line of a file of labels.

    Attributes:
        format: of the lines.
        model: whose predictions they are of.
        task: what a label is: a class as text, or a number.
        source: who brought them: `feedback`, or the name that an import was given.
        began: when the file was begun, microseconds since 1970, UTC.
    """

    format: int
    model: str
    task: Task
    source: str
    began: int


class LabelLine(Struct, gc=False, omit_defaults=True):
    """One label.

    Attributes:
        t: when it was received, microseconds since 1970, UTC; within a file each has its own.
        id: of the prediction.
        label: the class, or the number.
        time: when the truth was known, microseconds since 1970, UTC; None if that was not said.
    """

    t: int
    id: str
    label: str | float
    time: int | None = None


def labels_of(folder: Path, model: str) -> Path:
    """Where the labels of a model are.

    Args:
        folder: of the prediction log.
        model: name that it is served under.
    """
    return folder / folder_name(model) / LABELS


def label_files(folder: Path, model: str | None = None) -> list[Path]:
    """The files of labels of a model, or of all.

    Args:
        folder: of the prediction log.
        model: name that it is served under.
    """
    names = [folder_name(model)] if model is not None else [path.name for path in folder.glob("*")]
    return [
        path
        for name in names
        for pattern in (f"{FEEDBACK}/*{FINISHED}", f"{IMPORTED}/*{FINISHED}")
        for path in sorted((folder / name / LABELS).glob(pattern))
    ]


def header_of(path: Path) -> LabelHeader | None:
    """The first line of a file of labels; None if it is not there, or is none."""
    try:
        with path.open("rb") as file:
            return msgspec.json.decode(file.readline(), type=LabelHeader)
    except (FileNotFoundError, msgspec.DecodeError):
        return None


def label_column(contract: Contract, classes: tuple[str, ...] = ()) -> ColumnSpec:
    """What a label may be, declared like a column.

    Args:
        contract: of the model.
        classes: instead of its own.
    """
    if contract.classes:
        return ColumnSpec(type="category", values=classes or contract.classes)
    return ColumnSpec(type="number", min=contract.target.min, max=contract.target.max)


class LabelReader:
    """Checks the labels of one model by its contract.

    Args:
        contract: of the model.
        classes: of all its versions; those of the contract if none are given.
    """

    def __init__(self, contract: Contract, classes: tuple[str, ...] = ()) -> None:
        self._label = _reader(column := label_column(contract, classes))
        self._time = _reader(ColumnSpec(type="datetime", nullable=True))
        self._classes = column.values

    def read(self, body: Any, most: int, first: int) -> list[LabelLine]:
        """The labels of a request: all of them, or none.

        Args:
            body: a label, or `{"labels": [label, …]}`.
            most: labels that one request may have.
            first: when the first one is received, microseconds; the next ones count on.

        Raises:
            RequestRefusedError: 422, a label breaks a rule; all that do are told.
        """
        if not isinstance(body, dict):
            raise unprocessable(not_an_object(("body",)))
        several = "labels" in body
        sent, problems = body["labels"] if several else [body], []
        if several:
            problems = [
                not_permitted(name, ("body",))
                for name in islice((name for name in body if name != "labels"), SHOWN_EXTRAS)
            ]
            if not isinstance(sent, list):
                raise unprocessable(*problems, not_a_list(("body", "labels")))
            if not 1 <= len(sent) <= most:
                raise unprocessable(*problems, _number_of(sent, most))
        lines = []
        for number, each in enumerate(sent):
            loc: Location = ("body", "labels", number) if several else ("body",)
            line = self._line(each, loc, first + number, problems)
            if line is not None:
                lines.append(line)
        if problems:
            raise RequestRefusedError(422, tuple(problems))
        return lines

    def _line(self, sent: Any, loc: Location, t: int, problems: list[Problem]) -> LabelLine | None:
        if not isinstance(sent, dict):
            problems.append(not_an_object(loc))
            return None
        before = len(problems)
        found: dict[str, Any] = {"time": None}
        readers = (("prediction_id", _id), ("label", self._label), ("time", self._time))
        for name, read in readers:
            if name not in sent and name != "time":
                problems.append(Problem("missing", (*loc, name), "Field required"))
            elif name in sent:
                try:
                    found[name] = read(sent[name])
                except ValueRefusedError as refused:
                    problems.append(refused.at((*loc, name)))
        extras = (name for name in sent if name not in KEYS)
        problems += [not_permitted(name, loc) for name in islice(extras, SHOWN_EXTRAS)]
        if len(problems) > before:
            return None
        label = self._classes[int(found["label"])] if self._classes else found["label"]
        return LabelLine(t, found["prediction_id"], label, microseconds(found["time"]))


def is_prediction_id(value: Any) -> bool:
    """Whether a value can be the id of a prediction."""
    return isinstance(value, str) and VISIBLE.fullmatch(value) is not None


def microseconds(seconds: float | None) -> int | None:
    """A time in the lines' unit; None where there is none."""
    return None if seconds is None or math.isnan(seconds) else round(seconds * 1e6)


def _reader(column: ColumnSpec) -> Callable[[Any], float]:
    declaration: Mapping[str, Any] = column.model_dump(mode="json", exclude_defaults=True)
    return value_reader(column, declaration)


def _id(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueRefusedError("string_type", "Input should be a valid string")
    if not is_prediction_id(value):
        msg = f"Input should be 1 to {LONGEST_ID} visible ASCII characters"
        raise ValueRefusedError("string_pattern_mismatch", msg)
    return value


def _number_of(sent: list[Any], most: int) -> Problem:
    kind = "too_long" if sent else "too_short"
    return Problem(kind, ("body", "labels"), f"1 to {most} labels in one request")
