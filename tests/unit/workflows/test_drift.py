"""A window of the log is judged whole, once, and as well when its rows have gone."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fairlead.bundle.golden import Scores
from fairlead.bundle.manifest import to_json
from fairlead.bundle.sketch import sketch
from fairlead.data.contract import Contract
from fairlead.errors import DataInvalidError, LogQueryError
from fairlead.monitoring.sketch_files import FEW_ROWS, read_sketch, sketch_paths
from fairlead.project.columns import ColumnSpec, TargetSpec
from fairlead.serving.prediction_log import PredictionLog
from fairlead.serving.prediction_retention import retain
from fairlead.serving.prediction_segments import reference_path, segments
from fairlead.settings import Settings
from fairlead.workflows.drift import Drift, sketches_of, window_until
from fairlead.workflows.drift_log import drift_of_log
from fairlead.workflows.sketching import References

HOUSES = Contract(
    task="regression",
    columns={
        "age": ColumnSpec(type="number", nullable=True),
        "kind": ColumnSpec(type="category", values=("flat", "house"), unknown="flag"),
    },
    target=TargetSpec(name="price"),
)
FLOWERS = Contract(
    task="classification",
    columns={"length": ColumnSpec(type="number")},
    target=TargetSpec(name="species"),
    classes=("setosa", "virginica"),
)
SETTINGS = Settings()


def houses(rows: int, seed: int, shift: float = 0.0) -> NDArray[np.float64]:
    rng = np.random.default_rng(seed)
    return np.column_stack([rng.normal(30 + shift, 10, rows), rng.integers(0, 2, rows)])


def document(seed: int = 0) -> dict[str, Any]:
    X = houses(2000, seed)
    return sketch(HOUSES, X, X[:, 0] * 1000)


def serve(
    folder: Path,
    X: NDArray[np.float64],
    *,
    route: str = "champion",
    version: str = "3",
    leave: bool = True,
    at: str | None = None,
    **options: Any,
) -> None:
    """Log rows as a service would, now or at another time, and leave the reference as it does."""
    log = PredictionLog(folder, **options)
    target = log.target("houses", version, version * 64, HOUSES)
    for number, row in enumerate(X):
        scores = Scores(row[:1] * 1000)
        log.add(target, f"{route}{number}", route, row[None].copy(), scores, 0.001)
    log.close()
    if at is not None:
        path = max((each.path for each in segments(folder)), key=lambda each: each.stem)
        path.rename(path.with_name(f"{at}-1-a.jsonl"))
    if leave:
        reference_path(target.folder, version * 64).write_bytes(to_json(document()))


def ask(folder: Path, **options: Any) -> Drift:
    until = datetime.now(UTC) + timedelta(seconds=2)
    options = {"model": None, "window": "1h", "until": until, **options}
    return drift_of_log(folder, folder=folder, settings=SETTINGS, **options)


def rows_in(folder: Path) -> int:
    window = window_until("1h", datetime.now(UTC) + timedelta(seconds=2))
    return sum(
        each.rows
        for file in sketches_of(folder, "houses", window, References())
        for each in file.routes.values()
    )


def test_a_window_is_judged_by_what_lies_beside_the_log(tmp_path: Path) -> None:
    serve(tmp_path, houses(300, 1, shift=8))
    found = ask(tmp_path).report
    assert (found.rows, found.reference_rows, found.drifted) == (300, 2000, ("age",))
    assert found.reference == "houses version 3 (training rows)"
    assert found.prediction is not None
    assert found.prediction.is_drifted


def test_every_row_is_counted_once_whoever_asks_first(tmp_path: Path) -> None:
    serve(tmp_path, houses(300, 1))
    assert [rows_in(tmp_path), rows_in(tmp_path)] == [300, 300]
    (path,) = tmp_path.glob("*/*/sketches/*/*.sketch")
    assert path.name.removesuffix(".sketch") == segments(tmp_path)[0].stem


def test_rows_that_are_still_being_written_count_and_leave_no_sketch(tmp_path: Path) -> None:
    serve(tmp_path, houses(1, 1))
    log = PredictionLog(tmp_path)
    target = log.target("houses", "3", "3" * 64, HOUSES)
    log.add(target, "a", "champion", houses(50, 1), Scores(np.zeros(50)), 0.1)
    log.flush()
    while not log.written_rows:
        pass
    assert rows_in(tmp_path) == 51
    assert len(list(tmp_path.glob("**/*.sketch"))) == 1
    log.close()
    assert rows_in(tmp_path) == 51
    assert len(list(tmp_path.glob("**/*.sketch"))) == 2


def test_the_shadow_is_left_out_and_other_routes_are_not(tmp_path: Path) -> None:
    serve(tmp_path, houses(200, 1))
    serve(tmp_path, houses(100, 2), route="challenger", version="4", leave=False)
    serve(tmp_path, houses(500, 3, shift=99), route="shadow", version="5", leave=False)
    assert ask(tmp_path).report.rows == 200
    for version in ("4", "5"):
        place = tmp_path / "houses" / version
        reference_path(place, version * 64).write_bytes(to_json(document(7)))
    report = ask(tmp_path).report
    assert (report.rows, report.drifted) == (300, ())


def test_few_rows_go_with_the_rows_and_more_stay(tmp_path: Path) -> None:
    serve(tmp_path, houses(FEW_ROWS - 1, 1))
    serve(tmp_path, houses(FEW_ROWS, 2))
    assert rows_in(tmp_path) == 2 * FEW_ROWS - 1
    later = datetime.now(UTC) + timedelta(days=30)
    retain(tmp_path, 7, later, sketch_days=90)
    assert not segments(tmp_path)
    assert rows_in(tmp_path) == FEW_ROWS
    retain(tmp_path, 7, later + timedelta(days=90), sketch_days=90)
    assert not list(tmp_path.glob("**/*.sketch"))


def test_masked_and_omitted_columns_are_not_judged(tmp_path: Path) -> None:
    serve(tmp_path, houses(200, 1), mask=frozenset({"age"}), omit=frozenset({"kind"}))
    found = ask(tmp_path)
    assert found.report.columns == ()
    assert set(found.left_out) == {"age", "kind"}
    assert found.report.prediction is not None


def test_a_window_takes_what_began_in_it(tmp_path: Path) -> None:
    serve(tmp_path, houses(50, 1), at="20260301T115959")
    serve(tmp_path, houses(70, 2), at="20260301T120000")
    noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    morning, after = (ask(tmp_path, until=noon + timedelta(hours=h)).report for h in (0, 1))
    assert (morning.rows, after.rows) == (50, 70)


def test_days_are_compared_with_the_day_before_where_the_project_says_so(tmp_path: Path) -> None:
    (tmp_path / "fairlead.yaml").write_text(
        "name: houses\ntask: regression\n"
        "data: {path: a.csv, target: {name: price}, columns: {age: {type: number}}}\n"
        "candidates: {one: {family: linear}}\nevaluation: {metric: rmse}\n"
        "monitoring: {season: 24h, min_rows: 50}\n"
    )
    serve(tmp_path, houses(100, 1, shift=8), at="20260228T113000")
    serve(tmp_path, houses(100, 2, shift=8), at="20260301T113000")
    today, before = (
        ask(tmp_path, until=datetime(2026, 3, 1, 12, tzinfo=UTC) - timedelta(days=days)).report
        for days in (0, 1)
    )
    assert (today.drifted, before.drifted) == ((), ("age",))


def test_damage_is_passed_over_in_segments_and_told_of_sketches(tmp_path: Path) -> None:
    serve(tmp_path, houses(100, 1))
    (segment,) = segments(tmp_path)
    lines = segment.path.read_bytes().splitlines(keepends=True)
    wrong = [b"{broken}\n", lines[1].replace(b'"rows":[[', b'"rows":[[1,')]
    segment.path.write_bytes(b"".join([*lines[:50], *wrong, *lines[50:-1], lines[-1][:9]]))
    assert rows_in(tmp_path) == 99
    (path,) = tmp_path.glob("**/*.sketch")
    path.write_bytes(path.read_bytes()[:99])
    with pytest.raises(LogQueryError, match="damaged sketch"):
        rows_in(tmp_path)


def test_a_sketch_of_a_later_fairlead_is_refused(tmp_path: Path) -> None:
    import msgspec

    serve(tmp_path, houses(100, 1))
    rows_in(tmp_path)
    (path,) = tmp_path.glob("**/*.sketch")
    document = msgspec.msgpack.decode(path.read_bytes())
    path.write_bytes(msgspec.msgpack.encode({**document, "format": 2}))
    with pytest.raises(LogQueryError, match="in format 2"):
        rows_in(tmp_path)


def test_where_nothing_is_known_or_logged_that_is_said(tmp_path: Path) -> None:
    with pytest.raises(LogQueryError, match="no predictions in"):
        ask(tmp_path)
    serve(tmp_path, houses(100, 1), leave=False)
    with pytest.raises(LogQueryError, match="that can be compared"):
        ask(tmp_path)
    place = tmp_path / "houses" / "3"
    reference_path(place, "3" * 64).write_text(json.dumps({"rows": 3}))
    with pytest.raises(DataInvalidError, match="no sketch of a bundle"):
        ask(tmp_path)
    reference_path(place, "3" * 64).write_bytes(to_json(document()))
    assert ask(tmp_path).report.verdict == "too_few_rows"


def test_a_classifier_has_its_expected_confusion_matrix(tmp_path: Path) -> None:
    log = PredictionLog(tmp_path)
    target = log.target("flowers", "1", "f" * 64, FLOWERS)
    scores = Scores(np.array(["setosa", "virginica"], object), np.array([[0.75, 0.25], [0.5, 0.5]]))
    log.add(target, "a", "champion", np.array([[1.0], [2.0]]), scores, 0.1)
    log.close()
    told = sketch(FLOWERS, np.array([[1.0], [2.0]]), np.array([0, 1]))
    reference_path(target.folder, "f" * 64).write_bytes(to_json(told))
    window = window_until("1h", datetime.now(UTC) + timedelta(seconds=2))
    sketches_of(tmp_path, "flowers", window, References())
    (path,) = sketch_paths(tmp_path, "flowers", window)
    confusion = read_sketch(path, {}).routes["champion"].confusion
    assert confusion is not None
    assert confusion.tolist() == [[0.75, 0.5], [0.25, 0.5]]
