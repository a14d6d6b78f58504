"""Where a model comes from: commit, environment and seed."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import fairlead
from fairlead import __version__
from fairlead.git import git

NAMED = (
    "lightgbm",
    "numpy",
    "onnx",
    "onnxruntime",
    "polars",
    "scikit-learn",
    "scipy",
    "xgboost-cpu",
)


def provenance(root: Path, environment: Mapping[str, Any]) -> dict[str, Any]:
    """Describe the code that runs now.

    Args:
        root: the project's folder.
        environment: what `environment_of` says of it.

    Returns:
        JSON values; `git_commit` and `project_folder`, its path in the repository, are None
        outside one, `git_dirty` says whether tracked files differ from the commit,
        `environment_digest` covers every installed distribution.
    """
    installed = environment["distributions"]
    lines = "".join(f"{name}=={version}\n" for name, version in installed.items())
    status = git(root, "status", "--porcelain", "--untracked-files=no")
    folder = git(root, "rev-parse", "--show-prefix")
    return {
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "fairlead": __version__,
        "fairlead_digest": code_digest(),
        "python": platform.python_version(),
        "libraries": {name: installed[name] for name in NAMED if name in installed},
        "environment_digest": hashlib.sha256(lines.encode()).hexdigest(),
        "git_commit": git(root, "rev-parse", "HEAD"),
        "git_dirty": None if status is None else bool(status),
        "project_folder": None if folder is None else folder.rstrip("/") or ".",
    }


@cache
def code_digest() -> str:
    """SHA-256 of Fairlead's own modules: a version that is worked on keeps its number."""
    package, digest = Path(fairlead.__file__).parent, hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(package).as_posix()} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()
