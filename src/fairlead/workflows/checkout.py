"""The code of a recorded commit, in a worktree of git that goes again."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import fairlead
from fairlead.errors import ReproductionError
from fairlead.git import git, top_of
from fairlead.workflows.recorded import Recorded


@dataclass(frozen=True)
class Checkout:
    """A worktree.

    Attributes:
        commit: what is checked out there.
        project: the project's folder in it.
        package: folder in it that holds the package `fairlead`, where that which runs now is in
            the same repository; None where it is installed elsewhere.
    """

    commit: str
    project: Path
    package: Path | None


@contextmanager
def checked_out(root: Path, recorded: Recorded, folder: Path) -> Iterator[Checkout]:
    """Check the recorded commit out, and have git forget the worktree in the end.

    Args:
        root: the project's folder.
        recorded: the version.
        folder: where the worktree goes; there must be none yet.

    Raises:
        ReproductionError: there is no such commit.
    """
    commit, top = recorded.provenance["git_commit"], top_of(root)
    if commit is None or top is None:
        what = "it was not trained in one" if commit is None else f"{root} is in none now"
        reason = f"its commit can be checked out in a git repository only, and {what}"
        raise ReproductionError(recorded.label, reason)
    if git(top, "cat-file", "-e", f"{commit}^{{commit}}") is None:
        reason = f"the repository {top} does not have its commit {commit}: fetch it"
        raise ReproductionError(recorded.label, reason)
    try:
        # No hook of the repository shall run for a look at its past.
        quiet = ("-c", f"core.hooksPath={os.devnull}")
        if git(top, *quiet, "worktree", "add", "--detach", str(folder), commit) is None:
            raise ReproductionError(recorded.label, f"git cannot check out {commit} in {folder}")
        yield Checkout(commit, folder / _inside(root, top, recorded), _package_in(folder, top))
    finally:
        git(top, "worktree", "remove", "--force", str(folder))
        git(top, "worktree", "prune")


def _inside(root: Path, top: Path, recorded: Recorded) -> str:
    """The project's folder in the repository at that commit."""
    here = root.resolve().relative_to(top).as_posix()
    return str(recorded.provenance.get("project_folder", here))


def _package_in(tree: Path, top: Path) -> Path | None:
    source = Path(fairlead.__file__).resolve().parents[1]
    if not source.is_relative_to(top):
        return None
    package = tree / source.relative_to(top)
    return package if (package / fairlead.__name__ / "__init__.py").is_file() else None
