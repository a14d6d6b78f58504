from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from fairlead.serving.memory import keep_large_apart, release

SMAPS = Path("/proc/self/smaps_rollup")


def anonymous_mb() -> float:
    found = re.search(r"^Anonymous: +(\d+)", SMAPS.read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1]) / 1024


@pytest.mark.skipif(not SMAPS.exists(), reason="Linux tells how much memory a process holds")
def test_what_is_freed_goes_back_to_the_system() -> None:
    keep_large_apart()
    release()
    before = anonymous_mb()
    # Too small to have pages of their own; the last one holds the end of the heap in place.
    blocks = [np.ones(8_000) for _ in range(400)]
    held = blocks[-1]
    grown = anonymous_mb()
    del blocks
    release()
    assert grown - before > 20
    assert anonymous_mb() - before < 5
    assert held.sum() == 8_000
