"""Which version of its data file a model has seen: DVC's, where DVC tracks it, or its digest."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from fairlead.data.fetch import sha256_of
from fairlead.errors import DataInvalidError

LOCK = "dvc.lock"


def data_version(root: Path, data_path: str) -> dict[str, Any]:
    """Describe the version of a project's data; DVC itself is not needed.

    Args:
        root: the project's folder.
        data_path: of the data, relative to it.

    Returns:
        `tool` (`dvc` or `sha256`), `path`, and the file's digest as `md5` or `sha256`. For DVC
        `tracked_by`, which is the `.dvc` file or `dvc.lock`, and `modified`: whether the file is
        another than the one that is tracked.

    Raises:
        DataInvalidError: a file of DVC's cannot be read.
        OSError: the data cannot be read.
    """
    file = root / data_path
    beside = file.with_name(f"{file.name}.dvc")
    tracked = {
        **_outputs(root / LOCK, _stages(root / LOCK)),
        **_outputs(beside, [_document(beside)]),
    }
    found = tracked.get(_place(file))
    if found is None:
        return {"tool": "sha256", "path": data_path, "sha256": sha256_of(file)}
    source, recorded = found
    with file.open("rb") as opened:
        actual = hashlib.file_digest(opened, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    return {
        "tool": "dvc",
        "path": data_path,
        "tracked_by": Path(os.path.relpath(source, root)).as_posix(),
        "md5": actual,
        "modified": actual != recorded,
    }


def shown_version(version: Mapping[str, Any]) -> str:
    """A data version in a word, such as `dvc:8a37…`, `dvc:8a37…+modified` or `sha256:9cc1…`."""
    tool = version["tool"]
    digest = version["md5" if tool == "dvc" else "sha256"]
    return f"{tool}:{digest}{'+modified' if version.get('modified') else ''}"


def _outputs(source: Path, stages: list[Any]) -> dict[str, tuple[Path, str]]:
    """Place of each file that DVC tracks -> where it says so, and the MD5 it knows."""
    try:
        return {
            _place(source.parent / (stage.get("wdir") or ".") / out["path"]): (source, out["md5"])
            for stage in stages
            for out in stage.get("outs") or ()
            if "md5" in out
        }
    except (AttributeError, KeyError, TypeError) as error:
        raise DataInvalidError(source, "something else", "a file as DVC 3 writes it") from error


def _stages(lock: Path) -> list[Any]:
    document = _document(lock)
    if not isinstance(document.get("stages", {}), dict):
        raise DataInvalidError(lock, "no mapping of stages", "a file as DVC 3 writes it")
    return list(document.get("stages", {}).values())


def _document(path: Path) -> dict[str, Any]:
    """What a file of DVC's says; nothing where there is none."""
    if not path.is_file():
        return {}
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        found = "text that is no YAML, such as the marks of a merge"
        raise DataInvalidError(path, found, "a file as DVC 3 writes it") from error
    if not isinstance(document, dict):
        raise DataInvalidError(path, "no mapping", "a file as DVC 3 writes it")
    return document


def _place(path: Path) -> str:
    # As text, without following links: DVC may put a link to its cache there.
    return os.path.normpath(path.absolute())
