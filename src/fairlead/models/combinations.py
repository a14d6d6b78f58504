"""Candidates that combine other candidates of the same project: which there are, and their keys."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationError

from fairlead.errors import Problem
from fairlead.models.family import Interpretability, Parameters, family
from fairlead.project.columns import Task
from fairlead.project.parts import SpecFault
from fairlead.project.problems import closest, refusals, shown
from fairlead.project.spec import CandidateSpec, ProjectSpec

FINAL: dict[Task, tuple[str, ...]] = {
    "regression": ("ridge", "linear"),
    "classification": ("logistic",),
}
"""Families of a stack's final model, the default first. Weighted sums: a tree might take another
branch for a member's last bit."""
Members = Annotated[tuple[str, ...], Field(min_length=2)]


class CombinationParameters(Parameters):
    """What every combination is told."""

    of: Members
    """Names of the candidates that it combines; none of them combines others itself."""

    def faults(self) -> Iterator[SpecFault]:
        """Each member once."""
        for name, times in Counter(self.of).items():
            if times > 1:
                place = len(self.of) - 1 - self.of[::-1].index(name)
                yield SpecFault(f"of[{place}]", f"`{name}` once more", "each candidate once")


class BlendParameters(CombinationParameters):
    """Parameters of `blend`: the weighted mean of its members."""

    weights: Literal["fitted"] | tuple[float, ...] = "fitted"
    """The weight of each member, in their order and relative to each other; `fitted` finds those
    that are best (squared error, log loss) on predictions of rows that the members have not
    seen."""

    def faults(self) -> Iterator[SpecFault]:
        """A weight for each member, and something to weigh."""
        yield from super().faults()
        if self.weights == "fitted":
            return
        if len(self.weights) != len(self.of):
            found = f"{len(self.weights)} for {len(self.of)} members"
            yield SpecFault("weights", found, "a weight for each member")
        elif min(self.weights) < 0 or not sum(self.weights):
            found = ", ".join(f"{weight:g}" for weight in self.weights)
            yield SpecFault("weights", f"`{found}`", "weights >= 0, at least one of them > 0")


def _spelt_out(value: object) -> object:
    return {"family": value} if isinstance(value, str) else value


class StackParameters(CombinationParameters):
    """Parameters of `stack`: a model over the predictions of its members."""

    final: (
        Annotated[CandidateSpec, BeforeValidator(_spelt_out, json_schema_input_type=str | dict)]
        | None
    ) = None
    """The family, or family and parameters, of the model that is fitted on what the members predict
    for rows that they have not seen: `ridge` (default) or `linear`, `logistic` for classes."""


@dataclass(frozen=True)
class Combination:
    """A way to combine candidates.

    Attributes:
        name: what stands for `family` in a project file.
        parameters: the keys beside it.
        interpretability: how well people can follow the result.
    """

    name: str
    parameters: type[CombinationParameters]
    interpretability: Interpretability = "low"


COMBINATIONS = {
    each.name: each
    for each in (Combination("blend", BlendParameters), Combination("stack", StackParameters))
}


def final_spec(parameters: StackParameters, task: Task) -> CandidateSpec:
    """The final model of a stack."""
    return parameters.final or CandidateSpec(family=FINAL[task][0])


def check_combination(name: str, candidate: CandidateSpec, spec: ProjectSpec) -> Iterator[Problem]:
    """What is wrong with a combination; `where` is the path below the candidate."""
    kind = COMBINATIONS[candidate.family].parameters
    try:
        parameters: Any = kind.model_validate(candidate.parameters)
    except ValidationError as error:
        for refusal in refusals(error, candidate.parameters, kind):
            yield refusal.problem
        return
    simple = [other for other, each in spec.candidates.items() if each.family not in COMBINATIONS]
    for index, member in enumerate(parameters.of):
        if member in simple:
            continue
        combines = member != name and member in spec.candidates
        found = "itself" if member == name else shown(member)
        found = f"{found}, which combines others itself" if combines else found
        yield Problem(f"of[{index}]", found, closest(member, simple))
    for key in ("without", "neighbours", "transform_target"):
        if key in candidate.model_fields_set:
            yield Problem(key, f"`{key}`", "it at the members instead")
    if isinstance(parameters, StackParameters) and parameters.final:
        yield from _final_problems(parameters.final, spec)


def _final_problems(final: CandidateSpec, spec: ProjectSpec) -> Iterator[Problem]:
    known = FINAL[spec.task]
    if final.family not in known:
        yield Problem("final", shown(final.family), closest(final.family, known))
        return
    for key in ("without", "neighbours", "transform_target", "calibrate"):
        if key in final.model_fields_set:
            yield Problem(f"final.{key}", f"`{key}`", "it at the stack or its members instead")
    chosen = family(final.family)
    try:
        chosen.parameters.model_validate(final.parameters)
    except ValidationError as error:
        for refusal in refusals(error, final.parameters, chosen.parameters):
            problem = refusal.problem
            yield Problem(f"final.{problem.where}", problem.found, problem.expected)
