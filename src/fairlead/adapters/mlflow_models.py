"""Fetches fitted models that other tools have logged to MLflow."""

from __future__ import annotations

import importlib
import os
from typing import Any

from fairlead.adapters.mlflow_store import ENVIRONMENT
from fairlead.errors import AdoptionError

FLAVOURS = ("sklearn", "xgboost", "lightgbm")
SCHEMES = ("models:/", "runs:/")


class MlflowModel:
    """A model in an MLflow store, by its address.

    Args:
        address: `models:/NAME/VERSION`, `models:/NAME@ALIAS` or `runs:/RUN/PATH`.
        uri: of the store; None takes MLflow's own default, `mlflow.db` in the working folder.
    """

    def __init__(self, address: str, uri: str | None) -> None:
        for name, value in ENVIRONMENT.items():
            os.environ.setdefault(name, value)
        self.address, self.uri = address, uri

    @property
    def title(self) -> str:
        """The registered model's name; of a run's model, the last part of its path."""
        kind, _, rest = self.address.partition(":/")
        parts = rest.strip("/").split("/")
        return parts[0].partition("@")[0] if kind == "models" else parts[-1]

    def load(self) -> Any:
        """The model, by the loader of its flavour, which runs the code that the model holds.

        Raises:
            AdoptionError: it is of no flavour that can be followed.
        """
        flavours = self._info().flavors
        found = next((flavour for flavour in FLAVOURS if flavour in flavours), None)
        if found is None:
            known, expected = ", ".join(flavours), ", ".join(FLAVOURS)
            raise AdoptionError(self.address, f"is of the flavours {known}; expected {expected}")
        return importlib.import_module(f"mlflow.{found}").load_model(self.address)

    def origin(self) -> dict[str, Any]:
        """Where it comes from, as JSON values."""
        info = self._info()
        return {"address": self.address, "run_id": info.run_id, "model_uuid": info.model_uuid}

    def _info(self) -> Any:
        import mlflow

        if self.uri is not None:
            mlflow.set_tracking_uri(self.uri)
        return mlflow.models.get_model_info(self.address)
