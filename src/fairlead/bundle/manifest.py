"""The manifest: what a bundle is, where it comes from, and the digest of its every file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

FORMAT = 1
MANIFEST = "manifest.json"
SEAL = "manifest.sha256"
"""Digest of the manifest, in the form that `sha256sum -c` reads."""
GRAPH = "model.onnx"
GOLDEN = "golden.json"
REFERENCE = "reference.parquet"
SKETCH = "sketch.json"
CARD = "card.md"


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
