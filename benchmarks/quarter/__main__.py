"""`python -m benchmarks.quarter`: a quarter of housing's and of obesity's life, in minutes.

Writes `quarter.md`, `quarter.json` and a picture of each project to the benchmarks' pages.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import polars as pl
from benchmarks.quarter.life import DAY, START, Life, better_of, summary, write
from benchmarks.quarter.page import page
from benchmarks.quarter.picture import draw
from benchmarks.quarter.stationary import repeat
from benchmarks.quarter.verdict import verdict
from benchmarks.quarter.world import DAYS, HOUSING, OBESITY, Scenery, World

ROOT = Path(__file__).resolve().parents[2]
FILES = {"housing": "housing.csv", "obesity": "ObesityDataSet_raw_and_data_sinthetic.csv"}


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quarter", description=__doc__)
    parser.add_argument("--days", type=int, default=DAYS)
    parser.add_argument(
        "--repetitions", type=int, default=200, help="of stationary weeks; 0 keeps what is known"
    )
    parser.add_argument("--only", choices=[*FILES], action="append")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "benchmarks")
    asked = parser.parse_args()
    os.environ.pop("MLFLOW_TRACKING_URI", None)
    mirror = Path(os.environ.get("FAIRLEAD_DATA_MIRROR", ROOT.parent / "shared" / "data"))
    folder = Path(tempfile.mkdtemp(prefix="quarter-"))
    file = asked.out / "quarter.json"
    known = json.loads(file.read_bytes()) if file.is_file() else {}
    found: dict[str, Any] = {}
    try:
        for scenery in (HOUSING, OBESITY):
            if asked.only and scenery.name not in asked.only:
                continue
            rows = pl.read_csv(mirror / FILES[scenery.name], infer_schema_length=None)
            still = known[scenery.name]["stationary"] if asked.repetitions == 0 else None
            found[scenery.name] = _quarter(scenery, rows, folder, asked, still)
            name = f"quarter-{scenery.name}.png"
            (asked.out / name).write_bytes(draw(found[scenery.name], scenery))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if asked.only:
        found = {**known, **found}
    write(file, found)
    losses = {each.name: each.noticed for each in (HOUSING, OBESITY)}
    (asked.out / "quarter.md").write_text(page(found, losses))


def _quarter(
    scenery: Scenery,
    rows: pl.DataFrame,
    folder: Path,
    asked: argparse.Namespace,
    still: dict[str, Any] | None,
) -> dict[str, Any]:
    started = time.perf_counter()
    life = Life(folder / scenery.name, World(scenery, rows), START)
    still = still or repeat(life, scenery, rows, asked.repetitions)
    print(f"{scenery.name}: {len(still['alerts'])} alerts in {still['repetitions']} repetitions")
    days = life.live(asked.days)
    document = {
        "metric": life.metric,
        "better": better_of(life.project),
        "baseline": life.result.leaderboard.ranked[0].holdout[life.metric].value,
        "per_day": scenery.per_day,
        "stationary": still,
        "worse": life.try_worse(life.start + (asked.days + 1) * DAY),
        "days": summary(days),
        "seconds": round(time.perf_counter() - started),
    }
    document["verdict"] = verdict(document, scenery)
    for line in document["verdict"]["told"]:
        print(line)
    return document


if __name__ == "__main__":
    main()
