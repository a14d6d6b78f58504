"""What the package exports, and how light it is to import."""

from __future__ import annotations

import subprocess
import sys
from importlib import metadata

import pytest

import fairlead

HEAVY = {"mlflow", "pandas", "polars", "sklearn", "onnx", "prefect", "evidently", "dask"}


def test_the_public_names_are_these() -> None:
    assert fairlead.__all__ == [
        "Bundle", "FairleadError", "Project", "__version__", "load", "load_bundle", "train"
    ]  # fmt: skip
    assert dir(fairlead) == fairlead.__all__


@pytest.mark.parametrize("name", fairlead.__all__)
def test_every_public_name_can_be_had(name: str) -> None:
    assert getattr(fairlead, name) is not None


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = fairlead.nothing


def test_the_version_is_that_of_the_package() -> None:
    assert metadata.version("fairlead") == fairlead.__version__


@pytest.mark.parametrize("module", ["fairlead", "fairlead.cli.main", "fairlead.project.loading"])
def test_importing_it_pulls_in_no_heavy_library(module: str) -> None:
    code = f"import sys, {module}; print(*{{name.partition('.')[0] for name in sys.modules}})"
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert HEAVY & set(run.stdout.split()) == set()
