"""What git, CI and DVC say of a project, read without changing anything."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

from fairlead.git import git, top_of
from fairlead.readiness.evidence import Repository, whole_word

COMMANDS = (
    "fairlead check",
    "fairlead reproduce",
    "fairlead score",
    "fairlead canary start",
    "fairlead monitor",
    "pytest",
)
"""Those that make tests of the score, where something runs them by itself."""
MERGES = 20
"""So many merges after a commit are looked at for the one that brought it."""
OWNERS = ("CODEOWNERS", ".github/CODEOWNERS", "docs/CODEOWNERS")


def repository_of(file: Path) -> Repository:
    """What git says of a project file; an empty record outside a repository."""
    root = file.parent
    last = git(root, "log", "-1", "--format=%h%x00%s%x00%B", "--", file.name)
    if not last:
        return Repository()
    commit, subject, message = last.split("\0")
    changed = git(root, "status", "--porcelain", "--", file.name)
    return Repository(commit, subject, bool(changed), _review(file, commit, message))


def _review(file: Path, commit: str, message: str) -> str | None:
    """The trace of a review of the last commit that touched a file."""
    reviewer = re.search(r"^Reviewed-by: *(\S.*)$", message, re.MULTILINE)
    if reviewer:
        return f"reviewed by {reviewer[1]}"
    path = ("--merges", "--ancestry-path", "--reverse", f"{commit}..HEAD")
    merges = git(file.parent, "log", "--format=%h %p", *path) or ""
    for line in merges.splitlines()[:MERGES]:
        merge, first, *_ = line.split()
        if git(file.parent, "merge-base", "--is-ancestor", commit, first) is None:
            return f"merged by {merge}"
    top = top_of(file.parent) or file.parent
    for name in OWNERS:
        place = top / name
        if place.is_file() and _is_owned(file.relative_to(top).as_posix(), _text(place)):
            return f"{name} asks for a review"
    return None


def _is_owned(path: str, owners: str) -> bool:
    """Whether a line of CODEOWNERS that names somebody is about a path."""
    for line in owners.splitlines():
        pattern, *people = line.partition("#")[0].split() or [""]
        own = pattern.strip("/")
        if people and (pattern == "*" or fnmatch(path, own) or path.startswith(f"{own}/")):
            return True
    return False


def pipeline_of(root: Path) -> dict[str, str]:
    """Which of `COMMANDS` CI or DVC run for a project: command -> file that says so.

    A file of a repository with several projects must name the project's folder.
    """
    found: dict[str, str] = {}
    for file, own in _pipelines(root):
        lines = [line for line in _text(file).splitlines() if not line.lstrip().startswith("#")]
        text = "\n".join(lines)
        if not own and not whole_word(root.name, text):
            continue
        for command in COMMANDS:
            if re.search(rf"(?<![\w-]){command.replace(' ', r'[ ]+')}(?![\w-]| +status\b)", text):
                found.setdefault(command, _shown(file, root))
    return found


def _pipelines(root: Path) -> Iterator[tuple[Path, bool]]:
    """Files that run commands, and whether they are of this project alone."""
    top = top_of(root)
    for folder in dict.fromkeys((root, *([top] if top else []))):
        own = folder == root
        files = sorted((folder / ".github" / "workflows").glob("*.y*ml"))
        files += [folder / ".gitlab-ci.yml", folder / "dvc.yaml"]
        yield from ((file, own) for file in files if file.is_file())


def _shown(file: Path, root: Path) -> str:
    top = top_of(root) or root
    return file.relative_to(top if file.is_relative_to(top) else root).as_posix()


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8", errors="replace")
