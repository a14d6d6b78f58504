"""Takes the bundle of a project's last training out of it: a folder to serve, copy or version."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from fairlead.bundle.manifest import MANIFEST, SEAL, check_files
from fairlead.bundle.reading import Bundle, verify_bundle
from fairlead.project.loading import Project
from fairlead.storage import place_files, staged
from fairlead.workflows.leaderboard import chosen_bundle, last_leaderboard


def export(project: Project, folder: Path, candidate: str | None = None) -> Bundle:
    """Copy the bundle of the candidate put forward, or of another one, and verify the copy.

    Args:
        project: one that was trained here.
        folder: where the bundle goes; it must not be there yet.
        candidate: which one, if not the one put forward.

    Raises:
        DataMissingError: nothing was trained here, or the bundle is not here any more.
        DataInvalidError: the leaderboard is damaged, or knows no such candidate.
        BundleError: the bundle is damaged.
        FilesExistError: there is something in the folder.
        StorageError: it could not be written; nothing was left behind.
    """
    source = chosen_bundle(project, last_leaderboard(project), candidate)
    # Not what running it may have left there, such as byte code.
    names = (MANIFEST, SEAL, *json.loads(check_files(source))["files"])
    with staged(folder) as stage:
        for name in names:
            (stage / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source / name, stage / name)
        verify_bundle(stage)
        place_files(stage, folder)
    return verify_bundle(folder)
