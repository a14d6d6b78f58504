"""Opens DuckDB."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fairlead.errors import ExtraMissingError

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


def duckdb_module() -> Any:
    """DuckDB itself.

    Raises:
        ExtraMissingError: it is not installed.
    """
    try:
        import duckdb
    except ModuleNotFoundError as error:
        raise ExtraMissingError("SQL over the prediction log", "monitor") from error
    return duckdb


def connection() -> DuckDBPyConnection:
    """A database in memory, which fetches nothing from the network."""
    settings = {
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        # What does not fit into memory; never in the present folder.
        "temp_directory": str(Path(tempfile.gettempdir()) / f"fairlead-{os.getpid()}"),
    }
    opened: DuckDBPyConnection = duckdb_module().connect(":memory:", config=settings)
    return opened
