"""Every registry that ships passes the suite of its port."""

from __future__ import annotations

from pathlib import Path

import pytest

from fairlead.adapters.memory_registry import MemoryRegistry
from fairlead.adapters.mlflow_registry import MlflowRegistry
from fairlead.registry.port import ModelRegistry
from fairlead.testing.registry import RegistryContract


class TestMemoryRegistry(RegistryContract):
    @pytest.fixture
    def registry(self) -> ModelRegistry:
        return MemoryRegistry()


@pytest.fixture(scope="module")
def mlflow_registry(tmp_path_factory: pytest.TempPathFactory) -> MlflowRegistry:
    folder: Path = tmp_path_factory.mktemp("mlflow")
    return MlflowRegistry(f"sqlite:///{folder}/new/mlflow.db")


class TestMlflowRegistry(RegistryContract):
    @pytest.fixture
    def registry(self, mlflow_registry: MlflowRegistry) -> ModelRegistry:
        return mlflow_registry
