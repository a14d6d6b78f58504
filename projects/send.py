"""Sends rows that the models have not seen to a service, until stopped, and keeps their labels.

Where a project has no holdout, they are all of its rows.
"""

from __future__ import annotations

import json
import sys
import time
import urllib.request
from itertools import count
from pathlib import Path

import numpy as np

import fairlead
from fairlead.bundle.golden import records
from fairlead.data.splits import holdout_split
from fairlead.workflows.read import read

PAUSE_S = 0.02
READY_S = 60


def main(project: Path, url: str, labels: Path) -> None:
    """Send one row after the other; a service that is not there for a minute is an error."""
    found = fairlead.load(project)
    dataset = read(found)
    train, holdout = holdout_split(found.spec.data.split, dataset)
    rows = np.random.default_rng(42).permutation(holdout if len(holdout) else train)
    sent = records(dataset.contract, dataset.X[rows])
    classes = dataset.contract.classes
    truth = [classes[int(value)] if classes else float(value) for value in dataset.y[rows]]
    answered = time.monotonic()
    with labels.open("w", buffering=1, encoding="utf-8") as file:
        file.write("prediction_id,label\n")
        for number in count():
            body = json.dumps(sent[number % len(rows)]).encode()
            headers = {"Content-Type": "application/json", "X-Request-ID": f"sent-{number}"}
            try:
                urllib.request.urlopen(
                    urllib.request.Request(url, body, headers), timeout=5
                ).close()
                file.write(f"sent-{number},{truth[number % len(rows)]}\n")
                answered = time.monotonic()
            except OSError:
                if time.monotonic() - answered > READY_S:
                    raise
            time.sleep(PAUSE_S)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
