"""How long the command line takes to start, beside its floors: `python benchmarks/startup.py`.

Each command runs ROUNDS times, in turn with the others, so that noise falls on all of them; the
median counts.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

ROUNDS = 11
COMMANDS = {
    "python -c pass": ["-c", "pass"],
    "import typer, rich": ["-c", "import typer, rich.console"],
    "import fairlead": ["-c", "import fairlead"],
    "fairlead --help": ["-m", "fairlead", "--help"],
    "load_bundle imported": ["-c", "from fairlead import load_bundle"],
}


def main() -> None:
    """Measure and print a table."""
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(ROUNDS):
        for name, arguments in COMMANDS.items():
            started = time.perf_counter()
            subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
            times[name].append(time.perf_counter() - started)
    floor = statistics.median(times["python -c pass"])
    print("| command | median, ms | × bare Python |\n| --- | ---: | ---: |")
    for name, measured in times.items():
        median = statistics.median(measured)
        print(f"| {name} | {median * 1e3:.0f} | {median / floor:.1f} |")


if __name__ == "__main__":
    main()
