"""What the parameters of several families have in common, and the arguments they become."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from fairlead.errors import Problem
from fairlead.models.family import FitContext, Parameters
from fairlead.project.columns import Task
from fairlead.project.parts import Category, Identifier, SpecFault
from fairlead.project.problems import closest, shown
from fairlead.project.spec import DataSpec

ClassWeights = dict[Category, float]
SIGNS = {"increasing": 1, "decreasing": -1}
ABSOLUTE = ("absolute_error", "regression_l1", "reg:absoluteerror")
"""Losses whose libraries set the leaves anew after growing a tree, and forget the constraints."""


class WeightedParameters(Parameters):
    """Parameters of a classifier whose classes can count differently."""

    class_weight: Literal["balanced"] | ClassWeights | None = None
    """How much a row of each class counts: `balanced` gives every class the same total weight;
    class -> weight leaves those that are not named at 1 (classification)."""

    def faults(self) -> Iterator[SpecFault]:
        """A class that does not count can be left out of the data."""
        yield from super().faults()
        for label, weight in self._by_class().items():
            if weight <= 0:
                yield SpecFault(f"class_weight.{label}", f"`{weight:g}`", "a value > 0")

    def _by_class(self) -> ClassWeights:
        return self.class_weight if isinstance(self.class_weight, dict) else {}

    def problems(self, data: DataSpec, task: Task) -> Iterator[Problem]:
        """Classes that the target does not have."""
        yield from super().problems(data, task)
        classes = data.target.classes
        for label in self._by_class():
            if classes and label not in classes:
                yield Problem(f"class_weight.{label}", shown(label), closest(label, classes))


class MonotoneParameters(Parameters):
    """Parameters of trees that can be kept from rising or falling with a feature."""

    monotone: dict[Identifier, Literal["increasing", "decreasing"]] = Field(default={})
    """Numbers, or derived columns, with which the prediction never falls (`increasing`) or never
    rises (`decreasing`), all else equal; of two classes, the probability of the second."""

    def faults(self) -> Iterator[SpecFault]:
        """The loss must keep the constraints."""
        yield from super().faults()
        for key in ("loss", "objective"):
            loss = getattr(self, key, None)
            if self.monotone and loss in ABSOLUTE:
                yield SpecFault("monotone", f"it with `{key}: {loss}`", f"another `{key}`")

    def problems(self, data: DataSpec, task: Task) -> Iterator[Problem]:
        """Names of no number, and more classes than two."""
        yield from super().problems(data, task)
        numbers = [
            name
            for name, column in data.columns.items()
            if column.role == "feature" and column.type != "category"
        ]
        known = [*numbers, *data.derived]
        for name in self.monotone:
            if name not in known:
                category = name in data.columns and data.columns[name].type == "category"
                found = f"`{name}`, a category" if category else shown(name)
                yield Problem(f"monotone.{name}", found, closest(name, known))
        if self.monotone and len(data.target.classes) > 2:
            found = f"it with {len(data.target.classes)} classes"
            yield Problem("monotone", found, "it for a number or two classes")


def arguments(parameters: Parameters, context: FitContext) -> dict[str, Any]:
    """What of the parameters an estimator for this task takes as it is.

    Class weights come by class code, all classes among them; `monotone` is left out.

    Raises:
        ValueError: a class has a weight and does not exist.
    """
    others = {name for name, task in parameters.only.items() if task != context.task}
    taken = parameters.model_dump(exclude={*others, "monotone"})
    weights = taken.get("class_weight")
    if isinstance(weights, dict):
        unknown = sorted(set(weights) - set(context.classes))
        if unknown:
            known = ", ".join(context.classes)
            raise ValueError(f"`class_weight`: {', '.join(unknown)} is no class; there are {known}")
        taken["class_weight"] = {
            code: weights.get(label, 1.0) for code, label in enumerate(context.classes)
        }
    return taken


def constraints(parameters: MonotoneParameters, context: FitContext) -> list[int] | None:
    """1 for a column of the design matrix that is `increasing`, -1 for `decreasing`, else 0.

    Returns:
        One number for each column; None without a constraint.

    Raises:
        ValueError: there are more than two classes.
    """
    if not parameters.monotone:
        return None
    if len(context.classes) > 2:
        raise ValueError(f"`monotone` is for two classes, there are {len(context.classes)}")
    return [SIGNS.get(parameters.monotone.get(name, ""), 0) for name in context.columns]


def present(weights: Any, y: NDArray[Any]) -> Any:
    """Class weights of the classes that there are; `balanced` and None as they are.

    Args:
        weights: by class code, `balanced` or None.
        y: shape (n,), class codes.
    """
    if not isinstance(weights, Mapping):
        return weights
    return {code: weights[code] for code in np.unique(y).tolist()}
