"""Keeps the routing table of a service as the registry's aliases and notes want it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
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
from fairlead.registry.traffic import Traffic, read_traffic, write_traffic
from fairlead.serving.records import label_of
from fairlead.serving.table import Route, Served, Table, TableFile, Trouble, Version
from fairlead.workflows.serve import Registered
from fairlead.workflows.store import bundles_of
from fairlead.workflows.traffic import ledger_of

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

LOST = (ModelVersionNotFoundError, BundleError, StorageError, RegistryUnavailableError)
"""What may become of one version without touching the others of its model."""

OpenRegistry = Callable[[Path], ModelRegistry]
Place = tuple[str, str, int | None]
"""A model, its route and the version there that is at fault; no route if it is the model."""


@dataclass(frozen=True)
class Fault:
    """Why something cannot be followed, and what that means for the service."""

    error: FairleadError
    what: str

    @property
    def kind(self) -> str:
        """As troubles have it."""
        return next(kind for each, kind in KINDS.items() if isinstance(self.error, each))


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
        self._troubles: dict[Place, Trouble] = {}
        self._wanted: dict[str, Served] = {}
        self._refused: dict[tuple[str, int, str], tuple[float, FairleadError]] = {}

    def look(self, others: Sequence[Trouble] = ()) -> dict[str, FairleadError]:
        """Ask the registry once and write what it wants into the table.

        It is told first what an operator has asked of the service.

        Args:
            others: troubles that somebody else has noticed.

        Returns:
            Model name -> why it could not be followed; what was served before stays.
        """
        before = self._file.read()
        wanted: dict[str, Served] = {}
        noted: dict[str, Traffic] = {}
        failed: dict[str, FairleadError] = {}
        faults: dict[Place, Fault] = {}
        for model in self._models:
            name = model.name
            served = before.models.get(name) or before.unloaded.get(name)
            try:
                if served is not None and served.asked is not None:
                    write_traffic(self._open(model.root), name, served.asked)
                    noted[name] = served.asked
                wanted[name], lost = self._desired(model, served)
                faults |= lost
            except tuple(KINDS) as error:
                failed[name] = error
                faults[name, "", None] = Fault(error, str(error))
        self._note(faults)
        troubles = (*self._troubles.values(), *others)

        def change(table: Table) -> Table:
            models, unloaded = dict(table.models), dict(table.unloaded)
            for name, each in wanted.items():
                place = unloaded if name in unloaded else models
                asked = place[name].asked if name in place else None
                if asked != noted.get(name):
                    # Asked for since: the next look tells the registry.
                    continue
                # What an operator has changed stays until the registry wants something else.
                if asked is not None or each != self._wanted.get(name):
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
            self._troubles[model.name, "", None] = Trouble(
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

    def _desired(
        self, model: Registered, before: Served | None
    ) -> tuple[Served, dict[Place, Fault]]:
        """What the registry wants to be served of a model, and the routes that lead elsewhere.

        A version that cannot be had costs its own route alone: the version before it stays there,
        or else the others answer its share.
        """
        registry, traffic = self._open(model.root), self._traffic(model)
        versions: dict[str, Version] = {}
        routes: dict[str, Route] = {}
        faults: dict[Place, Fault] = {}
        for name in traffic.references:
            version = None
            try:
                version = registry.resolve(model.name, name)
                label = label_of(version.version, version.digest)
                bundle = self._had(model, label, version)
            except LOST as error:
                place = (model.name, name, None if version is None else version.version)
                # An alias that was taken away is a decision, and no version outlives it.
                gone = isinstance(error, ModelVersionNotFoundError)
                if gone or before is None or name not in before.routes:
                    faults[place] = Fault(error, f"nothing is served as {name}: {error}")
                    continue
                label = before.routes[name].version
                bundle = before.versions[label]
                faults[place] = Fault(error, f"version {label} stays as {name}: {error}")
            versions[label] = bundle
            routes[name] = Route(label, traffic.weights.get(name, 0.0))
        if not any(route.weight for route in routes.values()):
            raise next(iter(faults.values())).error
        shadow = traffic.shadow if traffic.shadow in routes else None
        ledger = str(ledger_of(model.root).path.resolve()) if model.reference == CHAMPION else None
        return Served(versions, routes, shadow, traffic.sticky, ledger), faults

    def _traffic(self, model: Registered) -> Traffic:
        """How a model's requests are to be shared out."""
        if model.reference != CHAMPION:
            return Traffic({model.reference: 100.0})
        registry = self._open(model.root)
        # A model without a champion is told as that, not as one without notes.
        registry.resolve(model.name, CHAMPION)
        return read_traffic(registry.notes(model.name), model.traffic)

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

    def _note(self, faults: Mapping[Place, Fault]) -> None:
        for place, fault in faults.items():
            known = self._troubles.get(place)
            if known is None or known.kind != fault.kind:
                fields = {"kind": fault.kind, "what": fault.what, "model": place[0]}
                self._troubles[place] = Trouble(**fields, since=time.time())
                log.error("not_followed", extra=fields)
        over = self._troubles.keys() - faults.keys()
        for place in over:
            del self._troubles[place]
        for name in {place[0] for place in over} - {place[0] for place in self._troubles}:
            log.info("followed_again", extra={"model": name})
