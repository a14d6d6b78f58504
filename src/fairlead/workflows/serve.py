"""Finds what `fairlead serve` shall serve, and follows where the registry's aliases point."""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from fairlead.bundle.manifest import MANIFEST
from fairlead.bundle.reading import load_bundle, verify_bundle
from fairlead.errors import (
    BundleError,
    DataMissingError,
    FairleadError,
    ModelVersionNotFoundError,
    RegistryUnavailableError,
    StorageError,
    TrafficError,
)
from fairlead.registry.port import ModelRegistry
from fairlead.registry.records import CHAMPION, ModelVersion
from fairlead.registry.traffic import Traffic, from_spec, read_traffic
from fairlead.serving.records import label_of
from fairlead.serving.table import Route, Served, Table, TableFile, Trouble, Version
from fairlead.workflows.store import STATE, bundles_of

log = logging.getLogger(__name__)

MODEL_URI = re.compile(r"models:/(?P<name>[^/@]+)(?:@(?P<alias>.+)|/(?P<version>.+))?")
RETRY_S = 60.0
"""Pause between two attempts at a bundle that is not sound."""
FIRST_LOOK_S = 10.0
"""What the registry gets to answer before the service starts with what it served last."""
KINDS: Mapping[type[FairleadError], str] = {
    RegistryUnavailableError: "registry_unavailable",
    ModelVersionNotFoundError: "version_missing",
    BundleError: "bundle_refused",
    StorageError: "storage",
    TrafficError: "traffic_refused",
}

OpenRegistry = Callable[[Path], ModelRegistry]


@dataclass(frozen=True)
class Registered:
    """A model of a registry.

    Attributes:
        root: folder whose registry it is, and whose cache its bundles go to.
        name: of the registered model.
        reference: alias, candidate or version that was asked for.
        traffic: of a champion, where none was set in the registry.
    """

    root: Path
    name: str
    reference: str
    traffic: Traffic = field(default_factory=Traffic)


@dataclass(frozen=True)
class Targets:
    """What is to be served: models of a registry, and bundles by their folders."""

    registered: tuple[Registered, ...]
    bundles: tuple[Path, ...]

    @property
    def root(self) -> Path:
        """Folder beside which the service keeps its state."""
        return self.registered[0].root if self.registered else Path.cwd()


