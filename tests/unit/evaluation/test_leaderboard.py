"""Ranking, and a leaderboard that comes back as it was written."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Literal

import polars.selectors as cs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairlead.errors import EvaluationError, StorageError
from fairlead.evaluation.comparison import Comparison
from fairlead.evaluation.leaderboard import Entry, Leaderboard
from fairlead.evaluation.nested import Chosen, Nested
from fairlead.evaluation.records import Estimate, EvaluationReport
from fairlead.evaluation.validation import Validation

numbers = st.floats(allow_nan=True, allow_infinity=False)
estimates = st.builds(Estimate, numbers, numbers, numbers, numbers)
tables = st.dictionaries(st.sampled_from(["rmse", "r2"]), estimates)
comparisons = st.builds(
    Comparison,
    st.just("rmse"),
    estimates,
    st.just(0.95),
    st.none() | st.floats(0, 1),
    st.sampled_from(["better", "worse", "inconclusive"]),
    st.integers(1, 10**6),
)
sizes = st.none() | st.integers(0, 2**40)
times = st.none() | st.floats(0, 1e6)


@st.composite
def entries(draw: st.DrawFn) -> Entry:
    return Entry(
        name=draw(st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True)),
        family=draw(st.sampled_from(["ridge", "rules"])),
        cv=draw(tables),
        holdout=draw(tables),
        oob=draw(tables),
        latency_p50_us=draw(times),
        latency_p99_us=draw(times),
        size_bytes=draw(sizes),
        memory_bytes=draw(sizes),
        interpretability=draw(st.sampled_from([None, "high", "medium", "low"])),
        training_s=draw(times),
        error=draw(st.none() | st.text(max_size=20)),
        against_best=draw(st.none() | comparisons),
        against_baseline=draw(st.none() | comparisons),
        validations=draw(st.sampled_from([(), (Validation("5-fold", 5, 1.0, 0.1, 0.9, 1.1),)])),
    )


choices = st.builds(
    Chosen,
    st.sampled_from(["tree", "line"]),
    st.integers(1, 150),
    st.dictionaries(st.sampled_from(["max_depth", "C"]), st.none() | st.integers(1, 9)),
)
nested = st.builds(
    Nested, st.just("stratified 5-fold"), tables, comparisons, st.lists(choices).map(tuple)
)
boards = st.builds(
    Leaderboard,
    st.just("regression"),
    st.just("rmse"),
    st.just("5-fold, 100 rows"),
    st.lists(entries(), max_size=6, unique_by=lambda entry: entry.name).map(tuple),
    st.none() | st.just("USD"),
    st.none() | st.just("random 20 %, 25 rows"),
    st.sampled_from(["best", "simplest"]),
    st.none() | entries(),
    st.none() | nested,
)
FEW = settings(max_examples=60, deadline=None)


def scored(name: str, rmse: float, error: float = 1.0, **fields: object) -> Entry:
    entry = Entry(name, "ridge", {"rmse": Estimate(rmse, error, rmse - error, rmse + error)})
    return replace(entry, **fields)


def board(*entries: Entry, metric: str = "rmse") -> Leaderboard:
    return Leaderboard("regression", metric, "5-fold, 100 rows", entries, "USD")


def names(leaderboard: Leaderboard) -> list[str]:
    return [entry.name for entry in leaderboard.ranked]


@FEW
@given(leaderboard=boards)
def test_a_leaderboard_survives_json(leaderboard: Leaderboard) -> None:
    again = Leaderboard.from_json(leaderboard.to_json())
    assert again.ranked == leaderboard.ranked
    assert replace(again, entries=()) == replace(leaderboard, entries=())
    assert again.to_json() == leaderboard.to_json()


def test_a_report_in_an_entry_comes_back_as_an_equal_mapping() -> None:
    report = EvaluationReport({"rmse": Estimate(1.0, 0.1, 0.8, 1.2)}, rows=10)
    leaderboard = board(Entry("a", "ridge", cv=report))
    assert Leaderboard.from_json(leaderboard.to_json()) == leaderboard


@FEW
@given(leaderboard=boards, data=st.data())
def test_the_holdout_never_changes_the_ranking(
    leaderboard: Leaderboard, data: st.DataObject
) -> None:
    other = replace(
        leaderboard,
        entries=tuple(
            replace(entry, holdout=data.draw(tables), oob=data.draw(tables))
            for entry in leaderboard.entries
        ),
    )
    assert names(other) == names(leaderboard)


@FEW
@given(leaderboard=boards, seed=st.randoms(use_true_random=False))
def test_the_ranking_does_not_depend_on_the_order_of_the_entries(
    leaderboard: Leaderboard, seed: st.DataObject
) -> None:
    shuffled = list(leaderboard.entries)
    seed.shuffle(shuffled)  # type: ignore[attr-defined]
    assert names(replace(leaderboard, entries=tuple(shuffled))) == names(leaderboard)


@pytest.mark.parametrize(("metric", "first"), [("rmse", "small"), ("r2", "large")])
def test_the_better_end_of_the_metric_comes_first(metric: str, first: str) -> None:
    low, high = Estimate(0.2), Estimate(0.9)
    leaderboard = board(
        Entry("small", "ridge", {metric: low}),
        Entry("large", "ridge", {metric: high}),
        metric=metric,
    )
    assert leaderboard.best is not None
    assert leaderboard.best.name == first


def test_failed_candidates_come_last_after_those_without_a_metric() -> None:
    leaderboard = board(
        scored("broken", 1.0, error=0.1),
        Entry("unscored", "ridge", {"rmse": Estimate(math.nan)}),
        scored("fine", 5.0),
    )
    broken = replace(leaderboard.entries[0], error="the solver did not converge")
    leaderboard = replace(leaderboard, entries=(broken, *leaderboard.entries[1:]))
    assert names(leaderboard) == ["fine", "unscored", "broken"]


@pytest.mark.parametrize("entry", [Entry("a", "ridge"), Entry("a", "ridge", error="no")])
def test_nothing_is_best_without_a_metric(entry: Entry) -> None:
    assert board(entry).best is None
    assert board().best is None


def test_of_equals_the_easier_to_understand_and_then_the_smaller_comes_first() -> None:
    ranks: tuple[tuple[str, Literal["high", "medium", "low"], int], ...] = (
        ("opaque", "low", 10),
        ("large", "high", 99),
        ("small", "high", 20),
        ("middling", "medium", 1),
    )
    leaderboard = board(
        *(
            scored(name, 3.0, interpretability=reading, size_bytes=size)
            for name, reading, size in ranks
        )
    )
    assert names(leaderboard) == ["small", "large", "middling", "opaque"]


def test_close_to_the_best_is_within_one_standard_error_of_it() -> None:
    near, far = scored("near", 10.9), scored("far", 11.1, 50.0)
    leaderboard = board(scored("top", 10.0), near, far)
    assert leaderboard.is_close(near)
    assert not leaderboard.is_close(far)
    assert not leaderboard.is_close(leaderboard.entries[0])


def behind(gap: float, error: float) -> Comparison:
    difference = Estimate(gap, error, gap - 2 * error, gap + 2 * error)
    return Comparison("rmse", difference, 0.95, 0.2, "inconclusive", 100)


def test_where_two_were_compared_the_paired_error_decides_who_is_close() -> None:
    steady = scored("steady", 10.5, against_best=behind(0.5, 0.1))
    shaky = scored("shaky", 12.0, against_best=behind(2.0, 3.0))
    leaderboard = board(scored("top", 10.0), steady, shaky)
    assert not leaderboard.is_close(steady)
    assert leaderboard.is_close(shaky)


def test_the_simplest_is_sought_among_the_best_and_those_close_to_it() -> None:
    leaderboard = board(
        scored("forest", 10.0, interpretability="medium", size_bytes=10),
        scored("large_tree", 10.4, interpretability="high", size_bytes=20),
        scored("small_tree", 10.5, interpretability="high", size_bytes=10),
        scored("rules", 11.5, interpretability="high", size_bytes=1),
    )
    assert leaderboard.simplest == leaderboard.entries[2]
    assert leaderboard.selected == leaderboard.entries[0]
    assert replace(leaderboard, select="simplest").selected == leaderboard.entries[2]


@FEW
@given(leaderboard=boards)
def test_the_simplest_is_never_harder_to_understand_than_the_best(
    leaderboard: Leaderboard,
) -> None:
    best, simplest = leaderboard.best, leaderboard.simplest
    assert (best is None) == (simplest is None)
    if best is not None and simplest is not None:
        ranks = {"high": 0, "medium": 1, "low": 2, None: 3}
        assert ranks[simplest.interpretability] <= ranks[best.interpretability]


def test_the_baseline_has_no_place_in_the_ranking() -> None:
    leaderboard = replace(board(scored("a", 2.0)), baseline=scored("(baseline)", 1.0))
    assert names(leaderboard) == ["a"]
    assert leaderboard.best == leaderboard.entries[0]


def test_candidates_that_are_not_shown_to_beat_the_baseline_are_named() -> None:
    better = replace(behind(-5.0, 1.0), verdict="better")
    leaderboard = board(
        scored("worse", 12.0, against_baseline=replace(better, verdict="worse")),
        scored("unsure", 9.0, against_baseline=behind(-1.0, 2.0)),
        scored("better", 5.0, against_baseline=better),
        scored("uncompared", 6.0),
    )
    assert [entry.name for entry in leaderboard.unproven] == ["unsure", "worse"]


def test_a_leaderboard_of_an_earlier_version_is_read() -> None:
    document = json.loads(board(scored("a", 1.0)).to_json())
    del document["select"], document["baseline"]
    for key in ("simplest", "against_best", "against_baseline", "validations"):
        del document["entries"][0][key]
    assert Leaderboard.from_json(json.dumps(document)) == board(scored("a", 1.0))


def test_records_are_flat_and_in_order() -> None:
    records = board(scored("b", 2.0), scored("a", 1.0)).records()
    assert [(row["rank"], row["best"], row["name"]) for row in records] == [
        (1, True, "a"),
        (2, False, "b"),
    ]
    assert (records[0]["cv_rmse"], records[0]["cv_rmse_se"]) == (1.0, 1.0)


def test_a_metric_of_another_task_is_refused() -> None:
    with pytest.raises(EvaluationError, match="accuracy"):
        board(metric="accuracy")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 2}', '{"format": 1, "entries": [1]}'])
def test_other_text_is_no_leaderboard(text: str) -> None:
    with pytest.raises(EvaluationError, match="no leaderboard"):
        Leaderboard.from_json(text)


def test_a_picture_that_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(StorageError):
        board(scored("a", 1.0)).figure(tmp_path / "missing" / "board.png")
    assert not list(tmp_path.iterdir())


def test_reading_a_leaderboard_loads_no_drawing_and_no_training_library() -> None:
    code = (
        "import sys, fairlead.evaluation.leaderboard, fairlead.evaluation.tables;"
        "print({'matplotlib', 'sklearn', 'pandas', 'scipy', 'rich'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@settings(max_examples=30)
@given(board=boards)
def test_a_frame_has_one_row_for_each_candidate_and_no_nan(board: Leaderboard) -> None:
    frame = board.frame()
    assert len(frame) == len(board.entries)
    assert [column.name for column in frame.select(cs.float()) if column.is_nan().any()] == []
    if len(frame):
        assert frame["candidate"].to_list() == [entry.name for entry in board.ranked]
