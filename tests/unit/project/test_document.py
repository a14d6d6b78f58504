"""YAML 1.2 core, lines, and the refusal of what a project file has no use for."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.project.document import (
    MAX_LINE,
    key_path,
    read_document,
    write_document,
    write_entry,
)

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(st.characters(exclude_categories=("Cs", "Cc"))),
    st.sampled_from(["no", "on", "1e5", "01", "0o7", "1_000", "12:30", "2026-01-01", "~", ".inf"]),
)
keys = st.text(st.characters(categories=("Ll", "Nd")), min_size=1, max_size=8)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4)
)


@pytest.mark.parametrize(
    "text", ["no", "yes", "on", "off", "12:30", "2026-01-01", "1_000", "010", "0b1", "1.2.3", "y"]
)
def test_what_yaml_1_1_would_convert_stays_text(text: str) -> None:
    assert read_document(f"key: {text}").values == {"key": text}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e5", 1e5), ("1.", 1.0), (".5", 0.5), ("-3", -3), ("+3", 3), ("0o17", 15), ("0x1F", 31),
        ("true", True), ("False", False), ("~", None), ("", None), ("null", None),
        ("-.inf", -math.inf), ("'1'", "1"), ('"true"', "true"), ("!!str 1", "1"),
    ],
)  # fmt: skip
def test_a_plain_scalar_follows_the_core_schema(text: str, value: object) -> None:
    read = read_document(f"key: {text}").values["key"]
    assert (read, type(read)) == (value, type(value))


def test_every_key_and_item_has_its_line() -> None:
    document = read_document("a: 1\nb:\n  c: {d: 2,\n    e: 3}\n  f:\n    - 4\n    - 5\n")
    wanted = {"a": 1, "b": 2, "b.c": 3, "b.c.d": 3, "b.c.e": 4, "b.f[0]": 6, "b.f[1]": 7}
    assert {path: document.lines[path] for path in wanted} == wanted


def test_a_path_that_is_not_there_has_the_line_of_what_would_contain_it() -> None:
    document = read_document("\na:\n  b: [1]\n")
    assert [document.line_of(path) for path in ("a.x.y", "a.b[3]", "z")] == [2, 3, 2]


def test_a_key_given_twice_names_both_lines() -> None:
    document = read_document("a:\n  b: 1\n  c: 2\n  b: 3\n")
    (problem,) = document.problems
    assert (problem.where, problem.line) == ("a.b", 4)
    assert problem.found == "`b` again (first on line 2)"
    assert document.values == {"a": {"b": 1, "c": 2}}


@pytest.mark.parametrize("key", ["1", "true", "~", "1.5", "[a]"])
def test_a_key_that_is_no_text_is_refused(key: str) -> None:
    (problem,) = read_document(f"a: 1\n? {key}\n: 2\n").problems
    assert "as a key" in problem.found
    assert problem.line == 2


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: [1\nb: 2\n", 2), ("a: 1\n---\nb: 2\n", 2), ("a: 'x\n", 2), ("a: 1\n b: 2\n", 2),
        ("a:\n\tb: 1\n", 2), ("a: *b\n", 1), ("a: 1\nb: \x00\n", 2), ("[" * 2000, None),
    ],
)  # fmt: skip
def test_broken_yaml_is_a_problem_with_its_line(text: str, line: int | None) -> None:
    (problem,) = read_document(text).problems
    assert (problem.where, problem.line) == ("YAML", line)


def test_an_alias_stands_for_its_anchor() -> None:
    assert read_document("a: &x {b: 1}\nc: *x\n").values == {"a": {"b": 1}, "c": {"b": 1}}


def test_aliases_cannot_multiply_without_end() -> None:
    level = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
    text = level + "".join(f"a{n + 1}: &a{n + 1} [{f'*a{n}, ' * 10}]\n" for n in range(9))
    (problem,) = read_document(text).problems
    assert "aliases" in problem.found


def test_an_alias_to_a_part_that_contains_it_is_refused() -> None:
    (problem,) = read_document("a: &a\n  b: *a\n").problems
    assert (problem.where, problem.line) == ("a.b", 1)


@pytest.mark.parametrize(
    "text", ["!!python/object:os.system x", "!mine {}", "!!int x", '"\\ud800"']
)
def test_tags_and_broken_characters_are_refused(text: str) -> None:
    (problem,) = read_document(f"a: {text}").problems
    assert problem.where == "a"


def test_key_paths_are_written_as_in_the_messages() -> None:
    assert key_path(("data", "checks", 0, "x")) == "data.checks[0].x"


@given(value=values)
def test_what_is_written_is_read_back(value: object) -> None:
    document = read_document(write_document({"key": value}))
    assert not document.problems
    assert document.values == {"key": value}


@given(value=values, margin=st.sampled_from(["", "    "]))
def test_an_entry_is_read_back_wherever_it_stands(value: object, margin: str) -> None:
    lines = write_entry("key", value)
    document = read_document("\n".join(["outer:", *(f"{margin}  {line}" for line in lines)]))
    assert not document.problems
    assert document.values == {"outer": {"key": value}}


def test_an_entry_is_one_line_until_it_is_too_long() -> None:
    odd = {"values": ["x\ny", "no", "1"]}
    assert write_entry("a", odd) == [r"""a: {values: ["x\ny", 'no', '1']}"""]
    long = write_entry("a", ["x" * MAX_LINE])
    assert long == ["a:", "- " + "x" * MAX_LINE]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a: 1\n\tb: 2", r"character '\t' that cannot start any token"),
        ("a: 1\n---\nb: 2", "another document"),
    ],
)
def test_what_the_parser_found_is_said_once(text: str, found: str) -> None:
    (problem,) = read_document(text).problems
    assert (problem.found, problem.line) == (found, 2)
