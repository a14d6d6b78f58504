"""Where a model comes from: commit, environment and seed."""

from __future__ import annotations

import hashlib
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from fairlead import __version__

NAMED = ("lightgbm", "numpy", "onnx", "onnxruntime", "polars", "scikit-learn", "xgboost-cpu")


def provenance(root: Path) -> dict[str, Any]:
    """Describe the code and the environment that run now.

    Args:
        root: the project's folder.

    Returns:
        JSON values; `git_commit` is None outside a repository, `git_dirty` says whether tracked
        files differ from it, `environment_digest` covers every installed distribution.
    """
    installed = {
        distribution.metadata["Name"].lower(): distribution.version
        for distribution in distributions()
    }
    lines = "".join(f"{name}=={version}\n" for name, version in sorted(installed.items()))
    status = _git(root, "status", "--porcelain", "--untracked-files=no")
    return {
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "fairlead": __version__,
        "python": platform.python_version(),
        "libraries": {name: installed[name] for name in NAMED if name in installed},
        "environment_digest": hashlib.sha256(lines.encode()).hexdigest(),
        "git_commit": _git(root, "rev-parse", "HEAD"),
        "git_dirty": None if status is None else bool(status),
    }


def _git(root: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(  # noqa: S603 (a fixed command)
            ["git", *arguments],  # noqa: S607
            cwd=root,
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None
