"""The process that answers requests: `python -m fairlead.serving.worker --bundle PATH`."""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import logging
import math
import os
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

import uvicorn
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

from fairlead.bundle.manifest import check_files, digest
from fairlead.errors import BundleError, ExtraMissingError, SettingsError
from fairlead.serving.addresses import url_of
from fairlead.serving.exchange import Answer
from fairlead.serving.fast_http import FastHttp, fast_http
from fairlead.serving.gateway import Gateway
from fairlead.serving.label_log import LabelLog
from fairlead.serving.loading import Loader
from fairlead.serving.logs import LineWriter, RequestLines, configure_logging
from fairlead.serving.memory import keep_large_apart, release
from fairlead.serving.prediction_log import PredictionLog
from fairlead.serving.prediction_retention import Retention
from fairlead.serving.recorder import Recorder
from fairlead.serving.records import SHADOW
from fairlead.serving.sagemaker_container import sagemaker_settings
from fairlead.serving.service import Deployment, Service
from fairlead.serving.shadow import Shadow
from fairlead.serving.snapshots import Snapshots
from fairlead.serving.table import Served, Table, TableFile, served_alone
from fairlead.settings import MAX_PORT, Settings, read_settings

log = logging.getLogger(__name__)

EXIT_BUNDLE = 1
EXIT_USAGE = 2
TABLE = "routes.json"
STATS = "stats"
FOLLOW_TICKS = 2
SNAPSHOT_TICKS = 10
RELEASE_TICKS = 50
GC_THRESHOLD = 50_000
"""New objects after which the collector runs; a request leaves none that only it could free."""
SWITCH_INTERVAL_S = 0.0005
"""While a newcomer loads in a thread, no request waits longer than this for the interpreter."""


class Server(uvicorn.Server):
    """uvicorn, with a stop that is seen before it happens, and a heart that beats.

    On SIGTERM or SIGINT the service calls itself not ready and goes on answering, on new
    connections too, while requests are in flight; then it closes its listener, finishes what it
    has, and exits with 0. All this takes at most `drain_s`; a second signal ends it at once.
    """

    def __init__(
        self, config: uvicorn.Config, gateway: Gateway, loader: Loader, parent: int | None = None
    ) -> None:
        super().__init__(config)
        self._gateway = gateway
        self._loader = loader
        self._service = gateway.service
        self._listen_until = math.inf
        self.drained_by = math.inf
        """`time.monotonic` when a stopping service has had its time."""
        # A supervisor may have ended before this line is reached: who it was must be told.
        self._parent = os.getppid() if parent is None else parent
        self._following: asyncio.Task[None] | None = None
        self._releasing: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Load what is to be served, listen, and say where."""
        await self._loader.follow()
        if not self._service.models and not self._service.settings.model_control:
            self.should_exit = True
            return
        # What is loaded now stays: the collector need not look at it again and again.
        gc.collect()
        gc.freeze()
        release()
        gc.set_threshold(GC_THRESHOLD)
        await super().startup(sockets=sockets)
        url = url_of(self.servers[0].sockets[0])
        default = self._service.models.get(self._service.default or "")
        facts = {} if default is None else default.version_document()
        log.info("ready", extra={"url": url, **facts})
        if sockets is None:
            # Nobody has started this worker among others: it is the whole service.
            told = {"url": url, "models": [*self._service.models], "workers": 1}
            log.info("serving", extra=told)
        # Last: for a supervisor, this worker answers from now on.
        self._service.write_snapshot()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to drain; uvicorn's own would end the process by the signal."""
        del frame
        if self._service.draining:
            self.should_exit = self.force_exit = True
            return
        self._drain(signal=sig)

    async def on_tick(self, counter: int) -> bool:
        """Keep house, ten times a second; say whether to close the listener."""
        leave = await super().on_tick(counter)
        self._gateway.flush()
        if counter % FOLLOW_TICKS == 0 and (self._following is None or self._following.done()):
            self._following = asyncio.create_task(self._loader.follow())
        if counter % RELEASE_TICKS == 0:
            self._releasing = asyncio.create_task(asyncio.to_thread(release))
        if counter % SNAPSHOT_TICKS == 0:
            for connection in list(self.server_state.connections):
                if isinstance(connection, FastHttp):
                    connection.end_if_slow(self._service.settings.read_timeout_s)
            self._service.write_snapshot()
            if os.getppid() != self._parent and not self._service.draining:
                log.error("supervisor_gone")
                self._drain()
        idle = not self.server_state.tasks and not any(
            connection.is_arriving
            for connection in self.server_state.connections
            if isinstance(connection, FastHttp)
        )
        late = time.monotonic() > self._listen_until
        return leave or (self._service.draining and (idle or late))

    def _drain(self, **fields: int) -> None:
        self._service.draining = True
        now, drain_s = time.monotonic(), self._service.settings.drain_s
        self._listen_until, self.drained_by = now + drain_s / 2, now + drain_s
        log.info("draining", extra=fields)


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until a signal; returns the exit code."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        settings = read_settings({**os.environ, **sagemaker_settings(os.environ)})
    except SettingsError as error:
        print(error, file=sys.stderr)  # noqa: T201 (the log's level is among the settings)
        return EXIT_USAGE
    if not (options.bundle or options.state or settings.model_control):
        parser.error("expected --bundle or --state, for no model may be loaded by request")
    given = {"host": options.host, "port": options.port, "prediction_log": options.log}
    update = {name: value for name, value in given.items() if value is not None}
    if options.no_log:
        update["prediction_log"] = None
    settings = settings.model_copy(update=update)
    writer = LineWriter()
    configure_logging(settings.log_level, writer)
    try:
        if options.state is not None:
            code = serve(
                options.state,
                settings,
                writer,
                worker_id=options.id,
                fd=options.fd,
                parent=options.parent,
            )
        else:
            code = _serve_bundles(options.bundle, settings, writer)
    except (ExtraMissingError, SettingsError) as error:
        print(error, file=sys.stderr)  # noqa: T201 (a setting asked for what is not there)
        code = EXIT_USAGE
    writer.close()
    return code