def find(targets: Sequence[str], model: str | None) -> Targets:
    """Tell projects, models of a registry and bundles apart, and verify the bundles.

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
            bundles.append(verify_bundle(path).path.resolve())
        elif path.exists():
            # Needs the families, to check the file: a bundle is served where none is installed.
            from fairlead.workflows.load import load

            project = load(path)
            traffic = from_spec(project.spec.serving)
            name, reference = project.spec.name, model or CHAMPION
            registered.append(Registered(project.root, name, reference, traffic))
        else:
            raise DataMissingError(path, "name a project, a bundle or models:/name@alias")
    return Targets(tuple(registered), tuple(bundles))


def state_of(targets: Targets, port: int) -> Path:
    """Where a service keeps its routing table, so that it can start while the registry is away."""
    return targets.root / STATE / "serving" / str(port)


class Follower:
    """Keeps the routing table as the registry wants it.

    Args:
        file: the routing table.
        models: what is followed.
        registry: opens the registry of a folder.
        cache: where fetched bundles go; each project's own store if None.
    """

    def __init__(
        self,
        file: TableFile,
        models: Sequence[Registered],
        registry: OpenRegistry,
        cache: Path | None = None,
    ) -> None:
        self._file = file
        self._models = models
        self._registry = registry
        self._cache = cache
        self._opened: dict[Path, ModelRegistry] = {}
        self._troubles: dict[str, Trouble] = {}
        self._wanted: dict[str, Served] = {}
        self._refused: dict[tuple[str, int, str], tuple[float, FairleadError]] = {}

    def look(self, others: Sequence[Trouble] = ()) -> dict[str, FairleadError]:
        """Ask the registry once and write what it wants into the table.

        Args:
            others: troubles that somebody else has noticed.

        Returns:
            Model name -> why it could not be followed; what was served before stays.
        """
        wanted: dict[str, Served] = {}
        failed: dict[str, FairleadError] = {}
        for model in self._models:
            try:
                wanted[model.name], absent = self._desired(model)
                if absent is not None:
                    failed[model.name] = absent
            except tuple(KINDS) as error:
                failed[model.name] = error
        self._note(failed)
        troubles = (*self._troubles.values(), *others)

        def change(table: Table) -> Table:
            models, unloaded = dict(table.models), dict(table.unloaded)
            for name, each in wanted.items():
                # What an operator has changed stays until the registry wants something else.
                if each != self._wanted.get(name):
                    place = unloaded if name in unloaded else models
                    place[name] = each
            default = table.default or next(iter(models), None)
            return Table(models, default, troubles, unloaded)

        self._file.edit(change)
        self._wanted |= wanted
        return failed

    def give_up(self) -> None:
        """Tell that the registry does not answer; a later look takes it back."""
        for model in self._models:
            what = f"the registry has not answered within {FIRST_LOOK_S:g} seconds"
            self._troubles[model.name] = Trouble(
                "registry_unavailable", what, model.name, time.time()
            )
        troubles = tuple(self._troubles.values())
        self._file.edit(lambda table: msgspec.structs.replace(table, troubles=troubles))

    def follow(
        self,
        poll_s: float,
        stop: threading.Event,
        others: Callable[[], Sequence[Trouble]] = tuple,
    ) -> None:
        """Look every `poll_s` seconds until `stop` is set."""
        while not stop.wait(poll_s):
            try:
                self.look(others())
            except StorageError as error:
                log.error("table_unwritable", extra={"reason": str(error)})
            except Exception:
                # The edge of the thread: whatever it is, the next look may go well.
                log.exception("follow_failed")

    def _desired(self, model: Registered) -> tuple[Served, ModelVersionNotFoundError | None]:
        """What the registry wants to be served of a model, and the route that leads nowhere."""
        registry = self._open(model.root)
        traffic = Traffic({model.reference: 100.0})
        if model.reference == CHAMPION:
            # A model without a champion is told as that, not as one without notes.
            registry.resolve(model.name, CHAMPION)
            traffic = read_traffic(registry.notes(model.name), model.traffic)
        versions, routes = {}, {}
        names = [*traffic.weights]
        if traffic.shadow is not None and traffic.shadow not in names:
            names.append(traffic.shadow)
        absent = None
        for name in names:
            try:
                version = registry.resolve(model.name, name)
            except ModelVersionNotFoundError as error:
                # The others answer its share.
                absent = error
                continue
            label = label_of(version.version, version.digest)
            versions[label] = self._had(model, label, version)
            routes[name] = Route(label, traffic.weights.get(name, 0.0))
        if absent is not None and not any(route.weight for route in routes.values()):
            raise absent
        shadow = traffic.shadow if traffic.shadow in routes else None
        return Served(versions, routes, shadow, traffic.sticky), absent

    def _had(self, model: Registered, label: str, version: ModelVersion) -> Version:
        """A version's bundle, fetched unless it was had before."""
        last = self._wanted.get(model.name)
        known = None if last is None else last.versions.get(label)
        if known is not None and known.digest == version.digest:
            return known
        key = (version.name, version.version, version.digest)
        until, refused = self._refused.get(key, (0.0, None))
        if refused is not None and time.monotonic() < until:
            raise refused.with_traceback(None)
        try:
            path = self._open(model.root).fetch(version, self._cache or bundles_of(model.root))
        except (BundleError, StorageError) as error:
            self._refused[key] = (time.monotonic() + RETRY_S, error)
            raise
        return Version(str(path.resolve()), version.digest, version.version)

    def _open(self, root: Path) -> ModelRegistry:
        if root not in self._opened:
            self._opened[root] = self._registry(root)
        return self._opened[root]

    def _note(self, failed: Mapping[str, FairleadError]) -> None:
        for name, error in failed.items():
            kind = next(kind for each, kind in KINDS.items() if isinstance(error, each))
            known = self._troubles.get(name)
            if known is None or known.kind != kind:
                self._troubles[name] = Trouble(kind, str(error), name, time.time())
                log.error("not_followed", extra={"model": name, "kind": kind, "what": str(error)})
        for name in self._troubles.keys() - failed.keys():
            del self._troubles[name]
            log.info("followed_again", extra={"model": name})


def take_over(file: TableFile, names: Sequence[str]) -> None:
    """Keep of the run before what is asked for again and still sound, and nothing else."""
    try:
        file.read()
    except ValueError as error:
        log.warning("table_unreadable", extra={"path": str(file.path), "reason": str(error)})
        file.path.unlink(missing_ok=True)

    def change(table: Table) -> Table:
        before = {**table.unloaded, **table.models}
        models = {name: before[name] for name in names if name in before}
        sound = {name: each for name, each in models.items() if all(map(_sound, _routed(each)))}
        return Table(sound)

    file.edit(change)


def _routed(served: Served) -> list[Version]:
    return [served.versions[route.version] for route in served.routes.values()]


def _sound(version: Version) -> bool:
    try:
        return load_bundle(version.path).digest == version.digest
    except BundleError:
        return False


def first_look(follower: Follower, file: TableFile, wanted: Sequence[Registered]) -> None:
    """Ask the registry before the service starts; what it served last will do if that fails.

    Raises:
        FairleadError: a model cannot be found, and was not served before either.
    """
    failed: dict[str, FairleadError] = {}
    crashed: list[BaseException] = []

    def look() -> None:
        try:
            failed.update(follower.look())
        except FairleadError as error:
            crashed.append(error)

    # A registry that never answers must not keep a service from starting.
    thread = threading.Thread(target=look, name="first-look", daemon=True)
    thread.start()
    thread.join(FIRST_LOOK_S)
    if crashed:
        raise crashed[0]
    if thread.is_alive():
        follower.give_up()
    known = file.read().models
    for model in wanted:
        if model.name in known:
            continue
        raise failed.get(model.name) or RegistryUnavailableError(
            str(model.root), f"no answer within {FIRST_LOOK_S:g} seconds"
        )


def add_bundles(file: TableFile, bundles: Mapping[str, Served], default: str | None) -> None:
    """Write bundles that are served by their folders into the table, and the default model."""

    def change(table: Table) -> Table:
        models = {**table.models, **bundles}
        return msgspec.structs.replace(
            table, models=models, default=default or next(iter(models), None)
        )

    file.edit(change)
