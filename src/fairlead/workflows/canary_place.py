"""Where a canary runs: its model's registry, ledger and file, and what it changes there."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from fairlead.errors import TrafficError
from fairlead.registry.ledger import Ledger
from fairlead.registry.port import ModelRegistry
from fairlead.registry.records import CHAMPION
from fairlead.registry.traffic import Traffic, read_traffic
from fairlead.workflows.canary_state import WHOLE, Canary, CanaryFile
from fairlead.workflows.traffic import Change, set_traffic

KIND = "canary"


@dataclass(frozen=True)
class Place:
    """Where a canary runs, and who runs it.

    Attributes:
        registry: where the model is.
        ledger: where each step, look and end is written down.
        file: how far it is.
        name: of the model.
        metric: by which quality is compared.
        actor: who asks, as `user@host`.
        default: the traffic that holds where none was ever set.
    """

    registry: ModelRegistry
    ledger: Ledger
    file: CanaryFile
    name: str
    metric: str
    actor: str
    default: Traffic | None = None

    def version(self, reference: str) -> int:
        """Number of the version behind an alias.

        Raises:
            ModelVersionNotFoundError: there is none.
        """
        return self.registry.resolve(self.name, reference).version

    def traffic(self) -> Traffic | None:
        """As it is set now; None where something else than Fairlead has written the note."""
        try:
            return read_traffic(self.registry.notes(self.name), self.default)
        except TrafficError:
            return None

    def set(self, traffic: Traffic, why: str) -> Change:
        """Ask for another traffic, see `fairlead.workflows.traffic.set_traffic`."""
        return set_traffic(
            self.registry,
            self.ledger,
            self.name,
            traffic,
            actor=self.actor,
            reason=why,
            default=self.default,
        )

    def all_to_champion(self, why: str) -> Change:
        """Give everything to the champion; sticky and another shadow stay."""
        present = self.traffic() or Traffic()
        shadow = None if present.shadow == CHAMPION else present.shadow
        return self.set(replace(present, weights={CHAMPION: WHOLE}, shadow=shadow), why)

    def write_down(self, canary: Canary, after: Any, reason: str) -> None:
        """Append what was found of a canary to the ledger.

        Raises:
            StorageError: it could not be written.
        """
        before = {"champion": canary.champion, "challenger": canary.challenger}
        self.ledger.append(
            KIND, self.name, actor=self.actor, reason=reason, before=before, after=after
        )
