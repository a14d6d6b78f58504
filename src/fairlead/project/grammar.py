"""The grammar of expressions: which Python syntax is allowed, and what it must be given."""

from __future__ import annotations

import ast
import difflib
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Literal, TypeAlias

from fairlead.errors import ExpressionError

MAX_DEPTH = 50
MAX_EXPONENT = 16

Kind = Literal["number", "boolean", "category", "text"]
"""What an operand is; a text column can only be named in an error."""

# Name -> number of arguments, all of them numbers; -2 means two or more.
NUMERIC = {
    **dict.fromkeys(("log", "log1p", "exp", "sqrt", "abs", "sin", "cos"), 1),
    **dict.fromkeys(("min", "max"), -2),
    "haversine_km": 4,
}
FUNCTIONS = tuple(sorted([*NUMERIC, "where", "is_missing"]))
LANGUAGE = (
    "columns, numbers, `+ - * / // % **`, comparisons, `in (...)`, `and`, `or`, `not`, "
    f"`a if c else b` and the functions {', '.join(FUNCTIONS)}"
)
OPERATORS: dict[type[ast.AST], str] = {
    ast.Add: "add",
    ast.Sub: "sub",
    ast.Mult: "mul",
    ast.Div: "div",
    ast.FloorDiv: "floor_divide",
    ast.Mod: "modulo",
}
# Comparison -> the operation, and whether its operands change places.
COMPARISONS: dict[type[ast.cmpop], tuple[str, bool]] = {
    ast.Lt: ("less", False),
    ast.LtE: ("less_or_equal", False),
    ast.Gt: ("less", True),
    ast.GtE: ("less_or_equal", True),
    ast.Eq: ("equal", False),
    ast.NotEq: ("differs", False),
}
DESCRIBED: dict[Kind, str] = {
    "number": "a number",
    "boolean": "true or false",
    "category": "a category column",
    "text": "a text column",
}
RENAMED = {"abs": "absolute", "min": "minimum", "max": "maximum", "is_missing": "is_nan"}


@dataclass(frozen=True)
class Constant:
    """A number, never negative and always finite."""

    value: float


@dataclass(frozen=True)
class Column:
    """The values of a column."""

    name: str


@dataclass(frozen=True)
class Apply:
    """An operation of `Ops`, or a function of `fairlead.project.arithmetic`."""

    function: str
    operands: tuple[Tree, ...]


Tree: TypeAlias = Constant | Column | Apply


