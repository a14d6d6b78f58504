"""Commands that serve and verify bundles."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fairlead.cli.terminal import ProjectPath, errors, output

if TYPE_CHECKING:
    from collections.abc import Mapping
    from socket import socket

    from fairlead.serving.table import Served, Trouble
    from fairlead.settings import Settings
    from fairlead.workflows.serve import Targets

bundle = typer.Typer(help="Verify bundles and take them along.", no_args_is_help=True)

EXIT_ADDRESS = 3


def serve(
    targets: Annotated[
        list[str] | None,
        typer.Argument(
            help="Projects, bundle folders, or models:/name@alias; by default this folder, "
            "or else what SageMaker has put into /opt/ml/model."
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(help="Candidate, alias or version; FAIRLEAD_MODEL, or the champion."),
    ] = None,
    host: Annotated[str | None, typer.Option(help="Address; FAIRLEAD_HOST.")] = None,
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="Port, 0 for a free one; FAIRLEAD_PORT."),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, max=256, help="Processes; FAIRLEAD_WORKERS.")
    ] = None,
    default: Annotated[
        str | None, typer.Option(help="Model that answers on the short paths; the first one.")
    ] = None,
    poll: Annotated[
        float | None, typer.Option(min=0.05, help="Seconds between two looks; FAIRLEAD_POLL_S.")
    ] = None,
    log: Annotated[
        bool,
        typer.Option(
            help="Whether predictions are logged: to FAIRLEAD_PREDICTION_LOG, or for a project to "
            "its .fairlead/predictions."
        ),
    ] = True,
) -> None:
    """Serve models over HTTP, and follow the registry."""
    from fairlead.serving.sagemaker_container import placed_models, sagemaker_settings
    from fairlead.settings import read_settings
    from fairlead.workflows.serve import find

    placed = None if targets else placed_models(os.environ, Path.cwd())
    added = sagemaker_settings(os.environ, container=placed is not None)
    settings = read_settings({**os.environ, **added})
    given = {"host": host, "port": port, "workers": workers, "poll_s": poll}
    settings = settings.model_copy(
        update={name: value for name, value in given.items() if value is not None}
    )
    found = find(targets or (["."] if placed is None else placed), model or settings.model)
    place = found.prediction_log(settings, wanted=log)
    settings = settings.model_copy(update={"prediction_log": place})
    if found.registered or settings.workers > 1 or default is not None:
        raise typer.Exit(_supervise(found, settings, default))
    command = [sys.executable, "-m", "fairlead.serving.worker"]
    for path in found.bundles:
        command += ["--bundle", str(path)]
    command += ["--host", settings.host, "--port", str(settings.port), *_logging(place)]
    errors().print(f"serving {len(found.bundles)} bundle(s), Ctrl-C to stop")
    sys.stdout.flush()
    sys.stderr.flush()
    # With nothing to follow and one worker, which answers with the first bundle, this process
    # becomes the worker.
    os.execv(sys.executable, command)  # noqa: S606


def _supervise(found: Targets, settings: Settings, default: str | None) -> int:
    """Start workers and follow the registry until a signal; returns the exit code."""
    from fairlead.serving.addresses import bound
    from fairlead.serving.worker import table_of
    from fairlead.workflows.serve import state_of

    bundles = table_of(found.bundles).models
    names = [*(each.name for each in found.registered), *bundles]
    if len(names) < len(found.registered) + len(found.bundles) or len(set(names)) < len(names):
        raise typer.BadParameter("two of them have the same name", param_hint="TARGETS")
    if default is not None and default not in names:
        raise typer.BadParameter(
            f"found {default}, expected {', '.join(names)}", param_hint="--default"
        )
    try:
        # Before the table is touched: it may be that of the service that has the address.
        listener = bound(settings.host, settings.port)
    except OSError as error:
        errors().print(f"{settings.host}:{settings.port}: {error.strerror}")
        return EXIT_ADDRESS
    default = default or next(iter(names), None)
    if settings.state is not None:
        return _run(settings.state, listener, found, bundles, settings, default)
    with state_of(found, settings.port) as state:
        return _run(state, listener, found, bundles, settings, default)


def _run(
    state: Path,
    listener: socket,
    found: Targets,
    bundles: Mapping[str, Served],
    settings: Settings,
    default: str | None,
) -> int:
    """The same with a state folder and an address."""
    import shutil
    import threading
    from importlib.util import find_spec

    from fairlead.serving.addresses import url_of
    from fairlead.serving.compaction import Compaction
    from fairlead.serving.logs import LineWriter, configure_logging
    from fairlead.serving.snapshots import Snapshots
    from fairlead.serving.supervisor import BACKLOG, Supervisor
    from fairlead.serving.table import TableFile
    from fairlead.serving.worker import STATS, TABLE
    from fairlead.wiring import model_registry
    from fairlead.workflows.follower import Follower
    from fairlead.workflows.startup import add_bundles, first_look, take_over

    file = TableFile(state / TABLE)
    follower = Follower(file, found.registered, model_registry, settings.cache)
    take_over(file, [*(each.name for each in found.registered), *bundles])
    if found.registered:
        first_look(follower, file, found.registered)
    add_bundles(file, bundles, default)
    listener.listen(BACKLOG)
    models = [*file.read().models]
    errors().print(f"serving {', '.join(models) or 'what is loaded by request'}, Ctrl-C to stop")
    if settings.prediction_log is not None:
        errors().print(f"predictions are logged to {settings.prediction_log} (--no-log does not)")
    writer = LineWriter()
    configure_logging(settings.log_level, writer)
    shutil.rmtree(state / STATS, ignore_errors=True)

    def command(name: str) -> list[str]:
        worker = [sys.executable, "-m", "fairlead.serving.worker", "--state", str(state)]
        worker += ["--parent", str(os.getpid()), *_logging(settings.prediction_log)]
        return [*worker, "--id", name, "--fd", str(listener.fileno())]

    supervisor = Supervisor(
        command,
        settings.workers,
        Snapshots(state / STATS, "supervisor"),
        drain_s=settings.drain_s,
        facts={"url": url_of(listener), "models": models},
        listener=listener,
    )
    compaction = None
    if settings.prediction_log is not None and find_spec("duckdb") is not None:
        compaction = Compaction(settings.prediction_log)
        compaction.start()
    stop = threading.Event()

    def troubles() -> tuple[Trouble, ...]:
        return supervisor.troubles() + (compaction.troubles() if compaction else ())

    following = threading.Thread(
        target=follower.follow,
        args=(settings.poll_s, stop, troubles),
        name="follower",
        daemon=True,
    )
    following.start()
    try:
        return supervisor.run()
    finally:
        stop.set()
        if compaction is not None:
            compaction.stop()
        writer.close()


def _logging(folder: Path | None) -> list[str]:
    return ["--no-log"] if folder is None else ["--log", str(folder.resolve())]


@bundle.command()
def verify(path: Annotated[Path, typer.Argument(help="The bundle's folder.")]) -> None:
    """Check every file of a bundle against its manifest and replay its golden rows."""
    from fairlead.bundle.reading import verify_bundle

    sound = verify_bundle(path)
    count = len(sound.golden()["records"])
    output().print(
        f"{sound.name}/{sound.candidate} {sound.digest} is sound: "
        f"{len(sound.manifest['files'])} files, {count} golden rows, bit for bit"
    )


@bundle.command()
def export(
    folder: Annotated[Path, typer.Option(help="Where it goes; a folder that is not there yet.")],
    project: ProjectPath = Path(),
    candidate: Annotated[
        str | None, typer.Option(help="Of this candidate; of the one put forward.")
    ] = None,
) -> None:
    """Copy a bundle of the last training to a folder, verified."""
    from fairlead.workflows.export import export
    from fairlead.workflows.load import load

    made = export(load(project), folder, candidate)
    output().print(f"{made.name}/{made.candidate} {made.digest} is in {folder}")
