"""What all parts of the project file have in common."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    model_validator,
)

STICKY_HEADER = r"header:[A-Za-z0-9!#$%&'*+.^_|~-]+"
DURATION = r"^([1-9][0-9]{0,5}[smh]|[1-9][0-9]{0,4}d)$"
"""Longer ones would reach before the first year that a date can have."""
PERIOD = r"^([1-9][0-9]{0,5}[mh]|[1-9][0-9]{0,4}d)$"
"""A duration of at least a minute."""
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
PARTS_ONLY = "parts_only"
"""Key of the validation context under which no part is checked for faults."""


@dataclass(frozen=True)
class SpecFault:
    """What is wrong with a part whose keys are each valid alone."""

    at: str
    """The key that is at fault, as a path inside the part; empty for the part itself."""
    found: str
    expected: str

    def __str__(self) -> str:
        return f"{self.at}: found {self.found}, expected {self.expected}".removeprefix(": ")


class InconsistentError(ValueError):
    """The keys of a part contradict each other; pydantic wraps this."""

    def __init__(self, faults: tuple[SpecFault, ...]) -> None:
        super().__init__("; ".join(map(str, faults)))
        self.faults = faults


class SpecPart(BaseModel):
    """Any part of the project file."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True
    )

    def faults(self) -> Iterator[SpecFault]:
        """What contradicts what in this part; its keys are valid one by one."""
        return iter(())

    @model_validator(mode="after")
    def _consistent(self, info: ValidationInfo) -> Self:
        if (info.context or {}).get(PARTS_ONLY):
            return self
        faults = tuple(self.faults())
        if faults:
            raise InconsistentError(faults)
        return self


def category_text(value: object) -> object:
    """A YAML scalar as the text that stands in the data: `values: [1, 2]` means "1" and "2"."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else value


def _normalised(value: str) -> str:
    if value != value.strip() or not value:
        raise ValueError("a category without white space around it, and not empty")
    return value


def repeated(values: tuple[str, ...]) -> list[str]:
    """Those that stand there more than once, in backticks."""
    return [f"`{value}`" for value, times in Counter(values).items() if times > 1]


def _header(value: str) -> str:
    if value != value.strip() or not value:
        raise ValueError("a name without white space around it, and not empty")
    return value


def _name(value: str) -> str:
    if not value.isidentifier():
        raise ValueError("letters, digits and _, not starting with a digit")
    return value


def is_sticky(text: str) -> bool:
    """Whether a text is `header:<name>` or `field:<column>`."""
    kind, _, name = text.partition(":")
    return name.isidentifier() if kind == "field" else bool(re.fullmatch(STICKY_HEADER, text))


def seconds(duration: str) -> float:
    """A text that fits `DURATION`, such as `10m`, in seconds."""
    return float(duration[:-1]) * _SECONDS[duration[-1]]


def _sticky(value: str) -> str:
    if not is_sticky(value):
        raise ValueError("`header:<name>` or `field:<column>`")
    return value


Category = Annotated[
    str,
    BeforeValidator(category_text, json_schema_input_type=str | int | float | bool),
    AfterValidator(_normalised),
]
Identifier = Annotated[str, AfterValidator(_name)]
Header = Annotated[str, AfterValidator(_header)]
Expression = Annotated[str, Field(min_length=1)]
Sticky = Annotated[str, AfterValidator(_sticky)]
