"""What SageMaker tells a container by variables and by folders; imports nothing that serves."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from fairlead.bundle.manifest import MANIFEST
from fairlead.errors import BundleError
from fairlead.project import FILE_NAME

NO_BUNDLE = f"{MANIFEST} is missing: an archive has the bundle's files at its top, in no folder"
SETTINGS = {
    "SAGEMAKER_BIND_TO_PORT": "FAIRLEAD_PORT",
    "SAGEMAKER_MODEL_SERVER_WORKERS": "FAIRLEAD_WORKERS",
    "SAGEMAKER_MAX_PAYLOAD_IN_MB": "FAIRLEAD_MAX_BODY_BYTES",
    "SAGEMAKER_MODEL_SERVER_TIMEOUT": "FAIRLEAD_REQUEST_TIMEOUT_S",
    "SAGEMAKER_MODEL_SERVER_TIMEOUT_SECONDS": "FAIRLEAD_REQUEST_TIMEOUT_S",
    "SAGEMAKER_MULTI_MODEL": "FAIRLEAD_MODEL_CONTROL",
}
"""SageMaker's variable -> Fairlead's; of two for the same, the last one that is set."""
CONTAINER = {"FAIRLEAD_HOST": "0.0.0.0", "FAIRLEAD_PORT": "8080"}  # noqa: S104 (SageMaker's rule)
"""Where a container of SageMaker's listens, if nothing else is said."""


def placed_models(environ: Mapping[str, str], here: Path) -> list[str] | None:
    """What a container of SageMaker's serves when it is run with `serve` and nothing else.

    Args:
        environ: names and values. `SAGEMAKER_BASE_DIR` is `/opt/ml` by default, as in SageMaker's
            own toolkit; with `SAGEMAKER_MULTI_MODEL` models are loaded by request.
        here: the working folder; a project or a bundle there comes first.

    Returns:
        The folder that SageMaker has unpacked the model into, or nothing to begin with; None if
        this is no such container.

    Raises:
        BundleError: the folder holds something else.
    """
    if environ.get("SAGEMAKER_MULTI_MODEL", "").lower() == "true":
        return []
    folder = Path(environ.get("SAGEMAKER_BASE_DIR") or "/opt/ml") / "model"
    if (here / FILE_NAME).exists() or (here / MANIFEST).exists() or not folder.is_dir():
        return None
    if not (folder / MANIFEST).is_file():
        raise BundleError(folder, (NO_BUNDLE,))
    return [str(folder)]


def sagemaker_settings(environ: Mapping[str, str], *, container: bool = False) -> dict[str, str]:
    """Fairlead's variables that SageMaker's stand for, but for those that are set themselves.

    Args:
        environ: names and values; one that is set to nothing counts as not set.
        container: whether this is a container of SageMaker's, which listens on its port.

    Returns:
        To be added to `environ`. What is no number stays as it is, for the settings to refuse.
    """
    added = {}
    for theirs, ours in SETTINGS.items():
        value = environ.get(theirs)
        if not value or environ.get(ours):
            continue
        if ours == "FAIRLEAD_MAX_BODY_BYTES":
            with suppress(ValueError):
                value = str(int(value) * 2**20)
        added[ours] = value
    if container:
        added |= {
            name: value
            for name, value in CONTAINER.items()
            if name not in added and not environ.get(name)
        }
    return added
