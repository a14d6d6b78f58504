"""Functions of the target that are fitted in its place, and their inverses in the graph."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fairlead.errors import TrainingError
from fairlead.graph.expressions import EXACT
from fairlead.project.arithmetic import exp, log, log1p
from fairlead.project.primitives import Ops, Value
from fairlead.project.spec import TargetTransform


@dataclass(frozen=True)
class Domain:
    """Which targets have a transform.

    Attributes:
        above: the bound that targets lie above.
        closed: whether they may be on it.
        amplified: how many times the inverse can enlarge a relative error. An exponential makes an
            absolute error, which is at most 745 relative ones, a relative one; a square doubles it.
    """

    above: float
    closed: bool
    amplified: float

    def __str__(self) -> str:
        return f">{'=' if self.closed else ''} {self.above:g}"


DOMAINS: dict[TargetTransform, Domain] = {
    "log": Domain(0.0, closed=False, amplified=1000.0),
    "log1p": Domain(-1.0, closed=False, amplified=1000.0),
    "sqrt": Domain(0.0, closed=True, amplified=4.0),
}


def transformed(
    candidate: str, kind: TargetTransform, y: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The target as it is fitted.

    Raises:
        TrainingError: a target lies outside the domain; the candidate is named.
    """
    domain = DOMAINS[kind]
    outside = y[~((y >= domain.above) if domain.closed else (y > domain.above))]
    if len(outside):
        raise TrainingError(
            candidate,
            f"`transform_target: {kind}` needs targets {domain}; "
            f"{len(outside):,} of {len(y):,} are not, such as {outside.min():g}",
        )
    functions: dict[TargetTransform, Callable[[Ops, Value], Value]]
    functions = {"log": log, "log1p": log1p, "sqrt": lambda ops, x: ops.sqrt(x)}
    found: NDArray[np.float64] = functions[kind](EXACT, y)
    return found


def restored(ops: Ops, kind: TargetTransform, value: Value) -> Value:
    """The prediction of the target from that of its transform, the same bits in every back end."""
    match kind:
        case "log":
            return exp(ops, value)
        case "log1p":
            return ops.sub(exp(ops, value), 1.0)
        case "sqrt":
            # A negative root is as near to 0 as a model can say.
            root = ops.maximum(value, 0.0)
            return ops.mul(root, root)
