"""The expression language: parsed with `ast`, checked against a scope, never run as code."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from fairlead.errors import ExpressionError
from fairlead.project import arithmetic
from fairlead.project.columns import ColumnSpec
from fairlead.project.grammar import DESCRIBED, Checker, Column, Constant, Kind, Tree
from fairlead.project.primitives import NumpyOps, Ops, Value

MAX_LENGTH = 2000
EXAMPLE = "an expression such as `total_rooms / households`"
KINDS: dict[str, Kind] = {
    "number": "number",
    "integer": "number",
    "datetime": "number",
    "boolean": "boolean",
    "category": "category",
    "text": "text",
}


@dataclass(frozen=True)
class Scope:
    """What the names in an expression mean.

    Attributes:
        kinds: name -> what its values are.
        categories: name -> values, in the order of their codes, of each category column.
    """

    kinds: Mapping[str, Kind]
    categories: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def of_columns(cls, columns: Mapping[str, ColumnSpec], numbers: Iterable[str] = ()) -> Scope:
        """The scope of declared columns and of further names that stand for numbers."""
        kinds = {name: KINDS[column.type] for name, column in columns.items()}
        categories = {name: column.values for name, column in columns.items() if column.values}
        return cls({**dict.fromkeys(numbers, KINDS["number"]), **kinds}, categories)


@dataclass(frozen=True)
class Expression:
    """An expression that has been checked.

    Attributes:
        text: as it was written.
        kind: what it gives.
        names: the columns that it uses, sorted.
        tree: the operations.
    """

    text: str
    kind: Literal["number", "boolean"]
    names: tuple[str, ...]
    tree: Tree


def parse(text: str, scope: Scope) -> Expression:
    """Parse and check an expression.

    Raises:
        ExpressionError: it is not in the language, or names something that the scope has not.
    """
    if len(text) > MAX_LENGTH:
        raise ExpressionError(
            f"{text[:40]}…", f"{len(text)} characters", f"at most {MAX_LENGTH}; use derived columns"
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            parsed = ast.parse(text.strip().replace("\n", " "), mode="eval").body
    except SyntaxError as error:
        at = f" at character {error.offset}" if error.offset else ""
        raise ExpressionError(text, f"a syntax error{at} ({error.msg})", EXAMPLE) from None
    except (ValueError, RecursionError, MemoryError):
        raise ExpressionError(text, "what Python cannot parse", EXAMPLE) from None
    checker = Checker(text, scope.kinds, scope.categories)
    tree, kind = checker.check(parsed)
    if kind not in ("number", "boolean"):
        raise checker.error(parsed, DESCRIBED[kind], "a number or a condition")
    return Expression(text, kind, tuple(sorted(checker.names)), tree)


def evaluate(
    expression: Expression, columns: Mapping[str, NDArray[np.float64]]
) -> NDArray[np.float64] | NDArray[np.bool_]:
    """Evaluate with numpy: the same bits as the graph.

    Args:
        expression: as `parse` checked it.
        columns: at least the names in the expression -> shape (n,), missing as NaN, a category
            as its code, true as 1.

    Returns:
        Shape (n,), float64 or, for a condition, bool. Without any column, n is 1.
    """
    rows = len(next(iter(columns.values()))) if columns else 1
    result = calculate(NumpyOps(), expression, columns)
    return np.full(rows, result, np.float64 if expression.kind == "number" else np.bool_)


def calculate(ops: Ops, expression: Expression, columns: Mapping[str, Value]) -> Value:
    """Apply the operations of an expression; what occurs twice is calculated once.

    Returns:
        An operand of `ops`; a number if the expression uses no column.
    """
    done: dict[Tree, Value] = {}

    def value_of(tree: Tree) -> Value:
        if isinstance(tree, Constant):
            return tree.value
        if isinstance(tree, Column):
            return columns[tree.name]
        if tree not in done:
            done[tree] = _apply(ops, tree.function, [value_of(part) for part in tree.operands])
        return done[tree]

    return value_of(expression.tree)


def _apply(ops: Ops, function: str, operands: list[Value]) -> Value:
    if function == "power":
        return arithmetic.power(ops, operands[0], int(operands[1]))
    if hasattr(arithmetic, function):
        return getattr(arithmetic, function)(ops, *operands)
    return getattr(ops, function)(*operands)
