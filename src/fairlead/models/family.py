"""What a family of estimators must say of itself, and how families are found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, ClassVar, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from fairlead.errors import Problem, UnknownFamilyError
from fairlead.graph.builder import Graph
from fairlead.models.explanation import Explanation
from fairlead.project.columns import Task
from fairlead.project.parts import SpecPart
from fairlead.project.spec import DataSpec

ENTRY_POINTS = "fairlead.families"
Interpretability = Literal["high", "medium", "low"]


@dataclass(frozen=True)
class Design:
    """How the columns of a contract become the matrix that a family is fitted on.

    Attributes:
        categories: `one_hot` one column per category; `drop_first` the same without the first,
            for models that a redundant column disturbs, to which an unknown category is the first;
            `code` the category's index, -1 for an unknown one.
        fill_missing: whether what is still missing is filled (median of a number, most frequent
            category or truth value), because the estimator refuses NaN.
        scale: whether numbers are brought to mean 0 and variance 1.
    """

    categories: Literal["one_hot", "drop_first", "code"] = "one_hot"
    fill_missing: bool = False
    scale: bool = False


@dataclass(frozen=True)
class FitContext:
    """What a family may know besides the matrix.

    Attributes:
        task: classification or regression.
        classes: labels in the order of the codes in y; empty for regression.
        columns: names of the matrix's columns.
        categories: name -> values, for the columns that are category codes (`Design.categories`
            is `code`).
        seed: seeds everything random.
        booleans: names of the columns that hold true (1) or false (0).
    """

    task: Task
    classes: tuple[str, ...]
    columns: tuple[str, ...]
    categories: Mapping[str, tuple[str, ...]]
    seed: int
    booleans: tuple[str, ...] = ()


class Parameters(SpecPart):
    """The parameters of a family, with bounds and defaults, as the project file takes them."""

    only: ClassVar[Mapping[str, Task]] = {}
    """Names of those that one task alone knows."""

    def problems(self, data: DataSpec, task: Task) -> Iterator[Problem]:
        """What is wrong with them, seen beside the data; each fits its bounds."""
        return iter(())


class Estimator(Protocol):
    """scikit-learn's protocol; classifiers have `predict_proba` and `classes_` too."""

    def fit(self, X: NDArray[np.float64], y: NDArray[Any]) -> Any:
        """Fit on X of shape (n, d) and y of shape (n,): class codes 0..k-1, or numbers."""

    def predict(self, X: NDArray[np.float64]) -> NDArray[Any]:
        """Class codes or numbers, shape (n,)."""


@dataclass(frozen=True)
class Outputs:
    """Where a compiled estimator leaves its results in the graph.

    Attributes:
        prediction: value of shape [n, 1]: int64 class code, or float64.
        probabilities: value of shape [n, k], float64; None for regression.
        scores: the sums before any exponential, [n, j] float64; None where the prediction or the
            probabilities are that already. Compared with `Family.scores` bit for bit.
    """

    prediction: str
    probabilities: str | None = None
    scores: str | None = None


@dataclass(frozen=True)
class Tolerance:
    """Largest relative difference between graph and estimator; 0 means bit for bit."""

    prediction: float = 0.0
    probabilities: float = 0.0
    scores: float = 0.0


@dataclass(frozen=True)
class Range:
    """The values a search may try for one parameter."""

    low: float
    high: float
    log: bool = False
    whole: bool = False


class Family(Protocol):
    """One kind of estimator. Every family passes `fairlead.testing.families.FamilyContract`.

    A family that is a subclass inherits the answers of the last four methods.
    """

    name: str
    tasks: frozenset[Task]
    interpretability: Interpretability
    design: Design
    parameters: type[Parameters]
    tolerance: Tolerance
    search_space: ClassVar[Mapping[str, Range | tuple[Any, ...]]]
    """Parameter -> the values that a search may try."""

    def build(self, parameters: Any, context: FitContext) -> Estimator:
        """An unfitted estimator; one thread, seeded from the context."""

    def compile(self, estimator: Any, graph: Graph, features: str, context: FitContext) -> Outputs:
        """Append the fitted estimator to the graph.

        Args:
            estimator: what `build` made, fitted.
            graph: where to append.
            features: value [n, d], float64: the design matrix.
            context: as it was fitted.

        Raises:
            CompileError: it cannot be expressed exactly.
        """

    def scores(self, estimator: Any, X: NDArray[np.float64]) -> NDArray[Any] | None:
        """The estimator's own scores for `Outputs.scores`, shape (n,) or (n, j), or None."""
        return None

    def out_of_bag(self, estimator: Any) -> NDArray[np.float64] | None:
        """Predictions (or probabilities) for each training row by the trees that never saw it.

        Shape (n,) or (n, k), NaN where every tree saw the row; None without bootstrap.
        """
        return None

    def explain(self, estimator: Any, context: FitContext) -> Explanation | None:
        """What people can follow of a fitted estimator, for the report; None if nothing."""
        return None

    def problems(self, parameters: Any, data: DataSpec, task: Task) -> list[Problem]:
        """What is wrong with parameters that fit their bounds, seen beside the data.

        `where` is the path below the candidate, such as `rules[0].when`.
        """
        return list(parameters.problems(data, task))


@cache
def families() -> dict[str, EntryPoint]:
    """The installed families by name, not loaded yet."""
    return {point.name: point for point in entry_points(group=ENTRY_POINTS)}


def family(name: str) -> Family:
    """Load an installed family.

    Raises:
        UnknownFamilyError: nothing of that name is installed.
        ExtraMissingError: it is, but not the library it needs.
    """
    known = families()
    if name not in known:
        raise UnknownFamilyError(name, tuple(sorted(known)))
    loaded: Family = known[name].load()
    return loaded
