"""Looks at registered versions and moves their aliases."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fairlead.bundle.manifest import CARD, MANIFEST
from fairlead.errors import AliasNameError
from fairlead.registry import promotion
from fairlead.registry.port import ModelRegistry
from fairlead.registry.records import ALIAS, CHAMPION, ModelVersion
from fairlead.workflows.store import bundles_of


@dataclass(frozen=True)
class Described:
    """A version and what its bundle says of itself."""

    version: ModelVersion
    manifest: Mapping[str, Any]
    card: str


@dataclass(frozen=True)
class Compared:
    """One fact of two versions, side by side; None where a version does not have it."""

    name: str
    a: Any
    b: Any


def describe(registry: ModelRegistry, root: Path, name: str, reference: str) -> Described:
    """Fetch a version's bundle and read its manifest.

    Args:
        registry: where the version is.
        root: the project's folder; the bundle goes to its store.
        name: name of the model.
        reference: alias, candidate or version number.

    Raises:
        ModelVersionNotFoundError: there is no such version.
        BundleError: what is stored is not what was registered.
    """
    version = registry.resolve(name, reference)
    folder = registry.fetch(version, bundles_of(root))
    # It was verified as it was fetched: there is no need to load the model itself.
    manifest = json.loads((folder / MANIFEST).read_bytes())
    return Described(version, manifest, (folder / CARD).read_text(encoding="utf-8"))


def compare(registry: ModelRegistry, root: Path, name: str, a: str, b: str) -> tuple[Compared, ...]:
    """Put two versions side by side: metrics, parameters, data and code.

    Raises:
        ModelVersionNotFoundError: there is no such version.
        BundleError: what is stored is not what was registered.
    """
    facts = [_facts(describe(registry, root, name, reference)) for reference in (a, b)]
    names = dict.fromkeys(key for each in facts for key in each)
    return tuple(Compared(key, facts[0].get(key), facts[1].get(key)) for key in names)


def _facts(described: Described) -> dict[str, Any]:
    manifest = described.manifest
    provenance = manifest["provenance"]
    return {
        "version": described.version.version,
        "candidate": manifest["candidate"],
        "family": manifest["family"],
        **{
            f"{source} {metric}": estimate["value"]
            for source, report in manifest["metrics"].items()
            for metric, estimate in report.items()
        },
        **{f"parameter {key}": value for key, value in manifest["parameters"].items()},
        **{key: provenance[key] for key in ("data_fingerprint", "git_commit", "spec_digest")},
    }


def move_alias(registry: ModelRegistry, name: str, alias: str, reference: str) -> ModelVersion:
    """Point an alias at a version, wherever it pointed before; the champion is promoted.

    Raises:
        AliasNameError: no registry takes such a name.
        ModelVersionNotFoundError: there is no such version.
        AliasMovedError: somebody else moved the alias at the same time.
    """
    if not ALIAS.fullmatch(alias):
        raise AliasNameError(alias)
    version = registry.resolve(name, reference)
    if alias == CHAMPION:
        return promotion.promote(registry, name, version.version)
    promotion.move_alias(registry, name, alias, version.version)
    return registry.resolve(name, alias)
