"""What pydantic refuses, in the words of whoever wrote the file."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from fairlead.errors import Problem
from fairlead.project.document import key_path
from fairlead.project.parts import InconsistentError

SHOWN_CHARACTERS = 60

_EXPECTED: Mapping[str, str] = {
    "missing": "this key, which is required",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "bool_type": "`true` or `false`",
    "bool_parsing": "`true` or `false`",
    "string_type": "a text",
    "tuple_type": "a list",
    "list_type": "a list",
    "dict_type": "a mapping of keys to values",
    "model_type": "a mapping of keys to values",
    "model_attributes_type": "a mapping of keys to values",
    "greater_than": "a value > {gt:g}",
    "greater_than_equal": "a value >= {ge:g}",
    "less_than": "a value < {lt:g}",
    "less_than_equal": "a value <= {le:g}",
    "string_too_short": "a text that is not empty",
    "string_pattern_mismatch": "a text of the form `{pattern}`",
    "too_short": "at least {min_length} of them",
    "too_long": "at most {max_length} of them",
}


@dataclass(frozen=True)
class Refusal:
    """One thing that pydantic refuses.

    Attributes:
        path: the keys that lead to it, as they stand in the file.
        kind: pydantic's name for the error.
        problem: what the author is told.
    """

    path: tuple[str | int, ...]
    kind: str
    problem: Problem


def refusals(error: ValidationError, values: Any, model: type[BaseModel]) -> list[Refusal]:
    """Translate every error of a validation.

    Args:
        error: what pydantic raised.
        values: what it was given.
        model: what it was to become.
    """
    found: dict[tuple[str | int, ...], list[Refusal]] = {}
    for detail in error.errors():
        path, branch = _existing(detail, values)
        for refusal in _translated(detail, path, model):
            same = found.setdefault(refusal.path, [])
            # Every branch of a union complains of the same value: one problem.
            if branch and same and same[-1].problem.found == refusal.problem.found:
                same[-1] = _either(same[-1], refusal)
            else:
                same.append(refusal)
    return _without_misspelt([refusal for group in found.values() for refusal in group], model)


def closest(name: str, known: Sequence[str]) -> str:
    """What was expected instead of `name`: the nearest first, or all of them."""
    close = difflib.get_close_matches(name.lower(), known, n=1)
    listed = ", ".join(f"`{choice}`" for choice in known)
    if not close:
        return f"one of {listed}" if len(known) > 1 else listed
    rest = [choice for choice in known if choice != close[0]]
    others = ", ".join(f"`{choice}`" for choice in rest)
    return f"`{close[0]}` (did you mean that?)" + (f" or one of {others}" if others else "")


def shown(value: Any) -> str:
    """A value of the file, shortened."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, Mapping):
        text = "a mapping with the keys " + ", ".join(map(str, value)) if value else "no keys"
    elif isinstance(value, list):
        text = f"`[{', '.join(shown(item).strip('`') for item in value[:10])}]`"
    else:
        text = f"`{value}`"
    text = " ".join(text.split())
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[: SHOWN_CHARACTERS - 1]}…"


def fields_at(model: type[BaseModel], path: tuple[str | int, ...]) -> Mapping[str, FieldInfo]:
    """The keys that the part at `path` may have; none where they are the author's to choose."""
    kind: Any = model
    for key in path:
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            field = kind.model_fields.get(str(key))
            kind = field.annotation if field else None
        else:
            arguments = get_args(kind)
            kind = arguments[0 if isinstance(key, int) else -1] if arguments else None
        kind = _plain(kind)
    return kind.model_fields if isinstance(kind, type) and issubclass(kind, BaseModel) else {}


def _plain(kind: Any) -> Any:
    """Without `Annotated` and without `| None`."""
    while get_origin(kind) in (Annotated, Union, UnionType):
        kind = next(choice for choice in get_args(kind) if choice is not type(None))
    return kind


def _existing(detail: ErrorDetails, values: Any) -> tuple[tuple[str | int, ...], bool]:
    """The part of pydantic's location that is a path in the file, and whether some is left."""
    path: list[str | int] = []
    location = detail["loc"]
    for key, following in zip_longest(location, location[1:]):
        if _has(values, key):
            path.append(key)
            values = values[key]
        # The name of a branch may stand before what lies in it.
        elif not _has(values, following):
            break
    if detail["type"] == "missing":
        path.append(detail["loc"][-1])
    return tuple(path), len(path) < len(detail["loc"])


def _has(values: Any, key: str | int | None) -> bool:
    if isinstance(values, dict):
        return key in values
    return isinstance(values, list) and isinstance(key, int) and key < len(values)


def _translated(
    detail: ErrorDetails, path: tuple[str | int, ...], model: type[BaseModel]
) -> Iterator[Refusal]:
    context = detail.get("ctx", {})
    cause = context.get("error")
    kind, where = detail["type"], key_path(path)
    if isinstance(cause, InconsistentError):
        for fault in cause.faults:
            at = f"{where}.{fault.at}" if fault.at and where else where or fault.at
            yield Refusal(path, kind, Problem(at, fault.found, fault.expected))
        return
    field = fields_at(model, path[:-1]).get(str(path[-1])) if path else None
    found = shown(detail["input"])
    if kind == "missing":
        found, expected = "nothing", _EXPECTED[kind]
    elif kind == "extra_forbidden":
        found, expected = f"`{path[-1]}`", closest(str(path[-1]), [*fields_at(model, path[:-1])])
    elif kind == "literal_error":
        choices = _choices(field.annotation) if field else ()
        expected = (
            closest(str(detail["input"]), choices)
            if choices
            else context["expected"].replace("'", "`")
        )
    elif kind == "string_pattern_mismatch" and field and field.examples:
        expected = f"a text such as `{field.examples[0]}` (`{context['pattern']}`)"
    elif kind == "value_error":
        found = shown(path[-1]) if detail["loc"][-1] == "[key]" else found
        expected = str(cause)
    elif kind in _EXPECTED:
        expected = _EXPECTED[kind].format(**context)
    else:
        expected = detail["msg"].removeprefix("Input should be ")
    if kind == "string_type" and isinstance(detail["input"], bool | int | float):
        expected = "a text (write it in quotes)"
    yield Refusal(path, kind, Problem(where, found, expected))


def _choices(annotation: Any) -> tuple[str, ...]:
    kind = _plain(annotation)
    return tuple(map(str, get_args(kind))) if get_origin(kind) is Literal else ()


def _either(one: Refusal, other: Refusal) -> Refusal:
    expected = f"{one.problem.expected} or {other.problem.expected}"
    return Refusal(one.path, one.kind, Problem(one.problem.where, one.problem.found, expected))


def _without_misspelt(found: list[Refusal], model: type[BaseModel]) -> list[Refusal]:
    """A misspelt required key is one mistake, though pydantic sees two."""
    absent = {refusal.path for refusal in found if refusal.kind == "missing"}
    for refusal in found:
        if refusal.kind == "extra_forbidden":
            known = [*fields_at(model, refusal.path[:-1])]
            for name in difflib.get_close_matches(str(refusal.path[-1]).lower(), known, n=1):
                absent.discard((*refusal.path[:-1], name))
    return [refusal for refusal in found if refusal.kind != "missing" or refusal.path in absent]
