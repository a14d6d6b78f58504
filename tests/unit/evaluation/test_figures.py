"""Pictures: one for each purpose, the same bytes each time, no global state."""

from __future__ import annotations

import struct
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest

from fairlead.errors import EvaluationError
from fairlead.evaluation.figures import calibration, candidate_figures, draw_figures
from fairlead.evaluation.leaderboard import Entry, Leaderboard
from fairlead.evaluation.records import Estimate, Predictions


def classification(k: int) -> Predictions:
    rng = np.random.default_rng(k)
    y_prob = rng.dirichlet(np.ones(k), 200)
    y_true = np.array([rng.choice(k, p=p) for p in y_prob])
    return Predictions(y_true, y_prob.argmax(axis=1), y_prob, tuple("abcdefg"[:k]))


def regression(n: int) -> Predictions:
    rng = np.random.default_rng(n)
    y_true = rng.normal(size=n)
    return Predictions(y_true, y_true + rng.normal(size=n))


def chunks(png: bytes) -> list[bytes]:
    """Types of a PNG's chunks."""
    place, kinds = 8, []
    while place < len(png):
        (length,) = struct.unpack(">I", png[place : place + 4])
        kinds.append(png[place + 4 : place + 8])
        place += 12 + length
    return kinds


@pytest.mark.parametrize(
    ("predictions", "names"),
    [
        (classification(2), {"confusion_matrix.png", "calibration.png"}),
        (classification(7), {"confusion_matrix.png", "calibration.png"}),
        (Predictions(np.array([0]), np.array([1]), None, ("a", "b")), {"confusion_matrix.png"}),
        (regression(50), {"predicted_vs_actual.png", "residuals.png"}),
        (regression(2500), {"predicted_vs_actual.png", "residuals.png"}),
        (regression(1), {"predicted_vs_actual.png", "residuals.png"}),
        (Predictions(np.zeros(2500), np.zeros(2500)), {"predicted_vs_actual.png", "residuals.png"}),
    ],
)
def test_each_task_has_its_pictures(predictions: Predictions, names: set[str]) -> None:
    figures = candidate_figures(predictions, title="some candidate", unit="USD")
    assert set(figures) == names
    assert all(picture.startswith(b"\x89PNG") for picture in figures.values())


def test_pictures_are_written_into_the_folder(tmp_path: Path) -> None:
    predictions = classification(3)
    files = draw_figures(predictions, tmp_path)
    written = {file.name: file.read_bytes() for file in files}
    assert written == candidate_figures(predictions)
    assert set(files) == set(tmp_path.iterdir())


def test_a_picture_is_the_same_bytes_each_time_and_names_no_software() -> None:
    first, again = (candidate_figures(regression(300)) for _ in range(2))
    assert first == again
    assert not {b"tEXt", b"tIME"} & set(chunks(first["residuals.png"]))


def test_drawing_leaves_the_settings_of_matplotlib_alone() -> None:
    before = dict(mpl.rcParams)
    candidate_figures(classification(3))
    assert dict(mpl.rcParams) == before


def test_calibration_needs_probabilities() -> None:
    with pytest.raises(EvaluationError, match="no probabilities"):
        calibration(Predictions(np.array([0]), np.array([1]), None, ("a", "b")))


@pytest.mark.parametrize(
    "entries",
    [
        (),
        (Entry("failed", "xgboost", error="no such family"),),
        (Entry("alone", "rules", {"accuracy": Estimate(0.96)}),),
        (
            Entry("slow", "lda", {"accuracy": Estimate(0.98, 0.01)}, latency_p50_us=5000.0),
            Entry(
                "fast",
                "rules",
                {"accuracy": Estimate(0.96, 0.02)},
                {"accuracy": Estimate(0.95, 0.03)},
                latency_p50_us=5.0,
                latency_p99_us=8.0,
            ),
        ),
    ],
)
def test_any_leaderboard_can_be_drawn(entries: tuple[Entry, ...], tmp_path: Path) -> None:
    board = Leaderboard("classification", "accuracy", "5-fold, 100 rows", entries)
    board.figure(tmp_path / "first.png")
    board.figure(tmp_path / "again.png")
    picture = (tmp_path / "first.png").read_bytes()
    assert picture.startswith(b"\x89PNG")
    assert picture == (tmp_path / "again.png").read_bytes()
