"""The exact operations on which every function is built, and their numpy form.

IEEE 754 defines the last bit of each of them, so numpy and onnxruntime cannot differ, however
many rows there are and whatever the processor; where the sign of a zero is open, the method says
so. `exp` and its like have no such definition: both
libraries compute them differently for one row than for many. `fairlead.project.arithmetic`
therefore defines them once, on these operations alone.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Value = Any
"""An operand: a Python number, or what the back end calculates with (array, tensor name)."""


class Ops(Protocol):
    """Elementwise operations with broadcasting; numbers are float64, indices int64."""

    def add(self, a: Value, b: Value) -> Value:
        """The sum a + b."""

    def sub(self, a: Value, b: Value) -> Value:
        """The difference a - b."""

    def mul(self, a: Value, b: Value) -> Value:
        """The product a * b."""

    def div(self, a: Value, b: Value) -> Value:
        """The quotient a / b."""

    def neg(self, a: Value) -> Value:
        """The number with the other sign."""

    def absolute(self, a: Value) -> Value:
        """The number without its sign."""

    def sqrt(self, a: Value) -> Value:
        """Correctly rounded square root; NaN below 0."""

    def floor(self, a: Value) -> Value:
        """Largest whole number <= a."""

    def round(self, a: Value) -> Value:
        """Nearest whole number, of two the even one."""

    def minimum(self, a: Value, b: Value) -> Value:
        """The smaller number, NaN if one of them is; of 0 and -0, either."""

    def maximum(self, a: Value, b: Value) -> Value:
        """The larger number, NaN if one of them is; of 0 and -0, either."""

    def less(self, a: Value, b: Value) -> Value:
        """Whether a < b; false for NaN."""

    def less_or_equal(self, a: Value, b: Value) -> Value:
        """Whether a <= b; false for NaN."""

    def equal(self, a: Value, b: Value) -> Value:
        """Whether a == b; false for NaN."""

    def is_nan(self, a: Value) -> Value:
        """Whether a is NaN."""

    def logical_and(self, a: Value, b: Value) -> Value:
        """Whether both hold."""

    def logical_or(self, a: Value, b: Value) -> Value:
        """Whether at least one holds."""

    def logical_not(self, a: Value) -> Value:
        """Whether it does not hold."""

    def where(self, condition: Value, a: Value, b: Value) -> Value:
        """Number a where the condition holds, b elsewhere; -0 may become 0."""

    def index(self, a: Value) -> Value:
        """A whole number as an index; of NaN, any index."""

    def quotient(self, index: Value, divisor: int) -> Value:
        """Whole part of the quotient, towards 0."""

    def remainder(self, index: Value, divisor: int) -> Value:
        """Remainder of the quotient, with the sign of the index."""

    def lookup(self, table: NDArray[np.float64], index: Value) -> Value:
        """Entry of a table; negative indices count from its end."""

    def count_below(self, thresholds: NDArray[np.float64], a: Value) -> Value:
        """How many of the rising thresholds are < a, as a number; all of them for NaN.

        `a` is one column, shape [n, 1] in the graph.
        """


class NumpyOps:
    """The operations on arrays, silent about overflow, division by zero and NaN."""

    @np.errstate(all="ignore")
    def add(self, a: Value, b: Value) -> Value:
        """The sum a + b."""
        return np.add(a, b)

    @np.errstate(all="ignore")
    def sub(self, a: Value, b: Value) -> Value:
        """The difference a - b."""
        return np.subtract(a, b)

    @np.errstate(all="ignore")
    def mul(self, a: Value, b: Value) -> Value:
        """The product a * b."""
        return np.multiply(a, b)

    @np.errstate(all="ignore")
    def div(self, a: Value, b: Value) -> Value:
        """The quotient a / b."""
        return np.divide(a, b)

    def neg(self, a: Value) -> Value:
        """The number with the other sign."""
        return np.negative(a)

    def absolute(self, a: Value) -> Value:
        """The number without its sign."""
        return np.absolute(a)

    @np.errstate(all="ignore")
    def sqrt(self, a: Value) -> Value:
        """Correctly rounded square root; NaN below 0."""
        return np.sqrt(a)

    def floor(self, a: Value) -> Value:
        """Largest whole number <= a."""
        return np.floor(a)

    def round(self, a: Value) -> Value:
        """Nearest whole number, of two the even one."""
        return np.rint(a)

    def minimum(self, a: Value, b: Value) -> Value:
        """The smaller number, NaN if one of them is; of 0 and -0, either."""
        return np.minimum(a, b)

    def maximum(self, a: Value, b: Value) -> Value:
        """The larger number, NaN if one of them is; of 0 and -0, either."""
        return np.maximum(a, b)

    def less(self, a: Value, b: Value) -> Value:
        """Whether a < b; false for NaN."""
        return np.less(a, b)

    def less_or_equal(self, a: Value, b: Value) -> Value:
        """Whether a <= b; false for NaN."""
        return np.less_equal(a, b)

    def equal(self, a: Value, b: Value) -> Value:
        """Whether a == b; false for NaN."""
        return np.equal(a, b)

    def is_nan(self, a: Value) -> Value:
        """Whether a is NaN."""
        return np.isnan(a)

    def logical_and(self, a: Value, b: Value) -> Value:
        """Whether both hold."""
        return np.logical_and(a, b)

    def logical_or(self, a: Value, b: Value) -> Value:
        """Whether at least one holds."""
        return np.logical_or(a, b)

    def logical_not(self, a: Value) -> Value:
        """Whether it does not hold."""
        return np.logical_not(a)

    def where(self, condition: Value, a: Value, b: Value) -> Value:
        """Number a where the condition holds, b elsewhere; -0 may become 0."""
        return np.where(condition, a, b)

    @np.errstate(all="ignore")
    def index(self, a: Value) -> Value:
        """A whole number as an index; of NaN, any index."""
        return np.asarray(a).astype(np.int64)

    def quotient(self, index: Value, divisor: int) -> Value:
        """Whole part of the quotient, towards 0."""
        return (index - np.fmod(index, divisor)) // divisor

    def remainder(self, index: Value, divisor: int) -> Value:
        """Remainder of the quotient, with the sign of the index."""
        return np.fmod(index, divisor)

    def lookup(self, table: NDArray[np.float64], index: Value) -> Value:
        """Entry of a table; negative indices count from its end."""
        return table[index]

    def count_below(self, thresholds: NDArray[np.float64], a: Value) -> Value:
        """How many of the rising thresholds are < a; all of them for NaN."""
        return np.searchsorted(thresholds, a, side="left").astype(np.float64)
