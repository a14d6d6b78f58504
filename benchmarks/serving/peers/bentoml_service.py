"""BentoML's services: one request at a time, and with its adaptive batching."""

import os
from pathlib import Path
from typing import Any

import bentoml
import joblib
import pandas as pd

SETTINGS: dict[str, Any] = {"workers": 1, "logging": {"access": {"enabled": False}}}


@bentoml.service(**SETTINGS)
class Plain:
    """Every request is predicted by itself."""

    def __init__(self) -> None:
        self.pipeline = joblib.load(Path(os.environ["MODEL"]) / "pipeline.joblib")

    @bentoml.api
    def predict(self, rows: pd.DataFrame) -> list[Any]:
        """Predict some rows."""
        found: list[Any] = self.pipeline.predict(rows).tolist()
        return found


@bentoml.service(**SETTINGS)
class Batching:
    """Requests that arrive together are predicted together."""

    def __init__(self) -> None:
        self.pipeline = joblib.load(Path(os.environ["MODEL"]) / "pipeline.joblib")

    # Lists: of a data frame, BentoML 1.4 takes the shape for the size of the batch, and hangs.
    @bentoml.api(batchable=True, max_batch_size=10_000, max_latency_ms=60_000)
    def predict(self, rows: list[dict[str, Any]]) -> list[Any]:
        """Predict the rows of some requests."""
        found: list[Any] = self.pipeline.predict(pd.DataFrame(rows)).tolist()
        return found
