"""Names and values as DuckDB's SQL quotes them."""

from __future__ import annotations

from collections.abc import Sequence


def name_text(name: str) -> str:
    """A name of a column."""
    return '"' + name.replace('"', '""') + '"'


def text(value: object) -> str:
    """A value as text."""
    return "'" + str(value).replace("'", "''") + "'"


def texts(values: Sequence[object]) -> str:
    """A list of texts."""
    return f"[{', '.join(text(value) for value in values)}]"
