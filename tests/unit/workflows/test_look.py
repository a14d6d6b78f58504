"""A look tells what it can, and what it cannot."""

from __future__ import annotations

from datetime import datetime

import pytest
from tests.unit.monitoring.watching import START, WATCHED, day, drift, quality

from fairlead.bundle.reading import Bundle, load_bundle
from fairlead.errors import LogQueryError
from fairlead.monitoring.observation import Watched
from fairlead.monitoring.records import DriftReport, Window
from fairlead.testing.registry import sample_bundle
from fairlead.workflows.look import Eyes, Measured, look


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return load_bundle(sample_bundle(tmp_path_factory.mktemp("bundles"), threshold=4.0))


def test_a_part_that_fails_leaves_the_others(bundle: Bundle) -> None:
    def breaks(watched: Watched, own: Bundle, window: Window) -> DriftReport:
        raise ValueError("a value of a row")

    def fails() -> datetime:
        raise LogQueryError("nothing", "something")

    measured = Measured((quality(101.0),), day(1), last_label=START)
    eyes = Eyes(lambda: (WATCHED, bundle), breaks, lambda _: measured, fails)
    seen = look(eyes, day(3))
    assert seen.overall == quality(101.0)
    assert (seen.quality_window, seen.last_label) == (day(1), START)
    told = {each.step: each.what for each in seen.faults}
    assert told["drift"] == "ValueError; the log has where"
    assert "found nothing" in told["traffic"]


def test_what_nobody_looks_at_is_no_fault(bundle: Bundle) -> None:
    seen = look(Eyes(lambda: (WATCHED, bundle), lambda *_: drift(day(3))), day(3))
    assert seen.faults == ()
    assert seen.drift == drift(day(3))
    assert seen.overall is None
