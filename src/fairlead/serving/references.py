"""Leaves beside the prediction log what the rows of a version are compared with later."""

from __future__ import annotations

import logging
from pathlib import Path

from fairlead.bundle.manifest import SKETCH
from fairlead.bundle.reading import Bundle
from fairlead.errors import StorageError
from fairlead.serving.prediction_segments import reference_path
from fairlead.storage import write_whole

log = logging.getLogger(__name__)


def leave_reference(version_folder: Path, bundle: Bundle) -> None:
    """Copy a bundle's sketch of its training rows, once; without it, drift needs the bundle.

    Where that is not possible the log tells, and the service goes on.
    """
    path = reference_path(version_folder, bundle.digest)
    own = bundle.path / SKETCH
    try:
        if own.is_file() and not path.is_file():
            write_whole(path, own.read_bytes())
    except (OSError, StorageError) as error:
        log.warning("reference_not_left", extra={"reason": str(error)})
