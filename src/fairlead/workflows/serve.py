"""Finds what `fairlead serve` shall serve: a verified bundle on this machine."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fairlead.bundle.manifest import MANIFEST
from fairlead.bundle.reading import verify_bundle
from fairlead.errors import DataMissingError
from fairlead.registry.port import ModelRegistry
from fairlead.registry.records import CHAMPION
from fairlead.workflows.store import bundles_of

MODEL_URI = re.compile(r"models:/(?P<name>[^/@]+)(?:@(?P<alias>.+)|/(?P<version>.+))?")


@dataclass(frozen=True)
class Served:
    """What is to be served.

    Attributes:
        bundle: its folder.
        label: the alias or version that was asked for; None for a bundle named by its folder.
        version: its version in the registry, if it has one.
    """

    bundle: Path
    label: str | None = None
    version: int | None = None


def find(
    target: str,
    model: str | None,
    registry: Callable[[Path], ModelRegistry],
    cache: Path | None = None,
) -> Served:
    """Find a bundle and verify it.

    Args:
        target: a project, a bundle's folder, or `models:/name@alias` or `models:/name/version`.
        model: candidate, alias or version of the project's model; the champion if None.
        registry: opens the registry of a project's folder.
        cache: where fetched bundles go; the project's own store if None.

    Raises:
        DataMissingError: there is no such project or bundle.
        ModelVersionNotFoundError: the registry has no such model, alias or version.
        BundleError: the bundle is damaged.
    """
    uri = MODEL_URI.fullmatch(target)
    path = Path(target)
    if uri is None and (path / MANIFEST).is_file():
        return Served(verify_bundle(path).path)
    if uri is not None:
        root = Path.cwd()
        name = uri["name"]
        reference = model or uri["alias"] or uri["version"] or CHAMPION
    elif path.exists():
        # Needs the families, to check the file: a bundle is served where none is installed.
        from fairlead.workflows.load import load

        project = load(path)
        root, name, reference = project.root, project.spec.name, model or CHAMPION
    else:
        raise DataMissingError(path, "name a project, a bundle or models:/name@alias")
    opened = registry(root)
    version = opened.resolve(name, reference)
    bundle = opened.fetch(version, cache or bundles_of(root))
    return Served(bundle, reference, version.version)
