"""A project's pipeline for DVC: from its origin to the bundle, each step where it is due."""

from __future__ import annotations

import shlex
from pathlib import PurePosixPath
from typing import Any

from fairlead.project import FILE_NAME
from fairlead.project.columns import Task
from fairlead.project.document import write_document

ORIGIN = ".fairlead/origin"
"""Where the data arrives; the `.dvc` file beside its place brings it there."""
PINS = "requirements.txt"
_LEADERBOARD = ".fairlead/results/leaderboard.json"
_TOP = f"""\
# For `dvc repro`, DVC 3: a stage runs where its data, its part of {FILE_NAME} or the Fairlead of
# {PINS} has changed. Fairlead's docs/how-to/version-data-with-dvc.md says how to go on.
"""


def pipeline(data_path: str, task: Task, *, fetched: bool) -> str:
    """The text of a project's `dvc.yaml`.

    Args:
        data_path: of the data, as in the project file.
        task: tells which plots there are.
        fetched: whether the project file names an origin of the data.
    """
    due = {"deps": [data_path, PINS]}
    stages = {
        **({"fetch": _fetch(data_path)} if fetched else {}),
        "check": {
            "cmd": "fairlead check --json > check.json",
            **due,
            "params": _keys("task", "data", "evaluation"),
            "outs": ["check.json"],
        },
        "train": {
            "cmd": "fairlead train",
            "deps": [*due["deps"], "check.json"],
            "params": _keys("name", "task", "data", "candidates", "evaluation"),
            "outs": [_LEADERBOARD],
        },
        "evaluate": {
            "cmd": "fairlead leaderboard --folder evaluation",
            "deps": [_LEADERBOARD],
            "metrics": [{"evaluation/metrics.json": {"cache": False}}],
            "outs": ["evaluation/figures", "evaluation/predictions.csv"],
        },
        "bundle": {
            "cmd": "fairlead bundle export --folder bundle",
            "deps": [_LEADERBOARD, "evaluation/metrics.json"],
            "outs": ["bundle"],
        },
    }
    return _TOP + write_document({"stages": stages, "plots": _plots(task)})


def arrival(data_path: str) -> str:
    """Where the data of an origin arrives, relative to the project."""
    return f"{ORIGIN}/{PurePosixPath(data_path).name}"


def _fetch(data_path: str) -> dict[str, Any]:
    place = arrival(data_path)
    return {
        "cmd": f"fairlead data fetch --to {shlex.quote(place)}",
        "params": _keys("data.source"),
        "outs": [{place: {"cache": False}}],
    }


def _keys(*names: str) -> list[dict[str, list[str]]]:
    return [{FILE_NAME: list(names)}]


def _plots(task: Task) -> list[Any]:
    """Drawn by DVC from what was predicted for unseen rows; and the pictures as they are."""
    file = "evaluation/predictions.csv"
    if task == "classification":
        drawn = [{"confusion": {"x": "actual", "y": {file: "predicted"}, "template": "confusion"}}]
    else:
        drawn = [
            {"predicted": {"x": "actual", "y": {file: "predicted"}, "template": "scatter"}},
            {"residuals": {"x": "predicted", "y": {file: "residual"}, "template": "scatter"}},
        ]
    return [*drawn, "evaluation/figures"]
