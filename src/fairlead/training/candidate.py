"""A candidate of a project, checked: what is to be fitted, and with which members."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fairlead.models.combinations import COMBINATIONS
from fairlead.models.family import Family, Interpretability, family
from fairlead.project.spec import CandidateSpec, Method, TargetTransform
from fairlead.training.preprocessing import Features


@dataclass(frozen=True)
class Candidate:
    """One model to try, checked.

    Attributes:
        name: as in the project file.
        family_name: which family builds it, or which combination.
        parameters: as the family's own `parameters` class holds them.
        features: what it makes of the columns.
        seed: seeds everything random.
        transform_target: what is fitted is this function of the target.
        calibrate: how its probabilities are calibrated.
        members: the candidates that a combination combines.
    """

    name: str
    family_name: str
    parameters: Any
    features: Features
    seed: int
    transform_target: TargetTransform | None = None
    calibrate: Method | None = None
    members: tuple[Candidate, ...] = ()

    @property
    def family(self) -> Family:
        """The family; looked up anew, so that a candidate crosses process borders lightly."""
        return family(self.family_name)

    @property
    def interpretability(self) -> Interpretability:
        """How well people can follow it."""
        combination = COMBINATIONS.get(self.family_name)
        return (combination or self.family).interpretability

    def recorded(self) -> dict[str, Any]:
        """Everything that the project file says of it, defaults included, as JSON values."""
        near = self.features.neighbours
        told = {
            "without": list(self.features.without),
            "neighbours": near and near.model_dump(mode="json"),
            "transform_target": self.transform_target,
            "calibrate": self.calibrate,
        }
        given = {key: value for key, value in told.items() if value}
        return {**self.parameters.model_dump(mode="json"), **given}

    @classmethod
    def of(
        cls,
        name: str,
        spec: CandidateSpec,
        derived: Mapping[str, str],
        seed: int,
        others: Mapping[str, CandidateSpec] | None = None,
    ) -> Candidate:
        """A candidate of a project whose file was checked; members are looked up in `others`."""
        combination = COMBINATIONS.get(spec.family)
        kind = combination or family(spec.family)
        parameters: Any = kind.parameters.model_validate(spec.parameters)
        members = parameters.of if combination else ()
        return cls(
            name,
            spec.family,
            parameters,
            Features(derived, spec.without, spec.neighbours),
            seed,
            spec.transform_target,
            spec.calibrate,
            tuple(cls.of(each, (others or {})[each], derived, seed) for each in members),
        )
