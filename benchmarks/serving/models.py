"""The two models: Fairlead's bundles and the peers' pipelines, from the same data."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sysconfig
from dataclasses import dataclass
from pathlib import Path

from benchmarks.serving.environments import PEERS, ROOT, TOOLS, python_of
from benchmarks.serving.machine import THREADS, UnfitMachineError
from benchmarks.serving.questions import Questions

from fairlead import load_bundle

CANDIDATES = {"iris": "random_forest", "housing": "boosting"}
FAIRLEAD = Path(sysconfig.get_path("scripts")) / "fairlead"


@dataclass(frozen=True)
class Model:
    """One model in its two forms.

    Attributes:
        name: of the project.
        bundle: Fairlead's folder.
        pipeline: folder with the fitted scikit-learn pipeline, as joblib's and MLflow's files.
    """

    name: str
    bundle: Path
    pipeline: Path

    def questions(self, *, of_bundle: bool) -> Questions:
        """The rows that are asked, with the answers of the bundle or of the pipeline."""
        document = json.loads((self.pipeline / "asked.json").read_text())
        records, answers = document["records"], document["answers"]
        if of_bundle:
            answers = load_bundle(self.bundle).predict(records).tolist()
        return Questions(records, answers)


def models() -> dict[str, Model]:
    """Train both models through Fairlead and by scikit-learn, or take those of the last run.

    Raises:
        UnfitMachineError: a training failed.
    """
    folder = TOOLS / f"models-{_digest()[:12]}"
    if not (folder / "complete").exists():
        shutil.rmtree(folder, ignore_errors=True)
        for name, candidate in CANDIDATES.items():
            project = folder / "projects" / name
            project.mkdir(parents=True)
            shutil.copy(ROOT / "projects" / name / "fairlead.yaml", project)
            _run([str(FAIRLEAD), "data", "fetch", str(project)])
            _run([str(FAIRLEAD), "train", str(project), "--candidate", candidate])
        data = [str(folder / "projects" / name / "data" / f"{name}.csv") for name in CANDIDATES]
        train = [str(python_of("mlflow")), str(PEERS / "train.py"), *data]
        _run([*train, str(folder / "pipelines")])
        (folder / "complete").touch()
    return {name: _model(folder, name) for name in CANDIDATES}


def _model(folder: Path, name: str) -> Model:
    (bundle,) = (folder / "projects" / name / ".fairlead" / "bundles").iterdir()
    return Model(name, bundle, folder / "pipelines" / name)


def _digest() -> str:
    """Of all that makes the models."""
    source = ROOT / "src" / "fairlead"
    files = [PEERS / "train.py", PEERS / "pipelines.py", PEERS / "mlflow.txt"]
    files += [ROOT / "projects" / name / "fairlead.yaml" for name in CANDIDATES]
    for stage in ("bundle", "data", "graph", "models", "training"):
        files += sorted((source / stage).glob("*.py"))
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _run(command: list[str]) -> None:
    variables = dict(os.environ) | THREADS
    mirror = ROOT.parent / "shared" / "data"
    if mirror.is_dir():
        variables.setdefault("FAIRLEAD_DATA_MIRROR", str(mirror))
    try:
        subprocess.run(command, check=True, env=variables)
    except (OSError, subprocess.CalledProcessError) as error:
        raise UnfitMachineError(f"the models could not be trained: {error}") from error
