"""Compares Fairlead with its peers on this machine: `make bench`.

Takes an hour with everything; `make bench BENCH=--quick` is one short round without peers.
"""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path

from benchmarks.serving import drills
from benchmarks.serving.claims import table_of
from benchmarks.serving.environments import ROOT, build, python_of, versions
from benchmarks.serving.machine import UnfitMachineError, facts, prepare
from benchmarks.serving.measure import Bench, Plan
from benchmarks.serving.models import CANDIDATES, models
from benchmarks.serving.report import write
from benchmarks.serving.servers import SERVERS
from benchmarks.serving.summary import same_row_claims

DRILL_S = 30.0
PLAN = Plan(rounds=3, log_rounds=7, seconds=3, crowd_seconds=8)
QUICK = Plan(rounds=1, log_rounds=1, seconds=2, crowd_seconds=2)
OWN_PACKAGES = ["fairlead", "onnxruntime", "uvicorn"]


def main() -> int:
    """Measure, write, and say what was missed; returns the exit code."""
    options = _parser().parse_args()
    # Servers are ended on the way out, whatever ends this.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    names = list(SERVERS) if options.servers is None else options.servers.split(",")
    if options.quick and options.servers is None:
        names = [name for name in names if SERVERS[name].environment is None]
    # Before this process keeps to one core: the drills' callers and workers need both.
    drilled = [] if options.quick else drills.run(DRILL_S)
    try:
        core, load_core = prepare()
        environments = sorted({SERVERS[name].environment for name in names} - {None})
        for peer in sorted({*environments, "mlflow"}):
            build(peer)
        machine = facts() | {"versions": _versions(environments)}
        trained = models()
    except UnfitMachineError as error:
        print(f"cannot measure here: {error}", file=sys.stderr)
        return 2
    plan = QUICK if options.quick else PLAN
    chosen = {name: model for name, model in trained.items() if name in options.models.split(",")}
    bench = Bench(core, load_core, plan, chosen)
    overloads = bench.overloads() if "fairlead" in names else []
    same_row = bench.same_row() if "fairlead" in names else {}
    names = [name for name in names if name != "fairlead-no-log"]
    results = bench.run(names)
    promised = write(
        options.out, results, overloads, [*same_row_claims(same_row), *drilled], plan, machine
    )
    print("\n".join(table_of(promised)))
    print(f"\nwritten to {options.out}")
    return 1 if results.failed or not all(claim.met for claim in promised) else 0


def _versions(environments: list[str]) -> dict[str, str]:
    found = versions(Path(sys.executable), OWN_PACKAGES)
    for peer in environments:
        # An environment is named by what it is made for.
        found |= versions(python_of(peer), [peer, "scikit-learn"])
    return found


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.serving", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one short round, no peers")
    parser.add_argument("--servers", help=f"of these, with commas: {', '.join(SERVERS)}")
    parser.add_argument("--models", default=",".join(CANDIDATES), help="which of the models")
    out = ROOT / "docs" / "benchmarks"
    parser.add_argument("--out", type=Path, default=out, help="folder of the results")
    return parser


if __name__ == "__main__":
    sys.exit(main())
