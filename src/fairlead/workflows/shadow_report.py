"""Reports how a shadow answered beside the versions that callers heard, by the prediction log."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from fairlead.monitoring.agreement import (
    Agreement,
    Differences,
    Logged,
    paired_quality,
    with_labels,
)
from fairlead.monitoring.records import Window
from fairlead.workflows.prediction_log import LogDatabase, ask, models_of

QUANTILES = (0.5, 0.9, 0.99, 1.0)
POINTS = 2000
MOST_LABELLED = 50_000
# Of predictions that share an id, the last counts: callers may give their own ids.
PAIRS = """
WITH answered AS (
    SELECT * FROM predictions WHERE route <> 'shadow' AND {window}
    QUALIFY row_number() OVER (PARTITION BY prediction_id ORDER BY time DESC) = 1
), shadowed AS (
    SELECT prediction_id, version, prediction, probabilities FROM predictions
    WHERE route = 'shadow' AND time >= {start}
    QUALIFY row_number() OVER (PARTITION BY prediction_id ORDER BY time DESC) = 1
), pairs AS (
    SELECT a.*, b.version AS shadow, b.prediction AS shadowed,
        b.probabilities AS shadowed_probabilities, {difference} AS difference,
        a.prediction IS NOT DISTINCT FROM b.prediction AS agreed
    FROM answered a JOIN shadowed b USING (prediction_id) WHERE a.version <> b.version
)
"""
OF_CLASSES = """coalesce(list_max(list_transform(map_keys(a.probabilities),
    lambda x: abs(a.probabilities[x] - coalesce(b.probabilities[x], 0)))),
    (a.prediction IS DISTINCT FROM b.prediction)::INTEGER)"""
OF_NUMBERS = "abs(b.prediction - a.prediction)"


@dataclass(frozen=True)
class ShadowReport:
    """The shadows of a time, each beside each version that answered.

    Attributes:
        model: name that it is served under.
        window: when callers were answered.
        metric: of the quality.
        agreements: the pair with the most rows first.
    """

    model: str
    window: Window
    metric: str
    agreements: tuple[Agreement, ...]

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {
            **vars(self),
            "window": self.window.to_json(),
            "agreements": [each.to_json() for each in self.agreements],
        }


@dataclass(frozen=True)
class _Log:
    """Asks the pairs of a window."""

    folder: Path
    model: str
    database: LogDatabase
    pairs: str

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        return list(ask(self.folder, self.pairs + sql, self.database, self.model).rows)


def shadow_report(
    folder: Path,
    model: str,
    window: Window,
    database: LogDatabase,
    *,
    metric: str,
    is_regression: bool,
    rows: int = 10,
) -> ShadowReport:
    """Compare what a shadow said with what callers got, row by row.

    Args:
        folder: of the prediction log.
        model: name that it is served under.
        window: when callers were answered.
        database: that reads the log.
        metric: by which labelled rows are compared.
        is_regression: whether numbers are predicted.
        rows: how many of the rows that differ most are told.

    Raises:
        LogQueryError: the log cannot be read.
        ExtraMissingError: the database is not installed.
    """
    if model not in models_of(folder):
        return ShadowReport(model, window, metric, ())
    start, end = (_moment(each) for each in (window.start, window.end))
    difference = OF_NUMBERS if is_regression else OF_CLASSES
    spoken = {"window": f"time >= {start} AND time < {end}", "start": start}
    log = _Log(folder, model, database, PAIRS.format(difference=difference, **spoken))
    found = log.ask(
        "SELECT version, shadow, count(*), count(*) FILTER (agreed) FROM pairs "
        "GROUP BY ALL ORDER BY count(*) DESC, version, shadow"
    )
    agreements = []
    for version, shadow, count, agreed in found:
        own = f"FROM pairs WHERE version = '{version}' AND shadow = '{shadow}'"
        agreement = Agreement(version, shadow, count, agreed, (), None, (), 0, None)
        agreement = (
            _numbers(log, own, agreement) if is_regression else _classes(log, own, agreement)
        )
        farthest = _farthest(log, own, rows)
        agreements.append(_quality(log, own, replace(agreement, farthest=farthest), metric))
    return ShadowReport(model, window, metric, tuple(agreements))


def _classes(log: _Log, own: str, agreement: Agreement) -> Agreement:
    counted = log.ask(f"SELECT prediction, shadowed, count(*) {own} GROUP BY ALL ORDER BY ALL")
    confusion = tuple((str(one), str(two), count) for one, two, count in counted)
    return replace(agreement, confusion=confusion)


def _numbers(log: _Log, own: str, agreement: Agreement) -> Agreement:
    wanted = ", ".join(map(str, QUANTILES))
    ((mean, absolute, quantiles),) = log.ask(
        "SELECT avg(shadowed - prediction), avg(difference), "
        f"quantile_cont(difference, [{wanted}]) {own}"
    )
    points = log.ask(
        f"SELECT prediction, shadowed {own} AND difference IS NOT NULL "
        f"ORDER BY md5(prediction_id) LIMIT {POINTS}"
    )
    if mean is None:
        return agreement
    shares = {f"{q:g}": value for q, value in zip(QUANTILES, quantiles, strict=True)}
    differences = Differences(mean, absolute, shares)
    return replace(agreement, differences=differences, points=tuple(points))


def _farthest(log: _Log, own: str, rows: int) -> tuple[dict[str, Any], ...]:
    hidden = "time, model, version, route, duration_us, agreed, shadow, probabilities, "
    first = "prediction_id, prediction, shadowed, difference, label"
    hidden += f"shadowed_probabilities, unknown, labelled_at, {first}"
    sql = f"SELECT {first}, * EXCLUDE ({hidden}) {own} ORDER BY difference DESC NULLS LAST, 1 "
    found = ask(log.folder, f"{log.pairs}{sql} LIMIT {rows}", log.database, log.model)
    names = ("id", "primary", "shadow", "difference", "label")
    features = found.columns[len(names) :]
    return tuple(
        {
            **dict(zip(names, row, strict=False)),
            "features": dict(zip(features, row[len(names) :], strict=True)),
        }
        for row in found.rows
    )


def _quality(log: _Log, own: str, agreement: Agreement, metric: str) -> Agreement:
    found = log.ask(
        f"SELECT prediction, probabilities, shadowed, shadowed_probabilities, label {own} "
        f"AND label IS NOT NULL ORDER BY md5(prediction_id) LIMIT {MOST_LABELLED}"
    )
    primary: list[Logged] = [(one, chances) for one, chances, *_ in found]
    shadow: list[Logged] = [(two, chances) for _, _, two, chances, _ in found]
    sides = with_labels([primary, shadow], [row[-1] for row in found])
    if sides is None:
        return agreement
    quality = paired_quality(sides[0], sides[1], metric)
    return replace(agreement, labelled=sides[0].rows, quality=quality)


def _moment(moment: datetime) -> str:
    return f"make_timestamp({round(moment.timestamp() * 1e6)})"
