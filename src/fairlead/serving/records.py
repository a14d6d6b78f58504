"""How versions are called where they are served."""

from __future__ import annotations

SHORT_DIGEST = 12
SHADOW = "shadow"
"""Route under which a shadow's predictions are logged."""


def label_of(number: int | None, digest: str) -> str:
    """A version in paths, headers and metrics: its number, or the start of the bundle's digest."""
    return digest[:SHORT_DIGEST] if number is None else str(number)
