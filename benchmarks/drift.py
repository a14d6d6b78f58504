"""What drift over ten million logged rows costs: `python benchmarks/drift.py housing.csv`.

Rows of housing, drawn with replacement, are logged one a request in the form of the prediction
log: its header, its lines, its segments of about 16 MiB, spread over a day. Then sketches are made,
in a process of its own, and the whole command `fairlead drift` is run in another one, ROUNDS times.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from fairlead.bundle.golden import Scores
from fairlead.bundle.sketch import sketch
from fairlead.data.enforcement import read_dataset
from fairlead.project.loading import load_project
from fairlead.serving.prediction_log import PredictionLog, _lines
from fairlead.serving.prediction_segments import STAMP, reference_path

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "docs" / "benchmarks" / "drift.json"
ROWS, SEGMENT_ROWS, BLOCKS, ROUNDS = 10_000_000, 100_000, 10, 5
END = datetime(2026, 11, 25, tzinfo=UTC)
DIGEST = "b" * 64
PEAK = (
    "import atexit, sys, time\n"
    "atexit.register(lambda: sys.stderr.write(\n"
    "    next(line for line in open('/proc/self/status') if line.startswith('VmHWM'))\n"
    "    + str(time.process_time())))"
)
COMMAND = "from fairlead.cli.main import main; main()"
MAKE = (
    "import sys, time\n"
    "from pathlib import Path\n"
    "from fairlead.monitoring.records import Window\n"
    "from fairlead.workflows.drift import window_until, sketches_of\n"
    "from fairlead.workflows.sketching import References\n"
    "from datetime import datetime\n"
    "start = time.process_time()\n"
    "window = window_until('24h', datetime.fromisoformat(sys.argv[2]))\n"
    "sketches_of(Path(sys.argv[1]), 'housing', window, References())\n"
    "print(time.process_time() - start)\n"
)


def write_log(folder: Path, data: Path) -> int:
    """Log the rows; returns the bytes written."""
    project = load_project(ROOT / "projects" / "housing")
    dataset = read_dataset(data, project.spec.task, project.spec.data)
    log = PredictionLog(folder)
    target = log.target("housing", "3", DIGEST, dataset.contract)
    log.close()
    rng = np.random.default_rng(42)
    target.folder.mkdir(parents=True)
    document = sketch(dataset.contract, dataset.X, np.asarray(dataset.y, np.float64))
    reference_path(target.folder, DIGEST).write_text(json.dumps(document))
    blocks = []
    for _ in range(BLOCKS):
        chosen = rng.choice(len(dataset.X), SEGMENT_ROWS)
        X, y = dataset.X[chosen], np.asarray(dataset.y[chosen], np.float64)
        at = END.timestamp() - 3600
        group = [
            (
                target,
                at,
                f"{row:032x}",
                "champion",
                X[row : row + 1],
                Scores(y[row : row + 1]),
                2e-4,
                None,
            )
            for row in range(SEGMENT_ROWS)
        ]
        blocks.append(target.header + msgspec.json.Encoder().encode_lines(_lines(target, group)[0]))
    size = 0
    count = ROWS // SEGMENT_ROWS
    for number in range(count):
        began = END - timedelta(hours=24) * (count - number) / count
        content = blocks[number % BLOCKS]
        (target.folder / f"{began:{STAMP}}-1-{number:08x}.jsonl").write_bytes(content)
        size += len(content)
    return size


def run(program: str, *arguments: str) -> tuple[float, float, str, float]:
    """Seconds, peak memory in MB, output, and seconds of CPU of a process of its own."""
    # The peak that the system tells of a child is not below that of its parent before it.
    command = [sys.executable, "-c", f"{PEAK}\n{program}", *arguments]
    started = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - started
    assert done.returncode in (0, 3), done.stderr
    *_, peak_kb, _, cpu_s = done.stderr.split()
    return seconds, int(peak_kb) / 1024, done.stdout, float(cpu_s)


def measure(folder: Path, data: Path) -> dict[str, Any]:
    """Write, sketch, and ask."""
    size = write_log(folder, data)
    _, memory, told, _ = run(MAKE, str(folder), END.isoformat())
    sketches = list(folder.glob("*/*/sketches/*/*.sketch"))
    command = ["drift", "--folder", str(folder), "--json", "--model", "housing"]
    command += ["--window", "24h", "--until", f"{END:%Y-%m-%dT%H:%M}"]
    asked = [run(COMMAND, *command) for _ in range(ROUNDS)]
    report = json.loads(asked[0][2])
    for path in folder.glob("*/*/*.jsonl"):
        path.unlink()
    # A log whose rows have gone is asked as before.
    alone = [run(COMMAND, *command) for _ in range(ROUNDS)]
    assert json.loads(alone[0][2]) == report
    return {
        "rows": report["rows"],
        "columns": len(report["columns"]),
        "segments": len(sketches),
        "segments_mb": round(size / 2**20),
        "sketches_mb": round(sum(path.stat().st_size for path in sketches) / 2**20, 2),
        "sketching_cpu_s_per_million": round(float(told) / (report["rows"] / 1e6), 2),
        "sketching_peak_mb": round(memory),
        "drift_s": round(statistics.median(each[0] for each in asked), 2),
        "drift_slowest_s": round(max(each[0] for each in asked), 2),
        "drift_cpu_s": round(statistics.median(each[3] for each in asked), 2),
        "drift_peak_mb": round(max(each[1] for each in asked)),
        "drift_without_rows_s": round(statistics.median(each[0] for each in alone), 2),
        "verdict": report["verdict"],
        "load_before": round(os.getloadavg()[0], 1),
    }


def main() -> None:
    """Measure and write the results."""
    folder = Path(tempfile.mkdtemp(prefix="fairlead-drift-"))
    try:
        found = measure(folder, Path(sys.argv[1]))
    finally:
        shutil.rmtree(folder)
    text = json.dumps(found, indent=1)
    if found["rows"] == ROWS:
        RESULTS.write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
