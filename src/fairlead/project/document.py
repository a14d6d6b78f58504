"""The text of a project file as plain values: YAML 1.2 core, with the line of every key."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode

from fairlead.errors import Problem

MAX_ALIASED_NODES = 10_000
"""A short text of aliases to aliases can stand for billions of values."""
MAX_LINE = 96
"""Length of a line without its indentation, beyond which a value is written as a block."""

_TAG = "tag:yaml.org,2002:"
# YAML 1.2, section 10.3.2. PyYAML itself follows 1.1, where `no` is false, `1e5` a text,
# `12:30` a number and `2026-01-01` a date. Digits after a leading 0 stay text: `values: [01]`.
_INT = r"[-+]?(0|[1-9][0-9]*)|0o[0-7]+|0x[0-9a-fA-F]+"
_FLOAT = (
    r"[-+]?(\.[0-9]+|(0|[1-9][0-9]*)(\.[0-9]*)?)([eE][-+]?[0-9]+)?"
    r"|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"
)
_SCALARS = (
    ("null", "~|null|Null|NULL|", [*"~nN", ""]),
    ("bool", "true|True|TRUE|false|False|FALSE", [*"tTfF"]),
    ("int", _INT, [*"-+0123456789"]),
    ("float", _FLOAT, [*"-+.0123456789"]),
)


def _integer(text: str) -> int:
    return int(text, 0) if text.startswith(("0o", "0x")) else int(text)


def _floating(text: str) -> float:
    return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))


_VALUES: Mapping[str, Callable[[str], Any]] = {
    "null": lambda _: None,
    "bool": lambda text: text.lower() == "true",
    "int": _integer,
    "float": _floating,
    "str": str,
}


class _Loader(yaml.SafeLoader):
    """Composes nodes; resolves plain scalars by the core rules."""


class _Dumper(yaml.SafeDumper):
    """Quotes every text that YAML 1.1 or 1.2 would take for something else."""

    def ignore_aliases(self, _data: Any) -> bool:
        return True


class _LineDumper(_Dumper):
    """Writes each text on one line, whatever it holds."""


def _on_one_line(dumper: yaml.SafeDumper, text: str) -> ScalarNode:
    style = '"' if re.search("[\n\x85\u2028\u2029]", text) else None
    return dumper.represent_scalar(f"{_TAG}str", text, style=style)


_LineDumper.add_representer(str, _on_one_line)

_Loader.yaml_implicit_resolvers = {}
for _kind, _pattern, _first in _SCALARS:
    for _class in (_Loader, _Dumper):
        _class.add_implicit_resolver(_TAG + _kind, re.compile(f"(?:{_pattern})$"), _first)


@dataclass(frozen=True)
class Document:
    """What was read.

    Attributes:
        values: mappings, lists and scalars; the first of keys that are given twice.
        lines: key path -> line, counted from 1.
        problems: what is wrong with the text itself.
    """

    values: Any
    lines: Mapping[str, int]
    problems: tuple[Problem, ...]

    def line_of(self, where: str) -> int | None:
        """The line of a key path, or of the nearest part that contains it."""
        while where not in self.lines and where:
            where = where[: max(where.rfind("."), where.rfind("["), 0)]
        return self.lines.get(where)


def key_path(parts: Iterable[str | int]) -> str:
    """`data.checks[0]` for `("data", "checks", 0)`."""
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts)
    return path.removeprefix(".")


def read_document(text: str) -> Document:
    """Read one YAML document; whatever is wrong with it becomes a problem, never an error."""
    loader = _Loader("")
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        told = re.fullmatch(r"expected (.+?),? but (?:got|found) (.+)", error.problem or "")
        expected, found = told.groups() if told else ("well-formed YAML", error.problem or "none")
        found = found.removeprefix("but ").removeprefix("found ")
        return _unreadable(Problem("YAML", found, expected, mark.line + 1 if mark else None))
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        return _unreadable(Problem("YAML", "a control character", "text", line))
    except RecursionError:
        return _unreadable(Problem("YAML", "too many levels", "well-formed YAML"))
    finally:
        loader.dispose()
    reading = _Reading()
    values = reading.value(node, ()) if node else None
    return Document(values, reading.lines, tuple(reading.problems))


def write_document(values: Any) -> str:
    """The YAML text of plain values, which `read_document` reads back as they were."""
    return yaml.dump(values, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)


def write_entry(key: str, value: Any) -> list[str]:
    """The lines of one key of a mapping: a single one where it is not too long."""
    line = _dumped({key: value}, flow=True)[1:-1]
    if len(line) <= MAX_LINE:
        return [line]
    return _dumped({key: value}, flow=False).split("\n")


def _dumped(values: Any, *, flow: bool) -> str:
    text: str = yaml.dump(
        values,
        Dumper=_LineDumper,
        default_flow_style=flow,
        sort_keys=False,
        allow_unicode=True,
        width=math.inf,
    )
    return text.rstrip("\n")


def _unreadable(problem: Problem) -> Document:
    return Document(None, {}, (problem,))


class _Reading:
    """One walk over the nodes of a document."""

    def __init__(self) -> None:
        self.lines: dict[str, int] = {}
        self.problems: list[Problem] = []
        self._seen: set[int] = set()
        self._inside: set[int] = set()
        self._aliased = 0

    def value(self, node: Node, path: tuple[str | int, ...]) -> Any:
        """The value of a node; None where there is a problem with it."""
        self.lines.setdefault(key_path(path), node.start_mark.line + 1)
        if not self._may_enter(node, path):
            return None
        self._inside.add(id(node))
        try:
            if isinstance(node, ScalarNode):
                return self._scalar(node, path)
            if node.tag not in (f"{_TAG}map", f"{_TAG}seq"):
                return self._refuse(node, path, f"the tag `{node.tag}`", "a plain value")
            if isinstance(node, MappingNode):
                return self._mapping(node, path)
            return [self.value(item, (*path, index)) for index, item in enumerate(node.value)]
        finally:
            self._inside.discard(id(node))

    def _may_enter(self, node: Node, path: tuple[str | int, ...]) -> bool:
        if id(node) in self._inside:
            self._refuse(node, path, "an alias to a part that it is in", "an end to it")
            return False
        self._aliased += id(node) in self._seen
        self._seen.add(id(node))
        if self._aliased == MAX_ALIASED_NODES:
            found = "aliases that stand for too many values"
            self._refuse(node, path, found, f"at most {MAX_ALIASED_NODES}")
        return self._aliased < MAX_ALIASED_NODES

    def _mapping(self, node: MappingNode, path: tuple[str | int, ...]) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = key_node.value
            line = key_node.start_mark.line + 1
            if key_node.tag != f"{_TAG}str" or self._scalar(key_node, path) is None:
                found = (
                    f"`{key}` as a key" if isinstance(key, str) else "a list or mapping as a key"
                )
                hint = f'a text: "{key}"' if isinstance(key, str) else "a text"
                self.problems.append(Problem(key_path(path) or "file", found, hint, line))
            elif key in values:
                where = key_path((*path, key))
                found = f"`{key}` again (first on line {self.lines[where]})"
                self.problems.append(Problem(where, found, "each key once", line))
            else:
                self.lines[key_path((*path, key))] = line
                values[key] = self.value(value_node, (*path, key))
        return values

    def _scalar(self, node: ScalarNode, path: tuple[str | int, ...]) -> Any:
        kind = node.tag.removeprefix(_TAG)
        if any("\ud800" <= character <= "\udfff" for character in node.value):
            return self._refuse(node, path, "half a surrogate pair", "whole characters")
        if kind not in _VALUES:
            return self._refuse(node, path, f"the tag `{node.tag}`", "a plain value")
        try:
            return _VALUES[kind](node.value)
        except ValueError:
            return self._refuse(node, path, f"`{node.value}` tagged as {kind}", "a plain value")

    def _refuse(self, node: Node, path: tuple[str | int, ...], found: str, expected: str) -> None:
        line = node.start_mark.line + 1
        self.problems.append(Problem(key_path(path) or "file", found, expected, line))
