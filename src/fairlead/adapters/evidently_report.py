"""Has Evidently draw its drift report, in a process of its own that does not stay."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fairlead.errors import ExtraMissingError, StorageError
from fairlead.storage import write_whole

if TYPE_CHECKING:
    import polars as pl

    from fairlead.workflows.drift import Sides

TIMEOUT_S = 300
ROWS, PAGE, FOUND = "rows.json", "report.html", "found.json"


def write_report(sides: Sides, page: Path) -> list[dict[str, Any]]:
    """Draw the report of two tables to an HTML file that needs no other.

    Columns without a value on one side are left out: Evidently would stop at them.

    Args:
        sides: rows of the reference and of now; some thousands of each, or it takes long.
        page: the file.

    Returns:
        What Evidently says of the whole and of each column, as it names it.

    Raises:
        ExtraMissingError: Evidently is not installed.
        StorageError: the page could not be made.
    """
    if find_spec("evidently") is None:
        raise ExtraMissingError("Evidently's report", "evidently")
    with tempfile.TemporaryDirectory(prefix="fairlead-") as name:
        folder = Path(name)
        _lay_out(sides, folder, page)
        _run(folder, page)
        write_whole(page, (folder / PAGE).read_bytes())
        found: list[dict[str, Any]] = json.loads((folder / FOUND).read_text())
    return found


def _lay_out(sides: Sides, folder: Path, page: Path) -> None:
    """Write what the other process reads."""
    tables = [
        {name: _plain(frame[name], kind) for name, kind in sides.kinds.items()}
        for frame in (sides.reference, sides.current)
    ]
    kinds = {
        name: kind
        for name, kind in sides.kinds.items()
        if all(any(value is not None for value in table[name]) for table in tables)
    }
    if not kinds:
        raise StorageError(page, "no column has values on both sides")
    document = {"kinds": kinds, "reference": tables[0], "current": tables[1]}
    (folder / ROWS).write_text(json.dumps(document))


def _run(folder: Path, page: Path) -> None:
    command = [sys.executable, "-W", "ignore", "-m", __name__, str(folder)]
    environment = {**os.environ, "DO_NOT_TRACK": "1"}
    try:
        subprocess.run(  # noqa: S603
            command, env=environment, check=True, capture_output=True, timeout=TIMEOUT_S
        )
    except subprocess.TimeoutExpired as error:
        raise StorageError(page, f"Evidently took more than {TIMEOUT_S} s") from error
    except subprocess.CalledProcessError as error:
        last = error.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise StorageError(page, f"Evidently failed: {last}") from error


def _plain(series: pl.Series, kind: str) -> list[Any]:
    """A column as JSON has it: numbers, or texts; None for a missing value."""
    import polars as pl

    if kind == "category":
        return series.cast(pl.String).to_list()
    if series.dtype in (pl.Date, pl.Datetime):
        series = series.cast(pl.Datetime("us")).dt.epoch("us") / 1e6
    return series.cast(pl.Float64).fill_nan(None).to_list()


def _draw(folder: Path) -> None:
    """What the other process does: both tables in plain float64 and text, and their kinds."""
    import pandas as pd
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset

    document = json.loads((folder / ROWS).read_text())
    kinds: dict[str, str] = document["kinds"]
    numbers = [name for name, kind in kinds.items() if kind == "number"]
    definition = DataDefinition(
        numerical_columns=numbers,
        categorical_columns=[name for name in kinds if name not in numbers],
    )
    reference, current = (
        Dataset.from_pandas(
            pd.DataFrame(
                {
                    name: pd.Series(
                        document[side][name],
                        dtype="float64" if kind == "number" else "object",
                    )
                    for name, kind in kinds.items()
                }
            ),
            data_definition=definition,
        )
        for side in ("reference", "current")
    )
    result = Report([DataDriftPreset()]).run(current, reference)
    result.save_html(str(folder / PAGE))
    found = json.loads(result.json())["metrics"]
    (folder / FOUND).write_text(json.dumps(found))


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        _draw(Path(argument))
