"""The process that answers requests: `python -m fairlead.serving.worker --bundle PATH`."""

from __future__ import annotations

import argparse
import logging
import math
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from socket import socket
from types import FrameType

import uvicorn

from fairlead.bundle.reading import load_bundle
from fairlead.errors import BundleError, SettingsError
from fairlead.serving.app import create_app
from fairlead.serving.logs import configure_logging
from fairlead.serving.records import ServedVersion
from fairlead.serving.service import Service
from fairlead.settings import MAX_PORT, Settings, read_settings

log = logging.getLogger(__name__)

EXIT_BUNDLE = 1
EXIT_USAGE = 2


class Server(uvicorn.Server):
    """uvicorn, with a stop that is seen before it happens.

    On SIGTERM or SIGINT the service calls itself not ready and goes on answering, on new
    connections too, while requests are in flight; then it closes its listener, finishes what it
    has, and exits with 0. All this takes at most `drain_s`; a second signal ends it at once.
    """

    def __init__(self, config: uvicorn.Config, service: Service) -> None:
        super().__init__(config)
        self._service = service
        self._listen_until = math.inf

    async def startup(self, sockets: list[socket] | None = None) -> None:
        """Listen, and say where."""
        await super().startup(sockets=sockets)
        host, port = self.servers[0].sockets[0].getsockname()[:2]
        url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        log.info("ready", extra={"url": url, **self._service.version_document()})

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to drain; uvicorn's own would end the process by the signal."""
        del frame
        if self._service.draining:
            self.should_exit = self.force_exit = True
            return
        self._service.draining = True
        self._listen_until = time.monotonic() + self._service.settings.drain_s / 2
        log.info("draining", extra={"signal": sig})

    async def on_tick(self, counter: int) -> bool:
        """Say whether to close the listener; asked ten times a second."""
        leave = await super().on_tick(counter)
        idle = not self.server_state.tasks
        late = time.monotonic() > self._listen_until
        return leave or (self._service.draining and (idle or late))


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve one bundle until a signal; returns the exit code."""
    options = _parser().parse_args(arguments)
    try:
        settings = read_settings()
    except SettingsError as error:
        print(error, file=sys.stderr)  # noqa: T201 (the log's level is among the settings)
        return EXIT_USAGE
    given = {"host": options.host, "port": options.port}
    settings = settings.model_copy(
        update={name: value for name, value in given.items() if value is not None}
    )
    configure_logging(settings.log_level)
    version = ServedVersion(number=options.model_version, alias=options.label)
    return serve(options.bundle, settings, version)


def serve(path: Path, settings: Settings, version: ServedVersion) -> int:
    """Load, verify and warm up a bundle, then answer requests until a signal.

    Args:
        path: the bundle's folder.
        settings: where to listen, and the bounds.
        version: what the registry calls it.

    Returns:
        0 after a graceful stop, 1 where the bundle is not sound.
    """
    try:
        bundle = load_bundle(path)
    except BundleError as error:
        log.error("bundle_refused", extra={"path": str(error.path), "faults": error.faults})
        return EXIT_BUNDLE
    app = create_app(bundle, settings, version=version)
    service: Service = app.state.service
    service.predictor.warm_up()
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="off",
        ws="none",
        timeout_graceful_shutdown=math.ceil(settings.drain_s / 2),
    )
    Server(config, service).run()
    log.info("stopped")
    return 0


def _port(text: str) -> int:
    # The system takes 99999 for 34463.
    if not 0 <= (port := int(text)) <= MAX_PORT:
        raise argparse.ArgumentTypeError(f"found {port}, expected 0 to {MAX_PORT}")
    return port


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m fairlead.serving.worker", description=__doc__)
    parser.add_argument("--bundle", type=Path, required=True, help="folder of the bundle")
    parser.add_argument("--host", help="address to listen on (FAIRLEAD_HOST)")
    parser.add_argument("--port", type=_port, help="port, 0 for a free one (FAIRLEAD_PORT)")
    parser.add_argument("--label", metavar="ALIAS", help="alias it was asked for by")
    parser.add_argument("--model-version", type=int, help="its number in the registry")
    return parser


if __name__ == "__main__":
    sys.exit(main())
