"""Commands that serve and verify bundles."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from fairlead.cli.terminal import errors, output

bundle = typer.Typer(help="Look at bundles.", no_args_is_help=True)


def serve(
    target: Annotated[
        str, typer.Argument(help="Project, bundle folder, or models:/name@alias.")
    ] = ".",
    model: Annotated[
        str | None,
        typer.Option(help="Candidate, alias or version; FAIRLEAD_MODEL, or the champion."),
    ] = None,
    host: Annotated[str | None, typer.Option(help="Address; FAIRLEAD_HOST.")] = None,
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="Port, 0 for a free one; FAIRLEAD_PORT."),
    ] = None,
) -> None:
    """Serve a model over HTTP."""
    from fairlead.settings import read_settings
    from fairlead.wiring import model_registry
    from fairlead.workflows.serve import find

    settings = read_settings()
    served = find(target, model or settings.model, model_registry, settings.cache)
    command = [sys.executable, "-m", "fairlead.serving.worker", "--bundle", str(served.bundle)]
    for name, value in (
        ("host", host or settings.host),
        ("port", settings.port if port is None else port),
        ("label", served.label),
        ("model-version", served.version),
    ):
        if value is not None:
            command += [f"--{name}", str(value)]
    errors().print(f"serving {served.bundle.name[:12]}, Ctrl-C to stop")
    sys.stdout.flush()
    sys.stderr.flush()
    # The worker takes this process over and carries nothing of the registry's client.
    os.execv(sys.executable, command)  # noqa: S606


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
