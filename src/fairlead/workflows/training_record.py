"""What the last training was: its project file, and which bundles its leaderboard speaks of."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fairlead.bundle.manifest import file_digest, to_json
from fairlead.errors import DataInvalidError, DataMissingError
from fairlead.evaluation.features import FeatureEffect
from fairlead.evaluation.leaderboard import Leaderboard
from fairlead.evaluation.learning_curve import LearningCurve
from fairlead.project.loading import Project
from fairlead.project.spec import ProjectSpec
from fairlead.registry.records import ModelVersion
from fairlead.storage import write_whole
from fairlead.workflows.experiment import Experiment
from fairlead.workflows.leaderboard import last_leaderboard
from fairlead.workflows.store import LEADERBOARD, TRAINING, results_folder
from fairlead.workflows.studies import Studies

FORMAT = 1
AGAIN = "what `fairlead train` wrote; run it again"


@dataclass(frozen=True)
class TrainingRecord:
    """The last training of a project.

    Attributes:
        created_at: when it began; its studies and bundles say the same.
        spec: the project file as it was.
        leaderboard: its candidates.
        bundles: candidate -> digest of its bundle.
        versions: candidate -> number of its version; empty without a registry.
    """

    created_at: str
    spec: ProjectSpec
    leaderboard: Leaderboard
    bundles: Mapping[str, str]
    versions: Mapping[str, int]


def keep(
    experiment: Experiment, bundles: Mapping[str, Path], versions: Mapping[str, ModelVersion]
) -> None:
    """Write the record of a training that has ended.

    Args:
        experiment: what its candidates share.
        bundles: candidate -> folder of its bundle.
        versions: candidate -> registered version.

    Raises:
        StorageError: it could not be written.
    """
    document = {
        "format": FORMAT,
        "created_at": experiment.origin["created_at"],
        "leaderboard_sha256": file_digest(experiment.results / f"{LEADERBOARD}.json"),
        "bundles": {name: folder.name for name, folder in bundles.items()},
        "versions": {name: version.version for name, version in versions.items()},
        "spec": experiment.spec.model_dump(mode="json"),
    }
    write_whole(experiment.results / f"{TRAINING}.json", to_json(document))


def last_training(project: Project) -> TrainingRecord:
    """Read it.

    Raises:
        DataMissingError: nothing was trained here yet.
        DataInvalidError: a file is damaged, or the last training did not end.
    """
    leaderboard, results = last_leaderboard(project), results_folder(project)
    path = results / f"{TRAINING}.json"
    if not path.is_file():
        raise DataMissingError(path, "run `fairlead train` to its end")
    try:
        document = json.loads(path.read_text(encoding="utf-8", errors="replace"))
        if document["format"] != FORMAT:
            raise ValueError("another format")
        known = document["leaderboard_sha256"]
        record = TrainingRecord(
            document["created_at"],
            ProjectSpec.model_validate(document["spec"]),
            leaderboard,
            dict(document["bundles"]),
            dict(document["versions"]),
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        found = f"text that is no record of a training ({type(error).__name__})"
        raise DataInvalidError(path, found, AGAIN) from error
    if file_digest(results / f"{LEADERBOARD}.json") != known:
        found = "a leaderboard beside it of a training that was stopped"
        raise DataInvalidError(path, found, AGAIN)
    return record


def studies_of(results: Path, created_at: str) -> Studies:
    """What the training of that time found that features and rows are worth.

    A later training without a study leaves the files of an earlier one: those are left aside.

    Args:
        results: folder with the files.
        created_at: when the training began.
    """
    importance, ablation, curves = (
        _study(results / f"{name}.json", created_at)
        for name in ("importance", "ablation", "learning_curve")
    )
    return Studies(
        (importance or ablation or {}).get("candidate"),
        tuple(map(FeatureEffect.from_dict, (importance or {}).get("features", ()))),
        tuple(map(FeatureEffect.from_dict, (ablation or {}).get("features", ()))),
        tuple(map(LearningCurve.from_dict, (curves or {}).get("curves", ()))),
    )


def _study(path: Path, created_at: str) -> dict[str, Any] | None:
    if not path.is_file():
        return None
    try:
        document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8", errors="replace"))
        return document if document["created_at"] == created_at else None
    except (KeyError, TypeError, ValueError) as error:
        found = f"text that is no study ({type(error).__name__})"
        raise DataInvalidError(path, found, AGAIN) from error