def _serve_bundles(paths: Sequence[Path], settings: Settings, writer: LineWriter) -> int:
    """Serve bundles by their folders, with a routing table of their own."""
    state = Path(tempfile.mkdtemp(prefix="fairlead-"))
    try:
        table = table_of(paths)
        TableFile(state / TABLE).edit(lambda _: table)
        return serve(state, settings, writer)
    except BundleError as error:
        log.error("bundle_refused", extra={"path": str(error.path), "faults": error.faults})
        return EXIT_BUNDLE
    finally:
        shutil.rmtree(state, ignore_errors=True)


def table_of(paths: Sequence[Path]) -> Table:
    """The routing table of bundles that are served by their folders.

    Raises:
        BundleError: a file of one of them is not what was written, or two have the same name.
    """
    models: dict[str, Served] = {}
    for path in paths:
        # Whoever serves it loads it, and replays its golden rows.
        manifest = check_files(path)
        name = str(json.loads(manifest)["name"])
        if name in models:
            raise BundleError(path, (f"another bundle here is called {name} too",))
        models[name] = served_alone(path, digest(manifest))
    return Table(models, next(iter(models), None))


def serve(
    state: Path,
    settings: Settings,
    writer: LineWriter,
    *,
    worker_id: str = "0",
    fd: int | None = None,
    parent: int | None = None,
) -> int:
    """Answer requests by a routing table until a signal.

    Args:
        state: folder of the routing table and of the workers' counters.
        settings: where to listen, and the bounds.
        writer: of the log.
        worker_id: of this process among its siblings.
        fd: a listening socket that this process has inherited.
        parent: process without which this one stops; by default the one that has started it.

    Returns:
        0 after a graceful stop, 1 where nothing could be loaded.

    Raises:
        ExtraMissingError: a setting needs an extra that is not installed.
        SettingsError: a variable of OpenTelemetry has an illegal value.
    """
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    keep_large_apart()
    gateway, loader = make_gateway(state, settings, writer, worker_id)
    config = uvicorn.Config(
        with_cors(gateway, settings),
        host=settings.host,
        port=settings.port,
        http=fast_http(gateway),
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="off",
        ws="none",
        timeout_keep_alive=settings.keep_alive_s,
        timeout_graceful_shutdown=math.ceil(settings.drain_s / 2),
    )
    retention = None
    if settings.prediction_log is not None:
        retention = Retention(
            settings.prediction_log,
            settings.prediction_log_days,
            sketch_days=settings.prediction_sketch_days,
        )
    sockets = None if fd is None else [socket.socket(fileno=fd)]
    server = Server(config, gateway, loader, parent)
    server.run(sockets)
    served = bool(gateway.service.models) or settings.model_control
    service = gateway.service
    if service.shadow is not None:
        service.shadow.close()
    if gateway.tracing is not None:
        gateway.tracing.close(server.drained_by)
    gateway.flush()
    gateway.close()
    service.write_snapshot()
    if retention is not None:
        retention.close()
    if service.log is not None:
        service.log.close()
    if service.labels is not None:
        service.labels.close()
    log.info("stopped")
    return 0 if served else EXIT_BUNDLE


