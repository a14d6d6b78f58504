"""Fixtures that every test may use."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

# Small fits on several threads of a busy machine crawl; read when the libraries load.
os.environ.setdefault("OMP_NUM_THREADS", "1")

ROOT = Path(__file__).resolve().parents[1]

# A busy machine is no failure; and what blocks a change must be what the change did.
settings.register_profile("fairlead", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("fairlead")


@pytest.fixture(autouse=True, scope="module")
def _no_store_of_another_module() -> None:
    """MLflow leaves the address that it was told in the environment."""
    os.environ.pop("MLFLOW_TRACKING_URI", None)


@pytest.fixture(scope="session")
def data_mirror() -> Path:
    """Folder with the reference data; `FAIRLEAD_DATA_MIRROR` or ../shared/data."""
    mirror = Path(os.environ.get("FAIRLEAD_DATA_MIRROR", ROOT.parent / "shared" / "data"))
    if not mirror.is_dir():
        pytest.fail(f"{mirror} does not exist: set FAIRLEAD_DATA_MIRROR to the reference data")
    return mirror.resolve()


@pytest.fixture(scope="session")
def reference_project(
    data_mirror: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Path]:
    """A reference project in a folder of its own, its data fetched from the mirror."""

    def copy(name: str) -> Path:
        from fairlead.settings import Settings
        from fairlead.workflows.fetch import fetch
        from fairlead.workflows.load import load

        root = tmp_path_factory.mktemp(name)
        shutil.copy(ROOT / "projects" / name / "fairlead.yaml", root)
        fetch(load(root), Settings(data_mirror=str(data_mirror)))
        return root

    return copy
