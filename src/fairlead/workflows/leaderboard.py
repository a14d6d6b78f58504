"""Finds the leaderboard of a project's last training."""

from __future__ import annotations

from fairlead.errors import DataInvalidError, DataMissingError, EvaluationError
from fairlead.evaluation.leaderboard import Leaderboard
from fairlead.project.loading import Project
from fairlead.workflows.store import LEADERBOARD, results_folder


def last_leaderboard(project: Project) -> Leaderboard:
    """Read it.

    Raises:
        DataMissingError: nothing was trained here yet.
        DataInvalidError: the file is damaged.
    """
    path = results_folder(project) / f"{LEADERBOARD}.json"
    if not path.is_file():
        raise DataMissingError(path, "run `fairlead train` first")
    try:
        return Leaderboard.from_json(path.read_text(encoding="utf-8", errors="replace"))
    except EvaluationError as error:
        expected = "what `fairlead train` wrote; run it again"
        raise DataInvalidError(path, error.found, expected) from error
