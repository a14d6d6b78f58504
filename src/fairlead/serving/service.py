"""What a running worker holds: the models it serves, and whether requests are welcome."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fairlead.serving.counted import Snapshot, merge
from fairlead.serving.exchange import Request
from fairlead.serving.label_log import LabelLog
from fairlead.serving.operations import Operation
from fairlead.serving.parameters import wants_interval
from fairlead.serving.prediction_log import LogTarget, PredictionLog
from fairlead.serving.predictor import Predictor
from fairlead.serving.recorder import Recorder, Series
from fairlead.serving.snapshots import Snapshots
from fairlead.serving.table import Served, Trouble
from fairlead.serving.traffic import Splitter
from fairlead.settings import Settings

if TYPE_CHECKING:
    from fairlead.serving.loading import Loader
    from fairlead.serving.shadow import Shadow

PUBLIC = ("name", "candidate", "family", "parameters", "metrics", "coverage", "provenance")


@dataclass(frozen=True)
class Deployment:
    """One loaded version of a model.

    Attributes:
        model: the name that it is served under.
        label: its number, or the first 12 digits of its digest.
        number: its version in the registry; None for a bundle that is served by its path.
        predictor: answers with it.
        target: where its predictions are logged; None without a prediction log.
    """

    model: str
    label: str
    number: int | None
    predictor: Predictor
    target: LogTarget | None

    @property
    def digest(self) -> str:
        """SHA-256 of the bundle's manifest."""
        return self.predictor.bundle.digest


@dataclass(frozen=True)
class Model:
    """One name, its loaded versions and the ways to them.

    Attributes:
        name: as paths, headers and metrics give it.
        deployments: label -> loaded version.
        routes: name of a route -> the version it leads to.
        served: what the routing table says of it.
        splitter: chooses the route of a request.
        shadow: the version that sees a copy of the traffic, if any.
        primary: the version with the largest share: what the short descriptions tell of.
    """

    name: str
    deployments: Mapping[str, Deployment]
    routes: Mapping[str, Deployment]
    served: Served
    splitter: Splitter
    shadow: Deployment | None
    primary: Deployment

    def alias_of(self, deployment: Deployment) -> str | None:
        """The first route that leads to a version."""
        return next((name for name, each in self.routes.items() if each is deployment), None)

    def version_document(self) -> dict[str, Any]:
        """As `/version` answers."""
        manifest = self.primary.predictor.bundle.manifest
        return {
            "model": self.name,
            "candidate": manifest["candidate"],
            "version": self.primary.number,
            "alias": self._alias(),
            "digest": self.primary.digest,
        }

    def model_document(self) -> dict[str, Any]:
        """As `/model_info` answers: the manifest's public part."""
        bundle = self.primary.predictor.bundle
        contract = bundle.contract.to_json()
        return {
            **{key: bundle.manifest.get(key) for key in PUBLIC},
            **{key: contract[key] for key in ("task", "columns", "target", "classes")},
            "version": self.primary.number,
            "alias": self._alias(),
            "digest": bundle.digest,
        }

    def traffic_document(self) -> dict[str, Any]:
        """As `/models/{name}/traffic` answers: routes with version and weight, shadow, sticky."""
        return {
            "model": self.name,
            "routes": {
                route: {"version": deployment.label, "weight": self.served.routes[route].weight}
                for route, deployment in self.routes.items()
            },
            "shadow": self.served.shadow,
            "sticky": self.served.sticky,
        }

    def _alias(self) -> str | None:
        alias = self.alias_of(self.primary)
        return None if self.primary.number is None or alias == str(self.primary.number) else alias


@dataclass(frozen=True)
class Way:
    """A route of an endpoint: the version behind it, and where its requests are counted."""

    route: str
    deployment: Deployment
    series: Series
    header: tuple[bytes, bytes]


@dataclass(frozen=True)
class Endpoint:
    """A path that answers predictions.

    Attributes:
        path: as requests give it.
        template: the same with `{name}` and `{version}` for what differs.
        operation: what it does.
        model: with which model.
        ways: route -> its version; one alone for a path that names a version.
        only: the single way, if there is one that takes all requests.
        with_interval: the same for requests that ask for intervals or sets, too.
    """

    path: str
    template: str
    operation: Operation
    model: Model
    ways: Mapping[str, Way]
    only: Way | None
    with_interval: Endpoint | None = None

    def asked(self, query: bytes) -> Endpoint:
        """What answers a request with this query string; unknown parameters ask for nothing.

        Raises:
            RequestRefusedError: 422, `interval` is neither true nor false.
        """
        if self.with_interval is None:
            return self
        return self.with_interval if wants_interval(query) else self

    def way(self, request: Request) -> Way:
        """Which version answers a request."""
        return self.only or self.ways[self.model.splitter.choose(request)]


@dataclass(frozen=True)
class Generation:
    """All that is served at one moment; replaced as a whole.

    Attributes:
        models: name -> model.
        default: the model of the short paths.
        endpoints: path -> endpoint.
        short: the same by the bytes of a request line.
        app: answers everything that is no prediction.
    """

    models: Mapping[str, Model] = field(default_factory=dict)
    default: str | None = None
    endpoints: Mapping[str, Endpoint] = field(default_factory=dict)
    short: Mapping[bytes, Endpoint] = field(default_factory=dict)
    app: Any = None


@dataclass
class Service:
    """The state of one process that answers requests."""

    settings: Settings
    recorder: Recorder
    snapshots: Snapshots
    log: PredictionLog | None = None
    labels: LabelLog | None = None
    shadow: Shadow | None = None
    generation: Generation = field(default_factory=Generation)
    loader: Loader = field(init=False)
    draining: bool = False
    """Set when the process was told to stop: it still answers, but wants no new traffic."""
    troubles: tuple[Trouble, ...] = ()
    """What keeps it from serving what the table names."""

    @property
    def models(self) -> Mapping[str, Model]:
        """What is served now."""
        return self.generation.models

    @property
    def default(self) -> str | None:
        """The model of the short paths."""
        return self.generation.default

    @property
    def ready(self) -> bool:
        """Every routed model has passed its golden rows, and the process is to stay."""
        return bool(self.generation.models) and not self.draining

    async def load(self, name: str, path: Path | None) -> None:
        """Serve a bundle, or serve again what was unloaded; returns when it is served.

        Raises:
            BundleError: the bundle is not sound.
            KeyError: nothing was unloaded under this name.
        """
        await self.loader.load(name, path)

    async def unload(self, name: str) -> None:
        """Serve a model no longer.

        Raises:
            KeyError: there is no such model.
        """
        await self.loader.unload(name)

    def merged(self) -> Snapshot:
        """What all workers have counted; never less than at an earlier call."""
        self.write_snapshot()
        return merge(self.snapshots.read_all())

    def write_snapshot(self) -> None:
        """Let the other workers know what this one has counted."""
        if self.shadow is not None:
            for name, value, labels in self.shadow.counts():
                self.recorder.total(name, value, **labels)
        if self.log is not None:
            recorder = self.recorder
            recorder.total("prediction_log_rows", self.log.written_rows, outcome="written")
            recorder.total("prediction_log_rows", self.log.dropped_rows, outcome="dropped")
        self.snapshots.write(self.recorder, ready=self.ready)
