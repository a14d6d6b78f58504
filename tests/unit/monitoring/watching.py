"""Observations as tests need them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from fairlead.evaluation.records import Estimate
from fairlead.monitoring.observation import Observation, Watched
from fairlead.monitoring.records import ColumnDrift, DriftReport, Quality, Window

START = datetime(2026, 1, 5, tzinfo=UTC)
DAY = timedelta(days=1)
COLUMNS = ("income", "age", "rooms", "ocean")
WATCHED = Watched("housing", "3", "ab" * 32, "run", START - 30 * DAY)


def column(
    name: str, *, drifted: bool = False, broken: bool = False, importance: float | None = 0.1
) -> ColumnDrift:
    return ColumnDrift(
        column=name,
        kind="number",
        method="wasserstein",
        effect=0.4 if drifted else 0.02,
        threshold=0.1,
        noise=0.05,
        missing=0.9 if broken else 0.0,
        missing_reference=0.0,
        unknown=0.0,
        unknown_reference=0.0,
        importance=importance,
        is_drifted=drifted,
        is_broken=broken,
        reason="90.0 % missing, before 0.0 %" if broken else "0.40 standard deviations away",
    )


def drift(
    window: Window,
    drifted: Sequence[str] = (),
    broken: Sequence[str] = (),
    *,
    rows: int = 400,
    prediction: bool = False,
) -> DriftReport:
    columns = tuple(
        column(name, drifted=name in drifted, broken=name in broken) for name in COLUMNS
    )
    share = len(drifted) / len(COLUMNS)
    verdict = "too_few_rows" if rows < 200 else "drifted" if share >= 0.5 else "stable"
    return DriftReport(
        reference="housing version 3 (training rows)",
        reference_rows=1000,
        rows=rows,
        window=window,
        columns=columns,
        prediction=column("prediction", drifted=prediction, importance=None),
        share=share,
        verdict=verdict,  # type: ignore[arg-type]
    )


def estimate(value: float, standard_error: float) -> Estimate:
    return Estimate(
        value, standard_error, value - 1.96 * standard_error, value + 1.96 * standard_error
    )


def quality(
    measured: float | None = None,
    expected: float | None = None,
    *,
    standard_error: float = 1.0,
    baseline: float = 100.0,
) -> Quality:
    """An error such as rmse: 100 when it was trained."""
    return Quality(
        metric="rmse",
        better="smaller",
        rows=400,
        labelled=300 if measured is not None else 3,
        measured=None if measured is None else estimate(measured, standard_error),
        expected=None if expected is None else estimate(expected, standard_error),
        baseline=estimate(baseline, 0.5),
    )


def day(number: float, length: timedelta = DAY) -> Window:
    end = START + number * DAY
    return Window(end - length, end)


def seen(
    number: float,
    drifted: Sequence[str] = (),
    broken: Sequence[str] = (),
    *,
    rows: int = 400,
    prediction: bool = False,
    labels: Quality | None = None,
    labels_of: Window | None = None,
    watched: Watched = WATCHED,
) -> Observation:
    """A look at the end of day `number`, which may be a fraction."""
    window = day(number)
    return Observation(
        watched=watched,
        window=window,
        drift=drift(window, drifted, broken, rows=rows, prediction=prediction),
        quality=() if labels is None else (labels,),
        quality_window=labels_of,
        last_prediction=window.end,
    )
