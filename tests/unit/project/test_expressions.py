from __future__ import annotations

import contextlib
import math
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.errors import ExpressionError
from fairlead.project.columns import ColumnSpec
from fairlead.project.expressions import Scope, evaluate, parse

NAN = math.nan
SCOPE = Scope.of_columns(
    {
        "a": ColumnSpec(type="number"),
        "b": ColumnSpec(type="integer"),
        "since": ColumnSpec(type="datetime"),
        "flag": ColumnSpec(type="boolean"),
        "colour": ColumnSpec(type="category", values=("red", "light green")),
        "note": ColumnSpec(type="text", role="ignore"),
    },
    ["rows"],
)
COLUMNS = {
    "a": np.array([1.0, -2.5, NAN, 0.0]),
    "b": np.array([2.0, 2.0, 2.0, 0.0]),
    "flag": np.array([1.0, 0.0, NAN, 1.0]),
    "colour": np.array([0.0, 1.0, NAN, -1.0]),
}


def values(text: str) -> list[float]:
    return evaluate(parse(text, SCOPE), COLUMNS).tolist()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a + b * 2", [5.0, 1.5, NAN, 0.0]),
        ("-a / b", [-0.5, 1.25, NAN, NAN]),
        ("1 / b - +a", [-0.5, 3.0, NAN, math.inf]),
        ("a // 2", [0.0, -2.0, NAN, 0.0]),
        ("a % 2", [1.0, 1.5, NAN, 0.0]),
        ("a ** 2", [1.0, 6.25, NAN, 0.0]),
        ("b ** -2", [0.25, 0.25, 0.25, math.inf]),
        ("a ** 0", [1.0, 1.0, NAN, 1.0]),
        ("b ** 0.5", [math.sqrt(2), math.sqrt(2), math.sqrt(2), 0.0]),
        ("abs(a)", [1.0, 2.5, NAN, 0.0]),
        ("min(a, b, 0.5)", [0.5, -2.5, NAN, 0.0]),
        ("max(a, b)", [2.0, 2.0, NAN, 0.0]),
        ("where(a < 0, 0, a)", [1.0, 0.0, NAN, 0.0]),
        ("0 if is_missing(a) else a", [1.0, -2.5, 0.0, 0.0]),
        ("1_000", [1000.0] * 4),
        ("a\n+ b", [3.0, -0.5, NAN, 0.0]),
    ],
)
def test_numbers_are_calculated_as_in_python(text: str, expected: list[float]) -> None:
    assert parse(text, SCOPE).kind == "number"
    np.testing.assert_array_equal(values(text), expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a < b", [True, True, False, False]),
        ("a >= b", [False, False, False, True]),
        ("a > b or a <= b", [True, True, False, True]),
        ("-3 < a < b", [True, True, False, False]),
        ("a == 1", [True, False, False, False]),
        ("a != 1", [False, True, False, True]),
        ("a in (1, 0)", [True, False, False, True]),
        ("a not in [1, -2.5]", [False, False, False, True]),
        ("is_missing(a)", [False, False, True, False]),
        ("not a < b", [False, False, True, True]),
        ("flag", [True, False, False, True]),
        ("not flag", [False, True, True, False]),
        ("flag and is_missing(flag)", [False] * 4),
        ("is_missing(flag)", [False, False, True, False]),
        ("where(flag, a < b, a > b)", [True, False, False, False]),
        ("colour == 'red'", [True, False, False, False]),
        ("'red' != colour", [False, True, False, True]),
        ("colour in ('red', 'light green')", [True, True, False, False]),
        ("colour not in {'red'}", [False, True, False, True]),
        ("is_missing(colour)", [False, False, True, False]),
        ("1 < 2", [True] * 4),
    ],
)
def test_a_comparison_with_a_missing_value_is_false(text: str, expected: list[bool]) -> None:
    assert parse(text, SCOPE).kind == "boolean"
    assert values(text) == expected


