"""Follows the routing table: loads, verifies and warms up what it names, then swaps."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from fairlead.bundle.reading import load_bundle, verify_bundle
from fairlead.errors import BundleError
from fairlead.serving.app import make_app
from fairlead.serving.endpoints import endpoints, short_ways
from fairlead.serving.predictor import Predictor
from fairlead.serving.references import leave_reference
from fairlead.serving.service import Deployment, Generation, Model, Service
from fairlead.serving.table import Route, Served, Table, TableFile, Trouble, Version, served_alone
from fairlead.serving.traffic import Splitter

log = logging.getLogger(__name__)


class Loader:
    """Makes generations from the routing table of a service.

    What cannot be loaded is a trouble of the service, and what was served before goes on.
    """

    def __init__(self, service: Service, file: TableFile) -> None:
        self.service = service
        service.loader = self
        self.file = file
        self._stamp: tuple[int, int] | None = None
        self._made: tuple[dict[str, Served], str | None] | None = None
        self._refused = False
        self._turn = asyncio.Lock()

    async def follow(self) -> None:
        """Swap to what the table names now, if it has changed; returns when that is served."""
        async with self._turn:
            stamp = self.file.stamp()
            if stamp is None or stamp == self._stamp:
                return
            self._stamp = stamp
            generation = await asyncio.to_thread(self.make)
            if generation is not None:
                self.service.generation = generation
                served = [
                    (name, label)
                    for name, model in generation.models.items()
                    for label in model.deployments
                ]
                self.service.recorder.serve(str(stamp[0]), served)

    async def load(self, name: str, path: Path | None) -> None:
        """Serve a bundle, or serve again what was unloaded.

        Raises:
            BundleError: the bundle is not sound.
            KeyError: nothing was unloaded under this name.
        """
        bundle = None if path is None else await asyncio.to_thread(verify_bundle, path)

        def change(table: Table) -> Table:
            if bundle is None:
                served = table.unloaded[name]
            else:
                served = served_alone(bundle.path, bundle.digest)
            unloaded = {each: was for each, was in table.unloaded.items() if each != name}
            models = {**table.models, name: served}
            return Table(models, table.default or name, table.troubles, unloaded)

        await asyncio.to_thread(self.file.edit, change)
        await self.follow()

    async def unload(self, name: str) -> None:
        """Serve a model no longer.

        Raises:
            KeyError: there is no such model.
        """

        def change(table: Table) -> Table:
            models = dict(table.models)
            unloaded = {**table.unloaded, name: models.pop(name)}
            default = next(iter(models), None) if table.default == name else table.default
            return Table(models, default, table.troubles, unloaded)

        await asyncio.to_thread(self.file.edit, change)
        await self.follow()

    def make(self) -> Generation | None:
        """Load what the table names; None where nothing is to be served otherwise than now."""
        try:
            table = self.file.read()
        except ValueError as error:
            self._report((Trouble("table_unreadable", str(error), since=time.time()),))
            return None
        wanted = (table.models, table.default)
        if wanted == self._made and not self._refused:
            # Only its troubles have changed.
            self._report(table.troubles)
            return None
        before = self.service.generation
        troubles: list[Trouble] = []
        models = {}
        for name, served in table.models.items():
            model = self._model(name, served, before.models.get(name), troubles.append)
            if model is not None:
                models[name] = model
        self._report((*table.troubles, *troubles))
        default = table.default if table.default in models else next(iter(models), None)
        paths = endpoints(models, default, self.service.recorder)
        app = make_app(self.service, models, default, paths)
        short = short_ways(paths)
        self._made, self._refused = wanted, bool(troubles)
        return Generation(models, default, paths, short, app)

    def _model(
        self,
        name: str,
        served: Served,
        before: Model | None,
        report: Callable[[Trouble], None],
    ) -> Model | None:
        known = (
            {} if before is None else {each.digest: each for each in before.deployments.values()}
        )
        deployments: dict[str, Deployment] = {}
        for label, version in served.versions.items():
            deployment = known.get(version.digest)
            if deployment is None or deployment.label != label:
                deployment = self._deployment(name, label, version, report)
            if deployment is not None:
                deployments[label] = deployment
        routes, weights = {}, {}
        for route, way in served.routes.items():
            deployment = deployments.get(way.version)
            if deployment is None and before is not None:
                # The last good version goes on where the new one is not sound.
                deployment = before.routes.get(route)
            if deployment is not None:
                routes[route] = deployments[deployment.label] = deployment
                weights[route] = way
        return _assembled(name, served, deployments, routes, weights) or before

    def _deployment(
        self, name: str, label: str, version: Version, report: Callable[[Trouble], None]
    ) -> Deployment | None:
        started = time.perf_counter()
        recorder = self.service.recorder
        try:
            bundle = load_bundle(Path(version.path))
            if bundle.digest != version.digest:
                found = f"found {bundle.digest[:12]}…, expected {version.digest[:12]}…"
                raise BundleError(bundle.path, (found,))
            predictor = Predictor(bundle, self.service.settings.max_rows, label, name)
            predictor.warm_up()
        except BundleError as error:
            report(Trouble("bundle_refused", str(error), name, time.time()))
            recorder.count("reloads", outcome="refused")
            return None
        recorder.count("reloads", outcome="loaded")
        fields = {"model": name, "model_version": label, "digest": bundle.digest}
        log.info("loaded", extra={**fields, "seconds": round(time.perf_counter() - started, 3)})
        writer = self.service.log
        target = None
        if writer is not None:
            target = writer.target(name, label, bundle.digest, bundle.contract)
            leave_reference(target.folder, bundle)
        recorder.watch(name, label, bundle)
        return Deployment(name, label, version.number, predictor, target)

    def _report(self, troubles: tuple[Trouble, ...]) -> None:
        known = {(each.kind, each.what) for each in self.service.troubles}
        for trouble in troubles:
            if (trouble.kind, trouble.what) not in known:
                fields = {"kind": trouble.kind, "what": trouble.what, "model": trouble.model}
                log.error("trouble", extra=fields)
        if self.service.troubles and not troubles:
            log.info("trouble_over")
        self.service.troubles = troubles


def _assembled(
    name: str,
    served: Served,
    deployments: Mapping[str, Deployment],
    routes: Mapping[str, Deployment],
    ways: Mapping[str, Route],
) -> Model | None:
    answering = {route: way for route, way in ways.items() if way.weight > 0}
    if not answering:
        return None
    primary = max(answering, key=lambda route: answering[route].weight)
    shadow = None if served.shadow is None else routes.get(served.shadow)
    splitter = Splitter(answering, served.sticky)
    return Model(name, deployments, routes, served, splitter, shadow, routes[primary])
