"""The SQL that joins labels to logged predictions, and what becomes of its answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairlead.adapters.duckdb_text import name_text, text, texts
from fairlead.data.contract import Contract
from fairlead.data.encoding import UNKNOWN
from fairlead.monitoring.labelled import LabelledRows, Seen
from fairlead.monitoring.records import Window
from fairlead.project.columns import ColumnSpec, Task
from fairlead.serving.records import SHADOW

EPS = float(np.finfo(np.float64).eps)


def labels_table(paths: Sequence[Path], task: Task | None) -> str:
    """`CREATE TABLE labels`: one row for each prediction, with what was said of it last."""
    kind = "DOUBLE" if task == "regression" else "VARCHAR"
    if not paths:
        return (
            f"CREATE TABLE labels(prediction_id VARCHAR, label {kind}, labelled_at TIMESTAMP, "
            "received_at TIMESTAMP, sent BIGINT, corrections BIGINT)"
        )
    columns = f"{{t: 'BIGINT', id: 'VARCHAR', label: '{kind}', time: 'BIGINT'}}"
    lines = (
        f"read_json({texts(paths)}, format = 'newline_delimited', columns = {columns}, "
        "ignore_errors = true)"
    )
    # Two workers may give two labels the same microsecond: the same one must win each time.
    last = "struct_pack(t := t, label := label)"
    return (
        "CREATE TABLE labels AS SELECT id AS prediction_id, "  # noqa: S608
        f"arg_max(label, {last}) AS label, "
        f"make_timestamp(arg_max(coalesce(time, t), {last})) AS labelled_at, "
        "make_timestamp(max(t)) AS received_at, count(*) AS sent, "
        "count(DISTINCT label) - 1 AS corrections "
        f"FROM {lines} WHERE t IS NOT NULL AND id IS NOT NULL AND label IS NOT NULL GROUP BY id"
    )


def labelled_sql(
    contract: Contract, names: Mapping[str, str], window: Window | None, *, shadow: bool
) -> str:
    """The labelled predictions: `x0`…, `q0`… and the facts on each.

    Args:
        contract: whose columns and classes are wanted.
        names: column -> what it is called in the view, for those that are there.
        window: when they were made.
        shadow: whether the shadow's are wanted, or the others.
    """
    classes = contract.classes
    found = {
        f"x{index}": _encoded(column, name, names.get(name))
        for index, (name, column) in enumerate(contract.columns.items())
    }
    found |= {f"q{index}": _share(label) for index, label in enumerate(classes)}
    coded = {
        name: f"list_position({texts(classes)}, {name}::VARCHAR) - 1"
        if classes
        else f"try_cast({name} AS DOUBLE)"
        for name in ("prediction", "label")
    }
    of_x = "".join(f", {value} AS {name}" for name, value in found.items())
    return (
        "SELECT prediction_id, epoch_us(time) AS t, version, route, "  # noqa: S608
        f"epoch_us(labelled_at) AS known, {coded['prediction']} AS y_pred, "
        f"{coded['label']} AS y{of_x} FROM predictions "
        f"WHERE label IS NOT NULL AND {_which(window, shadow=shadow)} "
        "AND y IS NOT NULL AND y_pred IS NOT NULL "
        # A caller may give an id twice: what was answered last is what counts.
        "QUALIFY row_number() OVER (PARTITION BY prediction_id ORDER BY time DESC, version) = 1 "
        "ORDER BY t, prediction_id"
    )


def labelled_of(answer: Mapping[str, NDArray[Any]], contract: Contract) -> LabelledRows:
    """What `labelled_sql` answers, as a record."""
    columns, classes = tuple(contract.columns), contract.classes
    kind = np.int64 if classes else np.float64
    X = _stacked(answer, "x", len(columns))
    return LabelledRows(
        ids=answer["prediction_id"].astype(np.str_),
        times=answer["t"].astype(np.int64),
        versions=answer["version"].astype(np.str_),
        routes=answer["route"].astype(np.str_),
        X=X,
        columns=columns,
        prediction=answer["y_pred"].astype(kind),
        probabilities=_stacked(answer, "q", len(classes)) if classes else None,
        label=answer["y"].astype(kind),
        classes=classes,
        absent=tuple(name for name, x in zip(columns, X.T, strict=True) if np.isnan(x).all()),
        labelled_at=answer["known"].astype(np.int64),
    )


def seen_sql(contract: Contract, window: Window | None, bins: NDArray[np.float64]) -> str:
    """Sums over all predictions, by version, route and what was predicted."""
    classes = contract.classes
    if classes:
        group = f"list_position({texts(classes)}, prediction) - 1"
        loss = " + ".join(
            f"-q{code} * ln(greatest(q{code}, {EPS}))" for code in range(len(classes))
        )
        spread = " + ".join(f"q{code} * (1 - q{code})" for code in range(len(classes)))
        spread = f"({spread}) / 2" if len(classes) == 2 else spread
        sums = f"sum({loss}) AS loss, sum({spread}) AS spread" + "".join(
            f", sum(q{code}) AS s{code}" for code in range(len(classes))
        )
    else:
        group = f"len(list_filter({bins.tolist()}::DOUBLE[], lambda edge: edge < prediction))"
        sums = "NULL AS loss, NULL AS spread"
    shares = "".join(f", {_share(label)} AS q{code}" for code, label in enumerate(classes))
    return (
        f"SELECT version, route, g, count(*) AS rows, count(label) AS labelled, {sums} FROM "  # noqa: S608
        f"(SELECT version, route, label, {group} AS g{shares} FROM predictions "
        f"WHERE prediction IS NOT NULL AND {_which(window, shadow=False)}) "
        "WHERE g IS NOT NULL GROUP BY version, route, g ORDER BY version, route, g"
    )


def seen_of(
    answer: Mapping[str, NDArray[Any]], contract: Contract, bins: NDArray[np.float64]
) -> tuple[Seen, ...]:
    """What `seen_sql` answers, as records: one for each version and route."""
    k, found = len(contract.classes), []
    keys = list(zip(answer["version"].tolist(), answer["route"].tolist(), strict=True))
    for version, route in dict.fromkeys(keys):
        at = np.array([key == (version, route) for key in keys])
        groups, rows = answer["g"][at].astype(np.int64), answer["rows"][at].astype(np.float64)
        facts: dict[str, Any] = {}
        if k:
            confusion = np.zeros((k, k))
            confusion[groups] = _stacked(answer, "s", k)[at]
            sums = {"log_loss": "loss", "brier": "spread"}
            facts = {name: float(answer[each][at].sum()) for name, each in sums.items()}
            facts["confusion"] = confusion
        else:
            facts["bins"] = np.bincount(groups, rows, len(bins) + 1)
        labelled = int(answer["labelled"][at].sum())
        found.append(Seen(version, route, int(rows.sum()), labelled, **facts))
    return tuple(found)


def _which(window: Window | None, *, shadow: bool) -> str:
    route = f"route {'=' if shadow else '<>'} {text(SHADOW)}"
    if window is None:
        return route
    start, end = (round(each.timestamp() * 1e6) for each in (window.start, window.end))
    return f"{route} AND time >= make_timestamp({start}) AND time < make_timestamp({end})"


def _share(label: str) -> str:
    return f"coalesce(probabilities[{text(label)}], 0)"


def _encoded(column: ColumnSpec, name: str, shown: str | None) -> str:
    """A column of the view as the graph takes it; NULL for what is missing."""
    if shown is None:
        return "NULL::DOUBLE"
    value = name_text(shown)
    match column.type:
        case "category":
            code = f"nullif(list_position({texts(column.values)}, {value}), 0) - 1"
            odd = f"{value} IS NOT NULL OR list_contains(unknown, {text(name)})"
            return f"coalesce({code}, CASE WHEN {odd} THEN {UNKNOWN} END)::DOUBLE"
        case "datetime":
            return f"epoch_us({value}) / 1e6"
        case _:
            return f"{value}::DOUBLE"


def _stacked(answer: Mapping[str, NDArray[Any]], letter: str, count: int) -> NDArray[np.float64]:
    rows = len(next(iter(answer.values())))
    columns = [answer[f"{letter}{index}"].astype(np.float64) for index in range(count)]
    return np.column_stack(columns) if columns else np.empty((rows, 0))