@pytest.mark.parametrize(
    ("text", "found", "expected"),
    [
        ("", "a syntax error", "an expression such as"),
        ("a +", "a syntax error", "an expression such as"),
        ("a = b", "a syntax error", "an expression such as"),
        ("a; b", "a syntax error", "an expression such as"),
        ("a\0", "a", "an expression such as"),
        ("(" * 300 + "a" + ")" * 300, "nested parentheses", "an expression such as"),
        ("a + " * 600 + "a", "2401 characters", "at most 2000"),
        ("-" * 51 + "a", "more than 50 levels", "derived columns"),
        ("-" * 1990 + "a", "", ""),
        ("aa", "`aa`, an unknown name", "did you mean `a`?"),
        ("colr == 'red'", "`colr`, an unknown name", "did you mean `colour`?"),
        ("log", "`log`, an unknown name", "a column: a, b, colour"),
        ("sqr(a)", "`sqr`, an unknown function", "did you mean `sqrt`?"),
        ("__import__('os')", "`__import__`, an unknown function", "a function: abs, cos"),
        ("a.real", "`a.real`, a Python Attribute", "columns, numbers"),
        ("a.log(1)", "`a.log`, an unknown function", "a function"),
        ("log(a)(b)", "`log(a)`, an unknown function", "a function"),
        ("a[0]", "a Python Subscript", "columns, numbers"),
        ("lambda: a", "a Python Lambda", "columns, numbers"),
        ("(a := 1)", "a Python NamedExpr", "columns, numbers"),
        ("f'{a}'", "a Python JoinedStr", "columns, numbers"),
        ("[a for a in b]", "a Python ListComp", "columns, numbers"),
        ("(a, b)", "a Python Tuple", "columns, numbers"),
        ("{'a': 1}", "a Python Dict", "columns, numbers"),
        ("a @ b", "a Python BinOp", "columns, numbers"),
        ("a | b", "a Python BinOp", "columns, numbers"),
        ("~a", "a Python UnaryOp", "columns, numbers"),
        ("b'x'", "a Python Constant", "columns, numbers"),
        ("1j", "a Python Constant", "columns, numbers"),
        ("... + a", "a Python Constant", "columns, numbers"),
        ("'red'", "a text", "with a category"),
        ("'red' == 'red'", "a text", "with a category"),
        ("True", "a constant that is no number", "`flag`, `not flag`"),
        ("a == None", "a constant that is no number", "is_missing(column)"),
        ("a is b", "a comparison by identity", "`is_missing(column)`"),
        ("1e999", "which is too large", "a finite number"),
        ("a + 1" + "0" * 400, "which is too large", "a finite number"),
        ("a and flag", "`a`, a number", "a condition"),
        ("not a", "`a`, a number", "a condition"),
        ("where(a, 1, 2)", "`a`, a number", "a condition"),
        ("flag + 1", "`flag`, true or false", "a number"),
        ("(a < b) * 2", "`a < b`, true or false", "a number"),
        ("flag == flag", "`flag`, true or false", "a number"),
        ("is_missing(a < b)", "`a < b`, true or false", "a number"),
        ("a if flag else flag", "a number and true or false", "two numbers or two conditions"),
        ("colour if flag else colour", "a category column", "two numbers or two conditions"),
        ("colour", "a category column", "a number or a condition"),
        ("colour + 1", "a category column", "a number"),
        ("colour == 1", "a category column", "a number"),
        ("colour == colour", "a category column", "a number"),
        ("note", "a text column", "a number or a condition"),
        ("note == 'x'", "a text column beside a text", "a category column"),
        ("a == 'red'", "a number beside a text", "a category column"),
        ("colour < 'red'", "an order of texts", "==, != or in"),
        ("colour == 'lite green'", "an undeclared category", "did you mean `light green`?"),
        ("colour in ('red', 'x')", "`'x'`, an undeclared category", "a category of `colour`"),
        ("colour in 'red'", "after `in`", "in brackets"),
        ("a in ()", "after `in`", "in brackets"),
        ("a in b", "after `in`", "in brackets"),
        ("min(a)", "1 arguments", "2 or more"),
        ("log(a, b)", "2 arguments", "expected 1"),
        ("log()", "0 arguments", "expected 1"),
        ("haversine_km(a, b)", "2 arguments", "expected 4"),
        ("where(flag, 1)", "2 arguments", "expected 3"),
        ("max(*a)", "by keyword or star", "one by one"),
        ("log(x=a)", "by keyword or star", "one by one"),
        ("a ** b", "`b`, as an exponent", "`exp(log(a) * b)`"),
        ("a ** 17", "`17`, as an exponent", "from -16 to 16"),
        ("a ** 1.5", "`1.5`, as an exponent", "or 0.5"),
        ("a ** True", "`True`, as an exponent", "from -16 to 16"),
    ],
)
def test_what_is_not_in_the_language_is_refused_by_name(
    text: str, found: str, expected: str
) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse(text, SCOPE)
    assert found in caught.value.found
    assert expected in f"expected {caught.value.expected}"


@given(st.text(alphabet="abflog()+-*/<>=!'\"., 019eE_[]{}:%@\n\\#", max_size=40))
def test_any_text_is_parsed_or_refused(text: str) -> None:
    with contextlib.suppress(ExpressionError):
        parse(text, SCOPE)


def test_the_columns_that_an_expression_uses_are_listed_in_order() -> None:
    assert parse("since + b / a + a * rows", SCOPE).names == ("a", "b", "rows", "since")


def test_a_constant_fills_the_rows_of_the_columns_given() -> None:
    assert evaluate(parse("2 * 3", Scope({})), {}).tolist() == [6.0]
    assert evaluate(parse("2 * 3", SCOPE), COLUMNS).tolist() == [6.0] * 4


def test_an_expression_survives_pickling() -> None:
    expression = parse("log(a) / b", SCOPE)
    assert pickle.loads(pickle.dumps(expression)) == expression  # noqa: S301
