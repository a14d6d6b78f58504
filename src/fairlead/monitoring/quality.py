"""Realised quality: what labels say of a window's predictions, beside what was promised."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add

import numpy as np
from numpy.typing import NDArray

from fairlead.evaluation.intervals import RESAMPLES
from fairlead.evaluation.metrics import find_metric
from fairlead.evaluation.records import Estimate
from fairlead.evaluation.report import evaluate
from fairlead.evaluation.slices import Cut
from fairlead.monitoring.labelled import LabelledRows, Seen
from fairlead.monitoring.records import Quality

Expect = Callable[[Seen, str], Estimate | None]
"""What to expect of a metric without labels; None where it cannot be told."""
Baselines = Mapping[str, Mapping[str, Estimate]]
"""Label of a version -> metric -> what it was on rows that the version had not seen."""


def realised(
    rows: LabelledRows,
    seen: Sequence[Seen],
    metrics: Sequence[str],
    baselines: Baselines,
    *,
    min_rows: int,
    cuts: Sequence[Cut] = (),
    min_slice_rows: int = 30,
    expect: Expect | None = None,
    resamples: int = RESAMPLES,
    seed: int = 42,
) -> tuple[Quality, ...]:
    """Score a window by its labels: all rows, each version, each route, each slice.

    Args:
        rows: the predictions that have a label.
        seen: all predictions of the same window.
        metrics: names, that of one class as `recall[setosa]`; the first one ranks, and slices are
            scored by it alone.
        baselines: of the versions; a metric that is not there has none.
        min_rows: with fewer labels nothing is measured.
        cuts: of the labelled rows. How many predictions of a slice have no label is not known:
            `rows` is the number of labelled ones there.
        min_slice_rows: the same for a slice.
        expect: the estimate without labels, if there is one.
        resamples: of the bootstrap.
        seed: seeds it.

    Returns:
        For each metric all together, each version, and the routes where there are several; then
        the slices.
    """

    def judged(metric: str, part: Part) -> Quality:
        labelled = rows.take(part.mask)
        enough = len(labelled) >= part.least
        measured = _measured(labelled, metric, resamples, seed) if enough else None
        return Quality(
            metric=metric,
            better=find_metric(metric, "classification" if rows.classes else "regression").better,
            rows=part.rows,
            labelled=len(labelled),
            measured=measured,
            expected=expect(part.seen, metric) if expect and part.seen else None,
            baseline=_baseline(labelled, part.seen, metric, baselines),
            version=part.version,
            route=part.route,
            slice=part.slice,
        )

    parts = _parts(rows, seen, min_rows)
    found = [judged(metric, part) for metric in metrics for part in parts]
    slices = _slices(cuts, len(rows), min_slice_rows)
    return (*found, *(judged(metrics[0], part) for part in slices))


@dataclass(frozen=True, eq=False)
class Part:
    """Rows that are judged together.

    Attributes:
        mask: shape (n,), which of the labelled rows.
        rows: predictions, labelled or not.
        seen: sums over them; None for a slice.
        least: labels below which nothing is measured.
        version, route, slice: what they have in common.
    """

    mask: NDArray[np.bool_]
    rows: int
    seen: Seen | None
    least: int
    version: str | None = None
    route: str | None = None
    slice: tuple[str, str] | None = None


def _parts(rows: LabelledRows, seen: Sequence[Seen], least: int) -> list[Part]:
    every = np.ones(len(rows), np.bool_)
    if not seen:
        return [Part(every, len(rows), None, least)]
    total = reduce(add, seen)
    parts = [Part(every, total.rows, total, least)]
    for name in sorted({each.version for each in seen}):
        own = reduce(add, [each for each in seen if each.version == name])
        parts.append(Part(rows.versions == name, own.rows, own, least, version=name))
    routes = sorted({each.route for each in seen})
    for name in routes if len(routes) > 1 else ():
        own = reduce(add, [each for each in seen if each.route == name])
        parts.append(Part(rows.routes == name, own.rows, own, least, route=name))
    return parts


def _slices(cuts: Sequence[Cut], count: int, least: int) -> list[Part]:
    parts = []
    for each in cuts:
        for code, label in enumerate(each.labels):
            mask = each.codes == code
            if count and mask.any():
                found = (each.column, label)
                parts.append(Part(mask, int(mask.sum()), None, least, slice=found))
    return parts


def _measured(rows: LabelledRows, metric: str, resamples: int, seed: int) -> Estimate | None:
    found = evaluate(rows.predictions, [metric], resamples=resamples, seed=seed).get(metric)
    return found if found is not None and found.is_defined else None


def _baseline(rows: LabelledRows, seen: Seen | None, metric: str, baselines: Baselines) -> Estimate:
    """That of the version; of several, the mean by how many of the labelled rows are theirs."""
    names, counts = np.unique(rows.versions, return_counts=True)
    if not len(names) and seen is not None and seen.version:
        names, counts = np.array([seen.version]), np.array([1])
    own = [baselines.get(name, {}).get(metric) for name in names.tolist()]
    if not own or any(each is None for each in own):
        return Estimate(math.nan)
    known = [each for each in own if each is not None]
    if len(known) == 1:
        return known[0]
    shares = counts / counts.sum()
    means = [
        float(shares @ np.array([getattr(each, name) for each in known]))
        for name in ("value", "standard_error", "low", "high")
    ]
    return Estimate(*means)
