"""`python -m benchmarks.gates --pair FOLDER ONE OTHER ROWS ...`: shares that the gates let pass.

Each FOLDER is a project that was trained with both candidates. Writes `gates.json` and
`gates.png` to the folder of the benchmarks' pages.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.gates.pairs import Pool, pool_of, project_at
from benchmarks.gates.picture import draw

from fairlead.data.contract import Contract
from fairlead.registry.comparisons import beats_champion
from fairlead.registry.decisions import overall
from fairlead.registry.gates import Evidence, judge, terms_of

PAIRS = 300
KINDS = ("equal", "better_2_se", "better_2_paired_se", "worse_2_se")


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pair", nargs=4, action="append", required=True)
    parser.add_argument("--pairs", type=int, default=PAIRS)
    parser.add_argument("--out", type=Path, default=Path("docs/benchmarks"))
    asked = parser.parse_args()
    found = []
    for folder, one, other, rows in asked.pair:
        project = project_at(Path(folder))
        pool = pool_of(project, one, other)
        found.append(measure(pool, (one, other), int(rows), asked.pairs))
        print(json.dumps(found[-1], indent=1), flush=True)
    document = {"pairs": asked.pairs, "settings": found}
    (asked.out / "gates.json").write_text(json.dumps(document, indent=1) + "\n")
    draw(document, asked.out / "gates.png")


def measure(pool: Pool, names: tuple[str, str], rows: int, pairs: int) -> dict[str, Any]:
    """Ask the gates of so many pairs of each kind."""
    error, paired = pool.standard_error(rows), pool.paired_error(rows)
    gains = dict(zip(KINDS, (0.0, 2 * error, 2 * paired, -2 * error), strict=True))
    started = time.perf_counter()
    return {
        "project": pool.project.spec.name,
        "candidates": names,
        "metric": pool.project.spec.evaluation.metric,
        "rows": rows,
        "correlation": pool.correlation,
        "standard_error": error,
        "paired_standard_error": paired,
        "kinds": {kind: shares(pool, rows, gain, pairs) for kind, gain in gains.items()},
        "seconds": round(time.perf_counter() - started, 1),
    }


def shares(pool: Pool, rows: int, gain: float, pairs: int) -> dict[str, Any]:
    """Which share of the pairs passes the comparison, and which share all gates."""
    spec = pool.project.spec
    spec = spec.model_copy(update={"promotion": spec.promotion.model_copy(update={"gates": ()})})
    contract = Contract(spec.task, {}, spec.data.target, pool.one.classes)
    first, every = 0, 0
    for seed in range(pairs):
        drawn = pool.draw(rows, gain, np.random.default_rng(seed))
        if beats_champion(drawn, terms_of(spec)).outcome != "pass":
            continue  # whatever the other gates say
        first += 1
        results = judge(spec, Evidence(contract, contract, {}, holdout=drawn))
        every += overall(results) == "pass"
    print(f"{spec.name}, gain {gain:.5g}: {first} beat, {every} pass of {pairs}", file=sys.stderr)
    return {
        "gain": gain,
        "beats_champion": first / pairs,
        "all_gates": every / pairs,
        "standard_error": math.sqrt(every / pairs * (1 - every / pairs) / pairs),
    }


if __name__ == "__main__":
    main()
