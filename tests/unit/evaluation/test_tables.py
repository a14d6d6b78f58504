"""The leaderboard in words."""

from __future__ import annotations

import io
import math
from dataclasses import replace

import pytest
from rich.console import Console

from fairlead.evaluation.comparison import Comparison
from fairlead.evaluation.leaderboard import Entry, Leaderboard
from fairlead.evaluation.metrics import METRICS
from fairlead.evaluation.nested import Chosen, Nested
from fairlead.evaluation.records import Estimate
from fairlead.evaluation.tables import (
    BEST,
    comparison_text,
    decimals,
    number_text,
    size_text,
    time_text,
)
from fairlead.evaluation.validation import Validation


def regression_entry(name: str, rmse: float) -> Entry:
    return Entry(
        name,
        "hist_gradient_boosting",
        {"rmse": Estimate(rmse, 450.0)},
        {"rmse": Estimate(rmse - 100, 1003.0)},
        latency_p50_us=15.3,
        latency_p99_us=24.9,
        size_bytes=43_112_345,
        memory_bytes=91_510_000,
        interpretability="medium",
        training_s=21.2,
    )


def housing() -> Leaderboard:
    forest = Entry(
        "forest", "random_forest", {"rmse": Estimate(49e3, 470)}, oob={"rmse": Estimate(49100, 480)}
    )
    failed = Entry("xgboost", "xgboost", error="a | b\nneeds <an> extra")
    boosting = regression_entry("hist_gradient_boosting", 46_510.2)
    near = regression_entry("nearly", 46_700.0)
    return Leaderboard(
        "regression", "rmse", "5-fold, 16,512 rows", (failed, forest, near, boosting), "USD"
    )


def printed(board: Leaderboard, width: int) -> list[str]:
    console = Console(file=io.StringIO(), width=width)
    console.print(board.render())
    text = console.file.getvalue()  # type: ignore[attr-defined]
    return [line.rstrip() for line in text.splitlines()]


@pytest.mark.parametrize(
    ("metric", "estimate", "text"),
    [
        ("accuracy", Estimate(146 / 150, 0.01317), "97.3 ± 1.3"),
        ("rmse", Estimate(46_510.3, 451.2), "46,510 ± 451"),
        ("rmse", Estimate(0.012345, 0.00067), "0.01235 ± 0.00067"),
        ("roc_auc", Estimate(0.98765, 0.0034), "0.9877 ± 0.0034"),
        ("accuracy", Estimate(1.0, 0.0), "100.0 ± 0.0"),
        ("mae", Estimate(1234.5), "1,234"),
        ("mae", Estimate(math.nan), "–"),
    ],
)
def test_a_number_has_the_digits_that_its_error_deserves(
    metric: str, estimate: Estimate, text: str
) -> None:
    rule = METRICS[metric]
    places = 1 if text == "100.0 ± 0.0" else decimals(rule, [estimate])
    assert number_text(rule, estimate, places) == text


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (999, "999 B"), (9_812, "9.8 kB"), (999_600, "1.0 MB"), (43_112_345, "43 MB")],
)
def test_sizes_are_short(size: int, text: str) -> None:
    assert size_text(size) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.0021, "2.1 ms"), (0.123, "0.12 s"), (9.96, "10 s"), (119, "119 s"), (200, "3.3 min")],
)
def test_times_are_short(seconds: float, text: str) -> None:
    assert time_text(seconds) == text


@pytest.mark.parametrize("width", [80, 100])
def test_the_table_fits_the_terminal(width: int) -> None:
    assert max(map(len, printed(housing(), width))) <= width


def test_a_hundred_columns_show_every_column() -> None:
    text = "\n".join(printed(housing(), 100))
    assert "No room" not in text
    for word in ("holdout", "p50 / p99", "bundle", "memory", "interp.", "training"):
        assert word in text


def test_a_narrow_terminal_hears_what_is_left_out() -> None:
    assert "No room here for: memory, training" in "\n".join(printed(housing(), 70))


def test_the_best_and_those_close_to_it_are_marked() -> None:
    lines = printed(housing(), 100)
    assert [line.split()[1] for line in lines if line.startswith("★ hist")] == [
        "hist_gradient_boosting"
    ]
    assert any(line.startswith("≈ nearly") for line in lines)


def test_the_simplest_of_those_that_are_close_is_named_with_the_difference() -> None:
    gap = Comparison("rmse", Estimate(190.0, 300.0), 0.95, 0.3, "inconclusive", 16_512)
    tree = replace(regression_entry("tree", 46_700.0), interpretability="high", against_best=gap)
    board = replace(housing(), entries=(*housing().entries, tree), select="simplest")
    lines = printed(board, 100)
    assert any(line.startswith("◆ tree") for line in lines)
    text = " ".join(lines)
    assert (
        "◆ tree is the simplest within one standard error of the best: "
        "190 ± 300 USD in between, on the same rows." in text
    )
    assert "Put forward: tree (evaluation.select: simplest)." in text
    assert "| ◆ tree |" in board.markdown()


