"""Asks git about a folder, where there is git and the folder is in a repository."""

from __future__ import annotations

import subprocess
from pathlib import Path


def git(root: Path, *arguments: str) -> str | None:
    """What a command prints, without white space at its ends; None if it fails."""
    done = git_bytes(root, *arguments)
    return None if done is None else done.decode(errors="replace").strip()


def git_bytes(root: Path, *arguments: str) -> bytes | None:
    """The same as it is."""
    try:
        done = subprocess.run(  # noqa: S603 (a fixed command)
            ["git", *arguments],  # noqa: S607
            cwd=root,
            capture_output=True,
            check=False,
        )
    except FileNotFoundError:
        return None
    return done.stdout if done.returncode == 0 else None


def top_of(root: Path) -> Path | None:
    """The folder of the repository that a folder is in; None if it is in none."""
    top = git(root, "rev-parse", "--show-toplevel")
    return Path(top).resolve() if top else None
