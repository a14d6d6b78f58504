"""Finds what `fairlead serve` shall serve."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from fairlead.bundle.manifest import MANIFEST, check_files
from fairlead.errors import DataMissingError
from fairlead.registry.records import CHAMPION
from fairlead.registry.traffic import Traffic, from_spec
from fairlead.settings import Settings
from fairlead.workflows.prediction_log import predictions_of
from fairlead.workflows.store import STATE

MODEL_URI = re.compile(r"models:/(?P<name>[^/@]+)(?:@(?P<alias>.+)|/(?P<version>.+))?")


@dataclass(frozen=True)
class Registered:
    """A model of a registry.

    Attributes:
        root: folder whose registry it is, and whose cache its bundles go to.
        name: of the registered model.
        reference: alias, candidate or version that was asked for.
        traffic: of a champion, where none was set in the registry.
        is_project: whether it was named by its project's folder.
    """

    root: Path
    name: str
    reference: str
    traffic: Traffic = field(default_factory=Traffic)
    is_project: bool = False


@dataclass(frozen=True)
class Targets:
    """What is to be served: models of a registry, and bundles by their folders."""

    registered: tuple[Registered, ...]
    bundles: tuple[Path, ...]

    @property
    def root(self) -> Path:
        """Folder beside which the service keeps its state."""
        return self.registered[0].root if self.registered else Path.cwd()

    def prediction_log(self, settings: Settings, *, wanted: bool) -> Path | None:
        """Where predictions are logged: as the settings say, or beside the one project that is.

        Of several projects, of models by their address and of bundles nothing is logged unless
        the settings name a folder.
        """
        if not wanted:
            return None
        alone = len(self.registered) == 1 and not self.bundles and self.registered[0].is_project
        return predictions_of(self.root, settings) if alone else settings.prediction_log


def find(targets: Sequence[str], model: str | None) -> Targets:
    """Tell projects, models of a registry and bundles apart, and check the bundles' files.

    Args:
        targets: projects, bundles' folders, or `models:/name@alias` or `models:/name/version`.
        model: candidate, alias or version to serve of a project or model; the champion if None.

    Raises:
        DataMissingError: there is no such project or bundle.
        BundleError: a bundle is damaged.
    """
    registered, bundles = [], []
    for target in targets:
        uri, path = MODEL_URI.fullmatch(target), Path(target)
        if uri is not None:
            reference = model or uri["alias"] or uri["version"] or CHAMPION
            registered.append(Registered(Path.cwd(), uri["name"], reference))
        elif (path / MANIFEST).is_file():
            # Who serves it replays its golden rows: once is enough before the first answer.
            check_files(path, complete=True)
            bundles.append(path.resolve())
        elif path.exists():
            # Needs the families, to check the file: a bundle is served where none is installed.
            from fairlead.workflows.load import load

            project = load(path)
            traffic = from_spec(project.spec.serving)
            name, reference = project.spec.name, model or CHAMPION
            registered.append(Registered(project.root, name, reference, traffic, is_project=True))
        else:
            raise DataMissingError(path, "name a project, a bundle or models:/name@alias")
    return Targets(tuple(registered), tuple(bundles))


@contextmanager
def state_of(targets: Targets, port: int) -> Iterator[Path]:
    """Where a service keeps its routing table, so that it can start while the registry is away.

    Args:
        targets: what it serves.
        port: where it was asked to listen; nobody comes back to a free one (0), so the folder
            is another one each time, and goes with the service.
    """
    folder = targets.root / STATE / "serving"
    if port:
        yield folder / str(port)
        return
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="0-", dir=folder, ignore_cleanup_errors=True) as own:
        yield Path(own)