def make_gateway(
    state: Path, settings: Settings, writer: LineWriter, worker_id: str = "0"
) -> tuple[Gateway, Loader]:
    """Everything of a worker but the HTTP server; nothing is loaded yet.

    Raises:
        ExtraMissingError: a setting needs an extra that is not installed.
        SettingsError: a variable of OpenTelemetry has an illegal value.
    """
    tracing = predictions = labels = None
    if settings.traces:
        # The SDK takes time to import, and few services trace.
        from fairlead.serving.tracing import Tracing

        tracing = Tracing()
    if settings.prediction_log is not None:
        predictions = PredictionLog(
            settings.prediction_log,
            sample=settings.prediction_log_sample,
            mask=frozenset(settings.prediction_log_mask),
            omit=frozenset(settings.prediction_log_omit),
        )
        labels = LabelLog(settings.prediction_log)
    snapshots = Snapshots(state / STATS, worker_id)
    service = Service(settings, Recorder(), snapshots, predictions, labels)
    lines = RequestLines(writer, enabled=settings.log_level in ("debug", "info"))

    def record(deployment: Deployment, request_id: str, answer: Answer, seconds: float) -> None:
        target, scores = deployment.target, answer.scores
        if predictions is not None and target is not None and scores is not None:
            X, numbers = answer.X, answer.numbers
            predictions.add(target, request_id, SHADOW, X, scores, seconds, numbers)

    service.shadow = Shadow(record)
    gateway = Gateway(service, lines, tracing)
    return gateway, Loader(service, TableFile(state / TABLE))


def with_cors(gateway: Gateway, settings: Settings) -> ASGIApp:
    """The gateway, open to browsers of the origins that the settings name."""
    if not settings.cors_origins:
        return gateway
    return CORSMiddleware(
        gateway,
        allow_origins=settings.cors_origins,
        allow_methods=["GET", "POST"],
        allow_headers=["Content-Type", "X-Request-ID", "traceparent", "tracestate"],
        expose_headers=["X-Request-ID", "X-Model-Version"],
    )


def _port(text: str) -> int:
    # The system takes 99999 for 34463.
    if not 0 <= (port := int(text)) <= MAX_PORT:
        raise argparse.ArgumentTypeError(f"found {port}, expected 0 to {MAX_PORT}")
    return port


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m fairlead.serving.worker", description=__doc__)
    source = parser.add_mutually_exclusive_group()
    source.add_argument(
        "--bundle", type=Path, action="append", default=[], help="folder of a bundle"
    )
    source.add_argument("--state", type=Path, help=f"folder of {TABLE}, to be followed")
    parser.add_argument("--host", help="address to listen on (FAIRLEAD_HOST)")
    parser.add_argument("--port", type=_port, help="port, 0 for a free one (FAIRLEAD_PORT)")
    predictions = parser.add_mutually_exclusive_group()
    predictions.add_argument("--log", type=Path, help="prediction log (FAIRLEAD_PREDICTION_LOG)")
    predictions.add_argument("--no-log", action="store_true", help="log no predictions")
    parser.add_argument("--fd", type=int, help="listening socket to take over")
    parser.add_argument("--parent", type=int, help="process without which it stops")
    parser.add_argument("--id", default="0", help="of this worker among its siblings")
    return parser


if __name__ == "__main__":
    sys.exit(main())