class Checker:
    """Turns the nodes of one expression into a tree and its kind, or raises ExpressionError."""

    def __init__(
        self, text: str, kinds: Mapping[str, Kind], categories: Mapping[str, tuple[str, ...]]
    ) -> None:
        self.text = text
        self.kinds = kinds
        self.categories = categories
        self.names: set[str] = set()
        self.depth = 0

    def error(self, node: ast.AST, found: str, expected: str) -> ExpressionError:
        """The error that shows a part of the expression and says what it is."""
        return ExpressionError(self.text, f"`{ast.unparse(node)}`, {found}", expected)

    def check(self, node: ast.expr) -> tuple[Tree, Kind]:
        """The tree of a node and what it gives; a boolean column becomes a condition."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise ExpressionError(
                self.text, f"more than {MAX_DEPTH} levels", "less nesting; use derived columns"
            )
        checked = self._check(node)
        self.depth -= 1
        return checked

    def _check(self, node: ast.expr) -> tuple[Tree, Kind]:
        match node:
            case ast.Constant(value=bool() | None):
                expected = "`flag`, `not flag` or `is_missing(column)` to ask for such a value"
                raise self.error(node, "a constant that is no number", expected)
            case ast.Constant(value=int() | float()):
                return self._constant(node), "number"
            case ast.Constant(value=str()):
                raise self.error(node, "a text", "texts only beside ==, != or in, with a category")
            case ast.Name():
                return self._column(node)
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return Apply("logical_not", (self._condition(operand),)), "boolean"
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return Apply("neg", (self._number(operand),)), "number"
            case ast.UnaryOp(op=ast.UAdd(), operand=operand):
                return self._number(operand), "number"
            case ast.BinOp(op=ast.Pow()):
                return self._power(node), "number"
            case ast.BinOp(op=op) if type(op) in OPERATORS:
                operands = (self._number(node.left), self._number(node.right))
                return Apply(OPERATORS[type(op)], operands), "number"
            case ast.BoolOp(op=op, values=values):
                function = "logical_and" if isinstance(op, ast.And) else "logical_or"
                return _chain(function, [self._condition(value) for value in values]), "boolean"
            case ast.Compare():
                return self._comparison(node), "boolean"
            case ast.IfExp():
                return self._choice(node, node.test, node.body, node.orelse)
            case ast.Call():
                return self._call(node)
        raise self.error(node, f"a Python {type(node).__name__}", LANGUAGE)

    def _constant(self, node: ast.Constant) -> Constant:
        try:
            value = float(node.value)  # type: ignore[arg-type]
        except OverflowError:
            value = math.inf
        if not math.isfinite(value):
            raise self.error(node, "which is too large", "a finite number")
        return Constant(value)

    def _column(self, node: ast.Name) -> tuple[Tree, Kind]:
        kind = self.kinds.get(node.id)
        if kind is None:
            raise self.error(node, "an unknown name", _expected("a column", node.id, self.kinds))
        self.names.add(node.id)
        column = Column(node.id)
        return (Apply("equal", (column, Constant(1.0))) if kind == "boolean" else column), kind

    def _number(self, node: ast.expr) -> Tree:
        return self._of_kind(node, "number", "a number")

    def _condition(self, node: ast.expr) -> Tree:
        return self._of_kind(node, "boolean", "a condition, such as `a < b`")

    def _of_kind(self, node: ast.expr, wanted: Kind, expected: str) -> Tree:
        tree, kind = self.check(node)
        if kind != wanted:
            raise self.error(node, DESCRIBED[kind], expected)
        return tree

    def _power(self, node: ast.BinOp) -> Tree:
        base = self._number(node.left)
        exponent = _literal(node.right)
        if exponent == 0.5:
            return Apply("sqrt", (base,))
        if exponent is None or exponent % 1 or abs(exponent) > MAX_EXPONENT:
            expected = (
                f"a whole number from -{MAX_EXPONENT} to {MAX_EXPONENT}, or 0.5; "
                "write any other power as `exp(log(a) * b)`"
            )
            raise self.error(node.right, "as an exponent", expected)
        return Apply("power", (base, Constant(exponent)))

    def _comparison(self, node: ast.Compare) -> Tree:
        operands = [node.left, *node.comparators]
        pairs = zip(operands, node.ops, operands[1:], strict=False)
        return _chain("logical_and", [self._pair(node, *pair) for pair in pairs])

    def _pair(self, node: ast.Compare, left: ast.expr, op: ast.cmpop, right: ast.expr) -> Tree:
        if isinstance(op, ast.Is | ast.IsNot):
            raise self.error(node, "a comparison by identity", "`is_missing(column)`, == or !=")
        if isinstance(op, ast.In | ast.NotIn):
            if not isinstance(right, ast.Tuple | ast.List | ast.Set) or not right.elts:
                raise self.error(right, "after `in`", "values in brackets, such as `in (1, 2)`")
            if isinstance(op, ast.In):
                return _chain(
                    "logical_or", [self._pair(node, left, ast.Eq(), v) for v in right.elts]
                )
            return _chain(
                "logical_and", [self._pair(node, left, ast.NotEq(), v) for v in right.elts]
            )
        first: Tree
        second: Tree
        match left, right:
            case (ast.Constant(value=str() as text), other) | (
                other,
                ast.Constant(value=str() as text),
            ):
                first, second = self._category(node, op, other, text)
            case _:
                first, second = self._number(left), self._number(right)
        function, swapped = COMPARISONS[type(op)]
        return Apply(function, (second, first) if swapped else (first, second))

    def _category(
        self, node: ast.Compare, op: ast.cmpop, other: ast.expr, text: str
    ) -> tuple[Column, Constant]:
        """A category column and the code of a text beside it."""
        if not isinstance(op, ast.Eq | ast.NotEq):
            raise self.error(node, "an order of texts", "==, != or in beside a text")
        tree, kind = self.check(other)
        if kind != "category" or not isinstance(tree, Column):
            raise self.error(other, f"{DESCRIBED[kind]} beside a text", "a category column")
        values = self.categories[tree.name]
        if text not in values:
            expected = _expected(f"a category of `{tree.name}`", text, values)
            raise self.error(ast.Constant(text), "an undeclared category", expected)
        return tree, Constant(float(values.index(text)))

    def _call(self, node: ast.Call) -> tuple[Tree, Kind]:
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if name not in FUNCTIONS:
            raise self.error(
                node.func, "an unknown function", _expected("a function", name, FUNCTIONS)
            )
        if node.keywords or any(isinstance(argument, ast.Starred) for argument in node.args):
            raise self.error(node, "arguments by keyword or star", "arguments one by one")
        count = {"where": 3, "is_missing": 1, **NUMERIC}[name]
        if len(node.args) < abs(count) or (count > 0 and len(node.args) > count):
            more = " or more" if count < 0 else ""
            raise self.error(node, f"{len(node.args)} arguments", f"{abs(count)}{more}")
        if name == "where":
            return self._choice(node, *node.args)
        function = RENAMED.get(name, name)
        if name == "is_missing":
            return Apply(function, (self._any(node.args[0]),)), "boolean"
        operands = [self._number(argument) for argument in node.args]
        return (
            _chain(function, operands) if count < 0 else Apply(function, tuple(operands))
        ), "number"

    def _any(self, node: ast.expr) -> Tree:
        """A number or any column as it is, a boolean one included."""
        if isinstance(node, ast.Name) and self.check(node)[1] in ("boolean", "category"):
            return Column(node.id)
        return self._number(node)

    def _choice(
        self, node: ast.expr, test: ast.expr, body: ast.expr, orelse: ast.expr
    ) -> tuple[Tree, Kind]:
        condition = self._condition(test)
        first, kind = self.check(body)
        second, other = self.check(orelse)
        if kind != other or kind not in ("number", "boolean"):
            raise self.error(
                node,
                f"a choice between {DESCRIBED[kind]} and {DESCRIBED[other]}",
                "two numbers or two conditions",
            )
        function = "where" if kind == "number" else "either"
        return Apply(function, (condition, first, second)), kind


def _chain(function: str, operands: list[Tree]) -> Tree:
    """The operands combined two by two, from left to right."""
    return reduce(lambda left, right: Apply(function, (left, right)), operands)


def _literal(node: ast.expr) -> float | None:
    """The value of a number with or without a sign, else None."""
    match node:
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant() as operand):
            value = _literal(operand)
            return None if value is None else -value
        case ast.Constant(value=bool()):
            return None
        case ast.Constant(value=int() | float() as value) if abs(value) <= MAX_EXPONENT:
            return float(value)
    return None


def _expected(what: str, name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(known), n=3)
    if close:
        return f"{what}; did you mean {' or '.join(f'`{other}`' for other in close)}?"
    return f"{what}: {', '.join(sorted(known)) or 'there is none'}"
