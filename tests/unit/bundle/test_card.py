"""The model card says how good the model is, also where it is not."""

from __future__ import annotations

from typing import Any

from fairlead.bundle.card import card

MANIFEST: dict[str, Any] = {
    "name": "flats",
    "candidate": "ridge",
    "contract": {"task": "regression", "target": {"name": "rent"}, "columns": {}},
    "metrics": {"cv": {"rmse": {"value": 5.0}}},
    "provenance": dict.fromkeys(
        (
            "training_rows",
            "holdout_rows",
            "data_fingerprint",
            "git_commit",
            "seed",
            "spec_digest",
            "graph_sha256",
        ),
        "0",
    ),
}


def score(value: str, number: float | None, *, worse: bool = False) -> dict[str, Any]:
    estimate = {"value": number, "standard_error": 0.5, "low": 4.0, "high": 6.0}
    return {
        "column": "heating",
        "value": value,
        "rows": 40,
        "metric": "rmse",
        "estimate": estimate,
        "is_worse": worse,
    }


def test_slices_stand_side_by_side_with_their_rows_and_the_worse_ones_are_marked() -> None:
    slices = {
        "cv": [score("gas", 5.0), score("none", 9.0, worse=True)],
        "holdout": [score("gas", None)],
    }
    lines = card({**MANIFEST, "slices": slices}, None).splitlines()
    assert "| slice | cv | holdout |" in lines
    assert "| heating: gas | 5 ± 0.5 [4, 6] (40) | – (40) |" in lines
    assert "| heating: none | ▼ 9 ± 0.5 [4, 6] (40) | – |" in lines


def test_a_large_error_is_written_out() -> None:
    large = {"cv": {"rmse": {"value": 68456.2, "standard_error": 3712.4}}}
    assert "| rmse | 68456.2 ± 3712 |" in card({**MANIFEST, "metrics": large}, None)


def test_without_slices_there_is_no_such_section() -> None:
    assert "## Slices" not in card(MANIFEST, None)


def test_a_combination_names_its_members_and_what_was_learned() -> None:
    members = [{"name": "line", "family": "ridge"}, {"name": "trees", "family": "lightgbm"}]
    composition = {
        "members": members,
        "weights": {"line": 0.25, "trees": 0.75},
        "calibration": {"method": "sigmoid", "slope": 2.5, "offset": 0.0},
    }
    lines = card({**MANIFEST, "composition": composition}, None).splitlines()
    assert "- `line` (ridge, weight 0.25)" in lines
    assert "- `trees` (lightgbm, weight 0.75)" in lines
    assert "- probabilities calibrated by `sigmoid` (slope 2.5, offset 0)" in lines
    final = {"final": {"family": "ridge"}, "members": members}
    lines = card({**MANIFEST, "composition": final}, None).splitlines()
    assert "- on their predictions: `ridge`" in lines
    assert "## Composition" not in card(MANIFEST, None)
