"""Frozen facts about what is served."""

from __future__ import annotations

from dataclasses import dataclass

SHORT_DIGEST = 12


@dataclass(frozen=True)
class ServedVersion:
    """How the registry calls the bundle that is served.

    Attributes:
        number: the model version; None for a bundle that is served by its path.
        alias: the name by which it was asked for, such as `champion`.
    """

    number: int | None = None
    alias: str | None = None

    def label(self, digest: str) -> str:
        """The version in headers and metrics: its number, or the start of the bundle's digest."""
        return digest[:SHORT_DIGEST] if self.number is None else str(self.number)
