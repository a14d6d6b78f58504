"""Errors of whoever makes a model, or has stored one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from fairlead.errors.base import FairleadError


class ModelError(FairleadError):
    """Something is wrong with a candidate."""

    code: ClassVar[str] = "model"


@dataclass(eq=False)
class UnknownFamilyError(ModelError):
    """No installed package provides this family."""

    code: ClassVar[str] = "unknown_family"
    family: str
    known: tuple[str, ...]

    def __str__(self) -> str:
        return f"family {self.family!r} is not installed; known: {', '.join(self.known)}"


@dataclass(eq=False)
class TrainingError(ModelError):
    """A candidate could not be fitted."""

    code: ClassVar[str] = "training"
    candidate: str
    reason: str

    def __str__(self) -> str:
        return f"candidate {self.candidate} cannot be trained: {self.reason}"


@dataclass(eq=False)
class EvaluationError(ModelError):
    """Predictions cannot be scored, or not by the metric that was asked for."""

    code: ClassVar[str] = "evaluation"
    found: str
    expected: str

    def __str__(self) -> str:
        return f"cannot evaluate: found {self.found}, expected {self.expected}"


@dataclass(eq=False)
class CompileError(ModelError):
    """The fitted estimator cannot be expressed as an exact graph."""

    code: ClassVar[str] = "compile"
    family: str
    reason: str

    def __str__(self) -> str:
        return f"family {self.family} cannot be compiled: {self.reason}"


@dataclass(eq=False)
class AdoptionError(ModelError):
    """A model that was fitted elsewhere cannot become a bundle."""

    code: ClassVar[str] = "adoption"
    step: str
    """The file, the step of a pipeline, or the column that is to blame."""
    reason: str

    def __str__(self) -> str:
        return f"the model cannot be adopted: {self.step} {self.reason}"


@dataclass(eq=False)
class ParityError(ModelError):
    """The graph does not give what the fitted estimator gives."""

    code: ClassVar[str] = "parity"
    output: str
    rows: int
    of: int
    worst: float
    tolerance: float

    def __str__(self) -> str:
        return (
            f"output {self.output} of the graph differs from the fitted estimator on {self.rows} "
            f"of {self.of} rows (largest difference {self.worst:.3g}, "
            f"allowed {self.tolerance:.3g}); no bundle was written"
        )


@dataclass(eq=False)
class ReproductionError(FairleadError):
    """A version cannot be made again, whatever would come of it."""

    code: ClassVar[str] = "reproduction"
    version: str
    reason: str

    def __str__(self) -> str:
        return f"{self.version} cannot be made again: {self.reason}"


@dataclass(eq=False)
class BundleError(FairleadError):
    """A bundle is not what was written; every fault is listed."""

    code: ClassVar[str] = "bundle"
    path: Path
    faults: tuple[str, ...]

    def __str__(self) -> str:
        return "\n  ".join([f"{self.path} is not a sound bundle", *self.faults])
