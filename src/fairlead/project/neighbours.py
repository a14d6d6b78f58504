"""Features taken from the nearest training rows, as a candidate declares them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Annotated

from pydantic import Field

from fairlead.project.parts import Identifier, SpecFault, SpecPart, repeated


class NeighboursSpec(SpecPart):
    """What the training rows nearest to a row are like: weighted means, and how far they are.

    They are found among the rows that a model is fitted on, in every fold anew; a row that is
    fitted on is not its own neighbour. Weights are 1 / (distance + softening).
    """

    columns: dict[Identifier, Annotated[float, Field(gt=0)]] = Field(min_length=1, max_length=4)
    """The numbers that make two rows near -> what each is multiplied with before distances are
    taken: `{longitude: 0.8, latitude: 1}`."""
    k: tuple[Annotated[int, Field(ge=1, le=200)], ...] = Field(min_length=1)
    """Numbers of neighbours, rising; every mean is taken over each of them."""
    mean: tuple[Identifier, ...] = Field(min_length=1)
    """What is averaged: features, derived columns, and the target (classes: the share of each)."""
    ratio: dict[Identifier, Identifier] = Field(default={})
    """One of `mean` -> another, which is no target: the mean of the first, over that of the second,
    times the row's own second. `{price: income}`: what its income costs next door."""
    softening: float = Field(default=0.01, gt=0)
    """Distance, in the scaled columns, below which nearer rows hardly weigh more."""

    def faults(self) -> Iterator[SpecFault]:
        """Numbers of neighbours rise, and nothing is averaged twice."""
        if any(a >= b for a, b in pairwise(self.k)):
            found = ", ".join(map(str, self.k))
            yield SpecFault("k", f"`{found}`", "rising numbers, each once")
        for first, second in self.ratio.items():
            for name in (first, second):
                if name not in self.mean:
                    yield SpecFault(f"ratio.{first}", f"`{name}`", "two names of `mean`")
        twice = repeated(self.mean)
        if twice:
            yield SpecFault("mean", f"{', '.join(twice)} more than once", "each name once")

    def names(self, target: str, classes: tuple[str, ...]) -> tuple[str, ...]:
        """What the features are called: means of each k, ratios of each k, distances."""
        averaged = [
            name
            for source in self.mean
            for name in (
                [f"{source}={label}" for label in classes]
                if source == target and classes
                else [source]
            )
        ]
        means = [f"{name} of nearest {k}" for k in self.k for name in averaged]
        pairs = [f"{a} per {b} of nearest {k}" for k in self.k for a, b in self.ratio.items()]
        return (*means, *pairs, *(f"distance to nearest {k}" for k in self.k))
