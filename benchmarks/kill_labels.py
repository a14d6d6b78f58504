"""Kills imports of labels at random points; a second run must leave each label once.

`python -m benchmarks.kill_labels [--points 50] [--rows 20000]`. Each point is a process of its own,
forked when everything is imported, that imports a real file and gets SIGKILL at a random time
within what an import takes.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from fairlead.adapters.duckdb_log import DuckdbLog
from fairlead.adapters.duckdb_tables import read_table
from fairlead.data.contract import Contract
from fairlead.monitoring.labels import Imported
from fairlead.project.columns import ColumnSpec, TargetSpec
from fairlead.serving.labels import label_files
from fairlead.workflows.labels import import_file
from fairlead.workflows.prediction_log import steadily

MODEL, ENDED = "flowers", "finished first"
FLOWERS = Contract(
    "classification", {"length": ColumnSpec(type="number")}, TargetSpec(name="species"), ("a", "b")
)


def bring(file: Path, folder: Path) -> Imported:
    """Import the file, as the command does."""
    now = datetime.now(UTC)
    return import_file(file, folder, MODEL, FLOWERS, read_table, source="import", now=now)


def killed(file: Path, folder: Path, after_s: float) -> str:
    """Import in a process that is killed so long after its start; say what it left."""
    child = os.fork()
    if not child:
        bring(file, folder)
        os._exit(0)
    time.sleep(after_s)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    ended = ENDED if os.WIFEXITED(status) else "killed"
    return f"{ended}, {'whole file' if label_files(folder, MODEL) else 'nothing'}"


def check(file: Path, folder: Path, rows: int) -> None:
    """Run again, twice; each label must be there once."""
    left = label_files(folder, MODEL)
    again, once_more = bring(file, folder), bring(file, folder)
    assert again.is_written == (not left), "a whole import was imported again, or a part was kept"
    assert not once_more.is_written
    sql = "SELECT sum(sent)::BIGINT, count(*) FROM labels"
    answer = steadily(folder, MODEL, lambda found: DuckdbLog().query(found, sql))
    ((sent, labels),) = answer.rows
    assert (sent, labels) == (rows, rows), f"{sent} lines, {labels} labels, expected {rows}"


def main() -> int:
    """Kill so often as is asked, and tell what was left."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=50)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=42)
    options = parser.parse_args()
    rng, left = random.Random(options.seed), Counter[str]()  # noqa: S311
    with tempfile.TemporaryDirectory() as place:
        file, folder = Path(place, "labels.csv"), Path(place, "log")
        lines = "".join(f"r{row},{'ab'[row % 2]}\n" for row in range(options.rows))
        file.write_text(f"prediction_id,label\n{lines}")
        began = time.perf_counter()
        bring(file, folder)
        took_s = time.perf_counter() - began
        kills = 0
        while kills < options.points:
            shutil.rmtree(folder / MODEL / "labels")
            found = killed(file, folder, rng.uniform(0, 1.2 * took_s))
            left[found] += 1
            kills += not found.startswith(ENDED)
            check(file, folder, options.rows)
    for what, count in sorted(left.items()):
        print(f"{count:3d} times {what}")
    print(f"{options.points} kills: each label is there once")
    return 0


if __name__ == "__main__":
    sys.exit(main())