def test_the_baseline_is_the_last_line_and_those_that_do_not_beat_it_are_named() -> None:
    baseline = Entry("(baseline)", "dummy", {"rmse": Estimate(115_400.0, 900.0)})
    unsure = Comparison("rmse", Estimate(-100.0, 300.0), 0.95, 0.63, "inconclusive", 16_512)
    better = replace(unsure, probability=1.0, verdict="better")
    entries = [replace(e, against_baseline=better) for e in housing().entries if e.error is None]
    board = replace(housing(), entries=tuple(entries), baseline=baseline)
    assert "Every candidate is better than the baseline" in board.markdown()
    assert "| (baseline) | 115,400 ± 900 |" in board.markdown()
    weak = replace(regression_entry("weak", 115_300.0), against_baseline=unsure)
    board = replace(board, entries=(*entries, weak))
    assert "Not shown to be better than the baseline: weak (63 % sure)." in board._repr_html_()
    rows = [line.split()[0] for line in printed(board, 100) if " ± 900" in line]
    assert rows == ["(baseline)"]


def test_other_validations_stand_in_a_table_of_their_own() -> None:
    split = Validation("one 80/20 split", 25, 46_600.0, 1_250.0, 44_000.0, 49_000.0)
    tried = [replace(e, validations=(split,)) for e in housing().entries if e.name == "nearly"]
    board = replace(housing(), entries=(*housing().entries[:2], *tried))
    row = "| nearly | 46,700 ± 450 | 46,600 ± 1,250 (44,000 to 49,000) |"
    assert "| candidate | 5-fold | one 80/20 split, drawn 25 times |" in board.markdown()
    assert row in board.markdown()
    assert "46,600 ± 1,250 (44,000 to 49,000)" in board._repr_html_()
    assert any("46,600 ± 1,250 (44,000 to 49,000)" in line for line in printed(board, 100))
    assert max(map(len, printed(board, 80))) <= 80


def test_the_best_under_each_validation_is_marked() -> None:
    near = Validation.once("by blocks", Estimate(65_000.0, 2_000.0, 61_000.0, 69_000.0))
    far = Validation.once("by blocks", Estimate(57_000.0, 1_500.0, 54_000.0, 60_000.0))
    best, other, *_ = housing().ranked
    board = replace(
        housing(), entries=(replace(best, validations=(near,)), replace(other, validations=(far,)))
    )
    text = board.markdown()
    assert "| candidate | 5-fold | by blocks |" in text
    assert f"| {BEST} 57,000 ± 1,500 (54,000 to 60,000) |" in text
    assert "| 65,000 ± 2,000 (61,000 to 69,000) |" in text


def test_a_failed_candidate_is_the_last_row_and_says_why() -> None:
    lines = printed(housing(), 100)
    rows = [line for line in lines if line.endswith("failed") or " ± 4" in line]
    assert rows[-1].split()[0] == "Out-of-bag:"
    assert rows[-2].split() == ["xgboost", "failed"]
    assert lines[-1] == "xgboost failed: a | b needs <an> extra"


def test_markdown_is_one_table_with_as_many_cells_in_each_row() -> None:
    text = housing().markdown()
    table = [line for line in text.splitlines() if line.startswith("|")]
    assert len(table) == 2 + 4
    assert {line.count("|") for line in table} == {9}
    assert "- `xgboost` failed: a | b needs <an> extra" in text


def test_html_is_escaped() -> None:
    text = housing()._repr_html_()
    assert "needs &lt;an&gt; extra" in text
    assert "<an>" not in text


def test_an_empty_leaderboard_can_be_shown() -> None:
    empty = Leaderboard("classification", "accuracy", "5-fold, 0 rows", ())
    assert printed(empty, 80)
    assert empty.markdown()


@pytest.mark.parametrize(
    ("value", "low", "verdict", "text"),
    [
        (22_150.0, 21_000.0, "worse", "22,150 [21,000, 23,300] USD (95 %): ridge is worse"),
        (
            150.0,
            -1_000.0,
            "inconclusive",
            "150 [-1,000, 23,300] USD (95 %): inconclusive, ridge is better with 40 %",
        ),
    ],
)
def test_a_comparison_is_a_sentence(value: float, low: float, verdict: str, text: str) -> None:
    difference = Estimate(value, 575.0, low, 23_300.0)
    found = Comparison("rmse", difference, 0.95, 0.4, verdict, 4128)  # type: ignore[arg-type]
    said = comparison_text(found, METRICS["rmse"], "ridge", "boosting", "USD")
    assert said == f"rmse of ridge less boosting: {text}"


def test_a_comparison_that_is_not_defined_says_so() -> None:
    found = Comparison("mape", Estimate(math.nan), 0.95, None, "inconclusive", 9)
    assert comparison_text(found, METRICS["mape"], "a", "b") == "mape is not defined for both"


def test_the_nested_figure_stands_beside_the_one_that_chose() -> None:
    gap = Estimate(640.0, 200.0, 250.0, 1030.0)
    nested = Nested(
        inner="5-fold",
        estimates={"rmse": Estimate(47_150.0, 455.0)},
        optimism=Comparison("rmse", gap, 0.95, 0.0, "worse", 16_512),
        chosen=(Chosen("boosting", 3, {"max_iter": 90}), Chosen("boosting", 2, {"max_iter": 80})),
    )
    text = replace(housing(), nested=nested).markdown()
    assert "Nested: 47,150 ± 455 USD, with searches and choice repeated in every fold" in text
    assert "the figure that chose it; nested less that: 640 [250, 1,030] USD (95 %)." in text
    assert "Chosen in 5 folds: boosting 5." in text
