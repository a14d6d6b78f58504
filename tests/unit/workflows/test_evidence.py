"""Versions are compared on the rows that neither has seen, or it is said why not."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from fairlead.errors import DataMissingError
from fairlead.evaluation.comparison import compare
from fairlead.evaluation.records import Predictions
from fairlead.project.spec import ProjectSpec
from fairlead.registry.records import ModelVersion
from fairlead.workflows.evidence import (
    Evidence,
    compare_versions,
    keep,
    predictions_frame,
    recall,
)
from fairlead.workflows.store import predictions_of

SPEC = ProjectSpec.model_validate(
    {
        "name": "flats",
        "task": "regression",
        "data": {"path": "f.csv", "target": {"name": "t"}, "columns": {"a": {"type": "number"}}},
        "candidates": {"line": {"family": "linear"}},
        "evaluation": {"metric": "rmse"},
    }
)
TRUTH = np.random.default_rng(0).normal(size=60)


def evidence(noise: float, seed: int) -> Evidence:
    y_pred = TRUTH + noise * np.random.default_rng(seed).normal(size=60)
    return Evidence("holdout", "f00", np.arange(60), [Predictions(TRUTH, y_pred)])


def version(number: int) -> ModelVersion:
    made = datetime(2026, 1, 1, tzinfo=UTC)
    return ModelVersion("flats", number, f"digest{number}", "line", (), {}, None, made)


def kept(root: Path, *all_evidence: Evidence) -> None:
    for number, each in enumerate(all_evidence, 1):
        keep(root, f"digest{number}", each)


def test_two_versions_are_compared_by_the_metric_of_the_project(tmp_path: Path) -> None:
    good, bad = evidence(0.1, 1), evidence(1.0, 2)
    kept(tmp_path, good, bad)
    duel = compare_versions(tmp_path, SPEC, version(1), version(2))
    assert duel.source == "holdout"
    assert duel.comparison == compare(good.repeats, bad.repeats, "rmse")
    assert duel.comparison.verdict == "better"


@pytest.mark.parametrize("grouped", [True, False])
def test_evidence_of_a_classification_comes_back_as_it_was(
    tmp_path: Path, *, grouped: bool
) -> None:
    y_prob = np.random.default_rng(0).dirichlet([1, 1, 1], 20)
    one = Predictions(np.arange(20) % 3, y_prob.argmax(axis=1), y_prob, ("ä", "b", "c"))
    groups = np.arange(20) // 4 if grouped else None
    keep(tmp_path, "d", Evidence("cv", "f00", np.arange(20), [one, one], groups))
    again = recall(tmp_path, "d")
    assert again is not None
    assert len(again.repeats) == 2
    assert again.repeats[1].classes == ("ä", "b", "c")
    assert np.array_equal(np.asarray(again.repeats[1].y_prob), y_prob)
    assert (again.groups is not None) == grouped


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"fingerprint": "bad"}, "different data"),
        ({"rows": np.arange(1, 61)}, "different rows"),
        ({"source": "cv"}, "different rows"),
        ({"repeats": [*evidence(1.0, 3).repeats] * 2}, "different repeats"),
    ],
)
def test_what_is_not_of_the_same_rows_is_not_compared(
    changes: dict[str, object], reason: str, tmp_path: Path
) -> None:
    kept(tmp_path, evidence(1.0, 1), replace(evidence(1.0, 2), **changes))
    duel = compare_versions(tmp_path, SPEC, version(1), version(2))
    assert duel.comparison is None
    assert reason in str(duel.reason)


@pytest.mark.parametrize("content", [None, b"", b"no archive"])
def test_a_version_from_elsewhere_or_a_damaged_file_is_no_evidence(
    content: bytes | None, tmp_path: Path
) -> None:
    kept(tmp_path, evidence(1.0, 1))
    if content is not None:
        predictions_of(tmp_path, "digest2").write_bytes(content)
    duel = compare_versions(tmp_path, SPEC, version(1), version(2))
    assert duel.reason == "flats version 2 was not trained in this folder"


def test_repeats_stand_below_each_other_in_a_frame(tmp_path: Path) -> None:
    once = evidence(0.1, 1)
    kept(tmp_path, replace(once, repeats=[*once.repeats, *evidence(0.2, 2).repeats]))
    frame = predictions_frame(tmp_path, "digest1")
    assert frame.columns == ["row", "repeat", "true", "predicted"]
    assert frame["repeat"].to_list() == [1] * 60 + [2] * 60
    assert frame["true"].to_list() == [*TRUTH, *TRUTH]


def test_predictions_that_are_gone_are_missing_data(tmp_path: Path) -> None:
    with pytest.raises(DataMissingError, match="`fairlead train` writes it"):
        predictions_frame(tmp_path, "digest1")
