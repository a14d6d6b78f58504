"""The manifest: what a bundle is, where it comes from, and the digest of its every file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fairlead.errors import BundleError

FORMAT = 1
MANIFEST = "manifest.json"
SEAL = "manifest.sha256"
"""Digest of the manifest, in the form that `sha256sum -c` reads."""
GRAPH = "model.onnx"
CONFORMAL = "conformal.onnx"
"""Intervals or sets, made of a row and its prediction; absent where none were asked for."""
GOLDEN = "golden.json"
REFERENCE = "reference.parquet"
SKETCH = "sketch.json"
CARD = "card.md"
PROJECT = "project.json"
"""The project file without `score` as canonical JSON; its SHA-256 is `spec_digest`."""
ENVIRONMENT = "environment.json"
"""What ran the training: platform, distributions, lock files."""


def digest(data: bytes) -> str:
    """SHA-256 of some bytes, hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def file_digest(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def to_json(document: Mapping[str, Any]) -> bytes:
    """A document as UTF-8 JSON with a stable layout; floats keep every bit, NaN is refused."""
    text = json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False)
    return f"{text}\n".encode()


def seal(manifest: bytes) -> bytes:
    """The content of the seal for a manifest."""
    return f"{digest(manifest)}  {MANIFEST}\n".encode()


def check_files(path: Path, *, complete: bool = False) -> bytes:
    """Check every digest of a bundle without loading it; returns its manifest.

    Args:
        path: the folder.
        complete: refuse files that the manifest does not name, too.

    Raises:
        BundleError: it is not what was written; all faults are listed.
    """
    try:
        if not path.is_dir():
            raise BundleError(path, ("there is no such folder",))
    except OSError as error:
        # The name is too long, or what lies above it may not be entered.
        fault = f"the folder cannot be looked up: {error.strerror}"
        raise BundleError(path, (fault,)) from error
    missing = [f"{name} is missing" for name in (MANIFEST, SEAL) if not (path / name).is_file()]
    if missing:
        raise BundleError(path, tuple(missing))
    text = (path / MANIFEST).read_bytes()
    faults = _file_faults(path, text)
    if not faults and complete:
        named = {MANIFEST, SEAL, *json.loads(text)["files"]}
        present = {file.relative_to(path).as_posix() for file in path.rglob("*") if file.is_file()}
        faults = [f"{name} is not named in {MANIFEST}" for name in sorted(present - named)]
    if faults:
        raise BundleError(path, tuple(faults))
    return text


def _file_faults(path: Path, text: bytes) -> list[str]:
    if (path / SEAL).read_bytes() != seal(text):
        return [f"{MANIFEST} and {SEAL} do not belong together: one of them was changed"]
    try:
        manifest = json.loads(text)
        version, files = manifest["format"], dict(manifest["files"])
    except (ValueError, KeyError, TypeError):
        return [f"{MANIFEST} is not a manifest: it was cut or changed"]
    if version != FORMAT:
        return [f"{MANIFEST} has format {version!r}, this Fairlead reads {FORMAT}"]
    faults = []
    for name, expected in files.items():
        file = path / name
        if not file.resolve().is_relative_to(path.resolve()):
            faults.append(f"{name} lies outside the bundle")
        elif not file.is_file():
            faults.append(f"{name} is missing")
        elif (actual := file_digest(file)) != expected:
            faults.append(f"{name} has SHA-256 {actual[:12]}…, the manifest says {expected[:12]}…")
    faults += [f"{name} is not in the manifest" for name in (GRAPH, GOLDEN) if name not in files]
    return faults
