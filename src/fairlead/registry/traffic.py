"""Which versions of a model answer which share of its requests, as the registry notes it."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fairlead.errors import TrafficError
from fairlead.project.parts import is_sticky
from fairlead.registry.port import ModelRegistry
from fairlead.registry.records import CHALLENGER, CHAMPION

if TYPE_CHECKING:
    from fairlead.project.spec import ServingSpec

NOTE = "fairlead.traffic"
KEYS = ("weights", "shadow", "sticky")

# An alias, a version's number, or the first digits of a bundle's digest.
ROUTE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}")


@dataclass(frozen=True)
class Sticky:
    """What keeps a caller on one route.

    Attributes:
        kind: `header` or `field`.
        name: of the header, in any case, or of the column.
    """

    kind: str
    name: str


@dataclass(frozen=True)
class Traffic:
    """How the requests of a model are shared out.

    Attributes:
        weights: alias or version number -> share, relative to the others; 0 answers none and
            keeps the version loaded.
        shadow: the version that sees a copy of what the others answer, and never answers itself
            because of that. It may have a share of its own.
        sticky: `header:<name>` or `field:<column>`: callers with the same value there get the
            same route.

    Raises:
        TrafficError: nobody would answer, or a part is not of its form.
    """

    weights: Mapping[str, float] = field(default_factory=lambda: {CHAMPION: 100.0})
    shadow: str | None = None
    sticky: str | None = None

    def __post_init__(self) -> None:
        problems = [*_weight_problems(self.weights), *_shadow_problems(self)]
        if self.sticky is not None:
            try:
                parse_sticky(self.sticky)
            except TrafficError as error:
                problems += error.problems
        if problems:
            raise TrafficError(tuple(problems))
        own = {route: float(weight) for route, weight in self.weights.items()}
        object.__setattr__(self, "weights", own)

    @property
    def references(self) -> tuple[str, ...]:
        """Every version that must be loaded, as it is referred to; the shadow last."""
        return tuple(dict.fromkeys((*self.weights, *([self.shadow] if self.shadow else []))))

    def shares(self) -> dict[str, float]:
        """Alias or version number -> percent of the requests."""
        total = math.fsum(self.weights.values())
        return {route: 100 * weight / total for route, weight in self.weights.items()}

    def to_json(self) -> dict[str, Any]:
        """As the note, the ledger and the admin routes hold it."""
        return {"weights": dict(self.weights), "shadow": self.shadow, "sticky": self.sticky}

    def __str__(self) -> str:
        parts = [f"{route} {share:g} %" for route, share in self.shares().items()]
        parts += [f"{key} {value}" for key in KEYS[1:] if (value := getattr(self, key))]
        return ", ".join(parts)


def parse_sticky(text: str) -> Sticky:
    """Read `header:<name>` or `field:<column>`.

    Raises:
        TrafficError: it is neither.
    """
    if not is_sticky(text):
        problem = f"sticky: found {text!r}, expected `header:<name>` or `field:<column>`"
        raise TrafficError((problem,))
    kind, _, name = text.partition(":")
    return Sticky(kind, name)


def from_json(document: Any) -> Traffic:
    """Read what `Traffic.to_json` wrote, or the same from outside.

    Raises:
        TrafficError: it is no such thing.
    """
    if not isinstance(document, dict) or not isinstance(document.get("weights"), dict):
        raise TrafficError(('expected an object with `weights`, such as {"champion": 100}',))
    unknown = sorted(document.keys() - set(KEYS))
    if unknown:
        problem = f"found {', '.join(map(repr, unknown))}, expected only {', '.join(KEYS)}"
        raise TrafficError((problem,))
    texts = {key: document.get(key) for key in KEYS[1:]}
    problems = [
        f"{key}: expected text or null"
        for key, value in texts.items()
        if not isinstance(value, str | None)
    ]
    if problems:
        raise TrafficError(tuple(problems))
    return Traffic(document["weights"], **texts)


def from_spec(serving: ServingSpec) -> Traffic:
    """What a project's file asks for; it holds until somebody sets the traffic."""
    shares = {CHAMPION: serving.champion, CHALLENGER: serving.challenger}
    weights = {route: share for route, share in shares.items() if share > 0}
    return Traffic(weights, serving.shadow, serving.sticky)


def read_traffic(notes: Mapping[str, str], default: Traffic | None = None) -> Traffic:
    """The traffic that the notes on a model ask for.

    Args:
        notes: as `ModelRegistry.notes` gives them.
        default: what holds where it was never set; all to the champion if None.

    Raises:
        TrafficError: the note is not one that Fairlead wrote.
    """
    noted = notes.get(NOTE)
    if noted is None:
        return Traffic() if default is None else default
    try:
        document = json.loads(noted)
    except ValueError:
        raise TrafficError((f"the note {NOTE} on the model is not JSON",)) from None
    return from_json(document)


def write_traffic(registry: ModelRegistry, name: str, traffic: Traffic) -> None:
    """Note on a model how its requests are to be shared out.

    Raises:
        ModelVersionNotFoundError: there is no such model.
    """
    registry.set_note(name, NOTE, json.dumps(traffic.to_json()))


def _weight_problems(weights: Mapping[Any, Any]) -> list[str]:
    problems = []
    for route, weight in weights.items():
        if not isinstance(route, str) or not ROUTE.fullmatch(route):
            problems.append(f"found {route!r}, expected an alias or the number of a version")
        if isinstance(weight, bool) or not isinstance(weight, int | float):
            problems.append(f"{route}: expected a number as the share")
        elif not (0 <= weight <= 1e9):  # NaN is in no range
            problems.append(f"{route}: found {weight:g} as the share, expected 0 or more")
    if not problems and not any(weight > 0 for weight in weights.values()):
        problems.append("nobody answers: expected a share above 0")
    return problems


def _shadow_problems(traffic: Traffic) -> list[str]:
    shadow = traffic.shadow
    if shadow is None:
        return []
    if not ROUTE.fullmatch(shadow):
        return [f"shadow: found {shadow!r}, expected an alias or the number of a version"]
    if all(route == shadow or not weight for route, weight in traffic.weights.items()):
        return [f"shadow: {shadow} answers everything, there is nobody to compare it with"]
    return []
