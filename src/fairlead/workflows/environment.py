"""What runs a training: the platform as far as results may depend on it, libraries, lock files."""

from __future__ import annotations

import platform
from collections.abc import Iterable
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from fairlead.bundle.manifest import file_digest
from fairlead.git import top_of

LOCKS = ("uv.lock", "requirements.txt", "requirements/*.txt")


def environment_of(root: Path) -> dict[str, Any]:
    """Describe what runs now.

    Args:
        root: the project's folder; lock files are looked for there and at the repository's top.

    Returns:
        JSON values: `platform`, `distributions` (name -> version), `locks` (path -> SHA-256).
    """
    return {
        "platform": _platform(),
        "distributions": dict(sorted(_installed().items())),
        "locks": _locks(root),
    }


def _installed() -> dict[str, str]:
    return {
        distribution.metadata["Name"].lower(): distribution.version
        for distribution in distributions()
    }


def _platform() -> dict[str, Any]:
    """What library builds choose their instructions by, and what they have chosen."""
    import numpy as np
    import scipy.linalg  # noqa: F401 (it has a BLAS of its own, which is told only once loaded)
    from threadpoolctl import threadpool_info

    simd = np.show_config(mode="dicts")["SIMD Extensions"]
    blas = [each for each in threadpool_info() if each["user_api"] == "blas"]
    return {
        "system": platform.system(),
        "machine": platform.machine(),
        "libc": " ".join(platform.libc_ver()).strip(),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "compiler": platform.python_compiler(),
        "instructions": " ".join([*simd["baseline"], *simd.get("found", ())]),
        "blas": _listed(f"{each['internal_api']} {each['version']}" for each in blas),
        # Kernels for other processors add up in another order (OPENBLAS_CORETYPE chooses them).
        "blas_kernels": _listed(str(each.get("architecture")) for each in blas),
        # Training is limited to one thread per process, whatever OMP_NUM_THREADS says.
        "threads": 1,
    }


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(set(names)))


def _locks(root: Path) -> dict[str, str]:
    """Lock files of the repository, or of the project's folder where there is none."""
    top = top_of(root) or root.resolve()
    found = {
        path.relative_to(top).as_posix(): file_digest(path)
        for folder in {top, root.resolve()}
        for pattern in LOCKS
        for path in folder.glob(pattern)
        if path.is_file()
    }
    return dict(sorted(found.items()))
