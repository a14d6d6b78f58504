"""Makes a recorded bundle again, in a folder that goes: here, or with the code of its commit.

It is run as a script, too, by its path and with the code of another commit: it imports little of
Fairlead, inside functions, and nothing that the first Fairlead did not have.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fairlead.progress import Progress
    from fairlead.project.loading import Project


FOREVER_S = 10 * 365 * 86_400


@dataclass(frozen=True)
class Request:
    """What is to be made again; paths are absolute.

    Attributes:
        candidate: which one.
        project: the project's folder, for its file where none is recorded.
        spec: file with the recorded project file as JSON, or None.
        data: the file to train on.
        work: an empty folder, in which the state of this training goes.
        jobs: processes.
        found: parameters that a search had found; it is not searched again.
        labelled: file of the labelled predictions that it was trained on, too, or None.
        recipe: how, as the provenance says.
    """

    candidate: str
    project: str
    spec: str | None
    data: str
    work: str
    jobs: int
    found: dict[str, Any] = field(default_factory=dict)
    labelled: str | None = None
    recipe: dict[str, Any] = field(default_factory=dict)


def rebuild(request: Request, progress: Progress | None = None) -> Path:
    """Train with the code that runs now; returns the bundle's folder.

    Raises:
        ProjectError: the project file has no such candidate, or is not valid.
        FairleadError: the training failed.
    """
    from fairlead.workflows.train import build

    project = _project(request)
    return build(project, request.candidate, jobs=request.jobs, progress=progress, **_more(request))


def rebuild_apart(request: Request, package: Path | None) -> Path:
    """Train in another process, with the code of another commit; returns the bundle's folder.

    Args:
        request: what to train.
        package: folder that holds the package `fairlead` to use; None takes the one installed.

    Raises:
        ReproductionError: the training failed there.
    """
    from fairlead.errors import ReproductionError

    environment = {**os.environ}
    if package is not None:
        known = environment.get("PYTHONPATH")
        environment["PYTHONPATH"] = os.pathsep.join([str(package), *([known] if known else [])])
    # -P: what lies beside this script has the names of other modules.
    command = [sys.executable, "-P", __file__, json.dumps(asdict(request))]
    told = Path(request.work) / "errors"
    with told.open("wb") as errors:
        done = subprocess.run(  # noqa: S603 (our own module, no shell)
            command,
            cwd=request.work,
            env=environment,
            check=False,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            # Python waits with open ears if there is a timeout; otherwise a read or wait that a
            # Ctrl-C interrupts is begun again where polars is loaded (2.1).
            timeout=FOREVER_S,
        )
    if done.returncode == -signal.SIGINT:
        # Ctrl-C reaches both, and the other one may end first.
        raise KeyboardInterrupt
    if done.returncode:
        lines = told.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        reason = (lines or [f"exit status {done.returncode}"])[-1]
        raise ReproductionError(request.candidate, f"the code of its commit fails: {reason}")
    (bundle,) = (Path(request.work) / ".fairlead" / "bundles").iterdir()
    return bundle


def _project(request: Request) -> Project:
    """The project to train: its file as recorded, its data where they were found."""
    from fairlead.project.loading import Project
    from fairlead.project.spec import CandidateSpec, ProjectSpec
    from fairlead.workflows.load import load

    if request.spec is None:
        spec = load(request.project).spec
    else:
        spec = ProjectSpec.model_validate_json(Path(request.spec).read_bytes())
    written = spec.candidates.get(request.candidate)
    if request.found and written is not None:
        found = {**written.model_dump(mode="json"), **request.found, "search": None}
        tuned = {**spec.candidates, request.candidate: CandidateSpec.model_validate(found)}
        spec = spec.model_copy(update={"candidates": tuned})
    # The fingerprint was compared: a source's digest of the bytes would only be in the way.
    data = spec.data.model_copy(update={"path": request.data, "source": None})
    return Project.from_spec(spec.model_copy(update={"data": data}), request.work)


def _more(request: Request) -> dict[str, Any]:
    """The labelled predictions, for a `build` that knows of them; nothing where there are none."""
    if request.labelled is None:
        return {}
    from fairlead.workflows.labelled_data import recorded_rows

    return {"further": recorded_rows(_project(request), Path(request.labelled), request.recipe)}


def _main() -> None:
    from fairlead.workflows.train import train

    request = Request(**json.loads(sys.argv[1]))
    if request.labelled is not None:
        from fairlead.workflows.train import build

        build(_project(request), request.candidate, jobs=request.jobs, **_more(request))
        return
    # Not `build`, which not every commit has.
    train(_project(request), only=[request.candidate], jobs=request.jobs)


if __name__ == "__main__":
    _main()
