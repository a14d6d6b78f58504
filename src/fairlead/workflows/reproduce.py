"""Makes a version again from what its bundle records, and says what differs."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from fairlead.bundle.manifest import PROJECT, to_json
from fairlead.bundle.reading import load_bundle
from fairlead.errors import FairleadError, ReproductionError
from fairlead.progress import Progress
from fairlead.project.loading import Project
from fairlead.project.spec import ProjectSpec
from fairlead.registry.port import ModelRegistry
from fairlead.storage import write_whole
from fairlead.workflows.checkout import Checkout, checked_out
from fairlead.workflows.load import load
from fairlead.workflows.rebuilding import Request, rebuild, rebuild_apart
from fairlead.workflows.recorded import Recorded, find_recorded
from fairlead.workflows.recorded_data import FoundData, find_data
from fairlead.workflows.reproduction import Reproduction
from fairlead.workflows.store import labelled_file, results_folder
from fairlead.workflows.then_and_now import put_beside


def reproduce(
    project: Project,
    version: str | int,
    *,
    registry: ModelRegistry | None = None,
    mirror: str | None = None,
    checkout: bool = False,
    jobs: int = 0,
    progress: Progress | None = None,
) -> Reproduction:
    """Train a version's candidate again and compare graph, golden rows and metrics.

    All of it happens in a temporary folder: nothing is registered, no alias moves, no leaderboard
    is written. The outcome is kept as `.fairlead/results/reproduction/<digest>.json`.

    Args:
        project: the project.
        version: number, alias or candidate; or a bundle's folder, or its digest.
        registry: where versions are; None knows bundles only.
        mirror: folder or address that holds the data, see `fairlead.data.fetch.fetch`.
        checkout: take the code of the recorded commit, in a temporary worktree of git.
        jobs: processes; 0 takes one per core.
        progress: told how far it is; not with `checkout`.

    Raises:
        ModelVersionNotFoundError: there is no such version.
        BundleError: the bundle is not what was written.
        DataMissingError: there are no data to train on.
        ReproductionError: it cannot be made again, whatever would come of it.
        FairleadError: the training failed.
    """
    recorded = find_recorded(project, str(version), registry)
    labelled = _labelled(project, recorded)
    with ExitStack() as stack:
        folder = Path(
            stack.enter_context(TemporaryDirectory(prefix="fairlead-reproduce-"))
        ).resolve()
        tree = None
        if checkout:
            tree = stack.enter_context(checked_out(project.root, recorded, folder / "tree"))
        work = folder / "work"
        work.mkdir()
        spec = _spec(project, recorded, tree)
        roots = [*([tree.project] if tree else []), project.root]
        data = find_data(recorded, spec, roots, work, mirror)
        place = project if tree is None else tree
        request = _request(recorded, place, data, labelled, work, jobs)
        try:
            made = rebuild_apart(request, tree.package) if tree else rebuild(request, progress)
        except FairleadError as error:
            if data.is_recorded:
                raise
            told = " ".join(["the data differs.", *data.remarks])
            reason = f"{told} It cannot be trained on: {error}"
            raise ReproductionError(recorded.label, reason) from error
        folder = tree.project if tree else project.root
        found = put_beside(project, recorded, load_bundle(made), data, folder)
    file = results_folder(project) / "reproduction" / f"{found.digest}.json"
    at = datetime.now(UTC).isoformat(timespec="seconds")
    write_whole(file, to_json({"at": at, **found.to_json()}))
    return found


def _spec(project: Project, recorded: Recorded, tree: Checkout | None) -> ProjectSpec:
    """The project file to train by: as recorded, or that of the commit, or the present one."""
    spec = recorded.spec()
    if spec is not None:
        return spec
    return project.spec if tree is None else load(tree.project).spec


def _request(
    recorded: Recorded,
    place: Project | Checkout,
    data: FoundData,
    labelled: Path | None,
    work: Path,
    jobs: int,
) -> Request:
    file = place.path if isinstance(place, Project) else place.project
    spec = recorded.bundle.path / PROJECT
    return Request(
        candidate=recorded.bundle.candidate,
        project=str(file.resolve()),
        spec=None if recorded.spec_json is None else str(spec.resolve()),
        data=str(data.path),
        work=str(work),
        jobs=jobs,
        found=recorded.bundle.manifest.get("search", {}).get("found", {}),
        labelled=None if labelled is None else str(labelled),
        recipe=recorded.provenance.get("labelled", {}),
    )


def _labelled(project: Project, recorded: Recorded) -> Path | None:
    """The labelled predictions that the version was trained on, too; None if there were none.

    Raises:
        ReproductionError: they are not in the project.
    """
    origin = recorded.provenance.get("labelled")
    if origin is None:
        return None
    file = labelled_file(project.root, origin["sha256"])
    if not file.is_file():
        reason = (
            f"it was trained on {origin['trained_on']:,} labelled predictions too, and their file "
            f"is not here: bring {file}"
        )
        raise ReproductionError(recorded.label, reason)
    return file.resolve()
