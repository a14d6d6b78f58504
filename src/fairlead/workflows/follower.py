"""Keeps the routing table of a service as the registry's aliases and notes want it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec

from fairlead.errors import (
    BundleError,
    FairleadError,
    ModelVersionNotFoundError,
    RegistryUnavailableError,
    StorageError,
    TrafficError,
)
from fairlead.registry.port import ModelRegistry
from fairlead.registry.records import CHAMPION, ModelVersion
from fairlead.registry.traffic import Traffic, read_traffic
from fairlead.serving.records import label_of
from fairlead.serving.table import Route, Served, Table, TableFile, Trouble, Version
from fairlead.workflows.serve import Registered
from fairlead.workflows.store import bundles_of

log = logging.getLogger(__name__)

RETRY_S = 60.0
"""Pause between two attempts at a bundle that is not sound."""
KINDS: Mapping[type[FairleadError], str] = {
    RegistryUnavailableError: "registry_unavailable",
    ModelVersionNotFoundError: "version_missing",
    BundleError: "bundle_refused",
    StorageError: "storage",
    TrafficError: "traffic_refused",
}

OpenRegistry = Callable[[Path], ModelRegistry]


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

    def give_up(self, waited_s: float) -> None:
        """Tell that the registry has not answered for so long; a later look takes it back."""
        for model in self._models:
            what = f"the registry has not answered within {waited_s:g} seconds"
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
