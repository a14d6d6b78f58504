"""Finds a version, and what its bundle says of how it was made."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from fairlead.bundle.manifest import ENVIRONMENT, MANIFEST, PROJECT
from fairlead.bundle.reading import Bundle, load_bundle
from fairlead.errors import ExtraMissingError, ReproductionError
from fairlead.project.loading import Project
from fairlead.project.spec import ProjectSpec
from fairlead.registry.port import ModelRegistry
from fairlead.workflows.store import bundles_of

DIGEST = re.compile(r"[0-9a-f]{8,64}")


@dataclass(frozen=True)
class Recorded:
    """A bundle and how it was made.

    Attributes:
        label: what it is called in messages.
        bundle: the bundle itself, its files verified.
        spec_json: its project file, as the Fairlead wrote it that trained it; None in bundles
            that are older than this record.
        environment: what trained it; None likewise.
    """

    label: str
    bundle: Bundle
    spec_json: bytes | None
    environment: Mapping[str, Any] | None

    @property
    def provenance(self) -> Mapping[str, Any]:
        """That of the manifest; what an older bundle does not say is absent."""
        found: Mapping[str, Any] = self.bundle.manifest["provenance"]
        return found

    def spec(self) -> ProjectSpec | None:
        """The project file as this Fairlead reads it; None if it is not recorded.

        Raises:
            ReproductionError: it has keys that this Fairlead does not know.
        """
        if self.spec_json is None:
            return None
        try:
            return ProjectSpec.model_validate_json(self.spec_json)
        except ValidationError as error:
            where = ".".join(map(str, error.errors()[0]["loc"]))
            reason = (
                f"its {PROJECT} was written by Fairlead {self.provenance['fairlead']} and cannot "
                f"be read by this one (found `{where}`): take that version"
            )
            raise ReproductionError(self.label, reason) from error


def find_recorded(project: Project, reference: str, registry: ModelRegistry | None) -> Recorded:
    """Find a version and read what it says of itself.

    Args:
        project: the project that it is a version of.
        reference: alias, candidate or number of a version; a bundle's folder; or at least eight
            digits of the digest of a bundle that is in the project's store.
        registry: where versions are; None where there is none.

    Raises:
        ModelVersionNotFoundError: there is no such version.
        BundleError: the bundle is not what was written.
        ReproductionError: it is of another project, or was adopted, not trained.
        ExtraMissingError: a version was asked for, and there is no registry.
    """
    label, folder = _located(project, reference, registry)
    bundle = load_bundle(folder)
    if bundle.name != project.spec.name:
        reason = f"it is of the project {bundle.name}, not of {project.spec.name}"
        raise ReproductionError(label, reason)
    if bundle.manifest["provenance"].get("adopted"):
        reason = "it was adopted, not trained here; `fairlead adopt` of the same file makes it"
        raise ReproductionError(label, reason)
    spec, environment = (
        path.read_bytes() if (path := folder / name).is_file() else None
        for name in (PROJECT, ENVIRONMENT)
    )
    return Recorded(label, bundle, spec, json.loads(environment) if environment else None)


def _located(project: Project, reference: str, registry: ModelRegistry | None) -> tuple[str, Path]:
    """What a reference is called, and the folder of its bundle."""
    name, store = project.spec.name, bundles_of(project.root)
    if (Path(reference) / MANIFEST).is_file():
        return f"the bundle {reference}", Path(reference)
    if DIGEST.fullmatch(reference):
        found = [path for path in store.glob(f"{reference}*") if path.is_dir()]
        if len(found) == 1:
            return f"{name} bundle {reference[:12]}", found[0]
    if registry is None:
        raise ExtraMissingError("a version by its number or alias", "mlflow")
    version = registry.resolve(name, reference)
    return str(version), registry.fetch(version, store)
