"""Every error keeps its fields across processes, and has a code of its own."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest

from fairlead import errors
from fairlead.errors import FairleadError, Problem, ProjectError, Violation

VALUES: dict[str, Any] = {
    "Path": Path("a/b"),
    "str": "text",
    "int": 3,
    "int | None": None,
    "bool": True,
    "float": 0.5,
    "tuple[str, ...]": ("one", "two"),
    "tuple[Problem, ...]": (Problem("a.b", "`x`", "`y`", 3), Problem("c", "nothing", "`z`")),
    "tuple[Violation, ...]": (Violation("age", "<= 90", 7, (1, 2)),),
}


def family(kind: type[FairleadError]) -> Iterator[type[FairleadError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from family(child)


KINDS = sorted(
    (kind for kind in family(FairleadError) if kind.__module__.startswith(errors.__name__)),
    key=lambda kind: kind.__name__,
)


def made(kind: type[FairleadError]) -> FairleadError:
    if not is_dataclass(kind):
        return kind()
    return kind(*(VALUES[str(field.type)] for field in fields(kind)))


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_survives_pickling_with_its_fields(kind: type[FairleadError]) -> None:
    error = made(kind)
    again = pickle.loads(pickle.dumps(error))  # noqa: S301
    assert type(again) is kind
    assert (vars(again), str(again)) == (vars(error), str(error))


@pytest.mark.parametrize("kind", [kind for kind in KINDS if is_dataclass(kind)])
def test_a_message_is_whole(kind: type[FairleadError]) -> None:
    assert len(str(made(kind))) > 10
    assert "object at" not in str(made(kind))


def test_every_error_has_a_code_of_its_own() -> None:
    codes = [kind.code for kind in KINDS]
    assert len(set(codes)) == len(codes)


def test_the_tree_names_every_error_once() -> None:
    tree = (errors.__doc__ or "").replace("─", " ").replace("│", " ").split()
    assert [name for name in (kind.__name__ for kind in KINDS) if tree.count(name) != 1] == []


def test_problems_are_shown_with_file_and_line() -> None:
    error = ProjectError(Path("p.yaml"), (Problem("a.b", "`x`", "`y`", 3), Problem("c", "1", "2")))
    assert str(error).splitlines() == [
        "2 problems in the project file",
        "  p.yaml:3: a.b: found `x`, expected `y`",
        "  p.yaml: c: found 1, expected 2",
    ]
