"""What each expression of a project file may name, and the check that it does."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from fairlead.errors import ExpressionError, Problem
from fairlead.project.columns import Task
from fairlead.project.expressions import Scope, parse
from fairlead.project.spec import DataSpec, ProjectSpec

ROWS = "rows"
"""What a check calls the number of rows."""


def feature_scope(data: DataSpec, derived: Iterable[str] = ()) -> Scope:
    """What a derived column may name: the features, and the derived columns before it."""
    features = {name: column for name, column in data.columns.items() if column.role == "feature"}
    return Scope.of_columns(features, derived)


def check_scope(task: Task, data: DataSpec, classes: tuple[str, ...]) -> Scope:
    """What a check may name: every column, the target, the derived columns and `rows`.

    The target of a classification can be named once its classes are known.
    """
    scope = Scope.of_columns(data.columns, (ROWS, *data.derived))
    target = data.target.name
    if task == "regression":
        return Scope({**scope.kinds, target: "number"}, scope.categories)
    if not classes:
        return scope
    return Scope({**scope.kinds, target: "category"}, {**scope.categories, target: classes})


def gate_scope(text: str) -> Scope:
    """Every name of a gate as a metric, which is a number; which metrics exist is known later."""
    return Scope(dict.fromkeys(re.findall(r"[^\W\d]\w*", text), "number"))


def check_expressions(spec: ProjectSpec) -> Iterator[Problem]:
    """Everything that is wrong with the expressions of a project."""
    earlier: list[str] = []
    for name, text in spec.data.derived.items():
        yield from _problems(f"data.derived.{name}", text, feature_scope(spec.data, earlier))
        earlier.append(name)
    scope = check_scope(spec.task, spec.data, spec.data.target.classes)
    for index, text in enumerate(spec.data.checks):
        yield from _problems(f"data.checks[{index}]", text, scope, condition="rows > 0")
    for name, text in spec.evaluation.conditions.items():
        where = f"evaluation.conditions.{name}"
        scope = feature_scope(spec.data, spec.data.derived)
        yield from _problems(where, text, scope, condition="area > 100")
    for index, text in enumerate(spec.promotion.gates):
        where = f"promotion.gates[{index}]"
        yield from _problems(where, text, gate_scope(text), condition="rmse <= 50000")


def _problems(where: str, text: str, scope: Scope, *, condition: str = "") -> Iterator[Problem]:
    try:
        kind = parse(text, scope).kind
    except ExpressionError as error:
        found = error.found if error.text == text else f"{error.found} in `{error.text}`"
        yield Problem(where, found, error.expected)
        return
    if condition and kind != "boolean":
        yield Problem(where, f"a {kind}: `{text}`", f"a condition, such as `{condition}`")
