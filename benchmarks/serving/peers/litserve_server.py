"""LitServe's server: `litserve_server.py PORT [batch]`."""

import os
import sys
from pathlib import Path
from typing import Any

import joblib
import litserve
import pandas as pd


class Plain(litserve.LitAPI):
    """Every request is predicted by itself."""

    def setup(self, device: str) -> None:  # noqa: ARG002 (LitServe's signature)
        """Load the pipeline."""
        self.pipeline = joblib.load(Path(os.environ["MODEL"]) / "pipeline.joblib")

    def decode_request(self, request: dict[str, Any]) -> list[dict[str, Any]]:
        """The rows of a body."""
        rows: list[dict[str, Any]] = request["rows"]
        return rows

    def predict(self, rows: list[Any]) -> list[Any]:
        """Predict some rows."""
        found: list[Any] = self.pipeline.predict(pd.DataFrame(rows)).tolist()
        return found

    def encode_response(self, output: list[Any]) -> dict[str, Any]:
        """The body of an answer."""
        return {"predictions": output}


class Batching(Plain):
    """Requests that arrive together are predicted together."""

    def predict(self, requests: list[Any]) -> list[list[Any]]:
        """Predict the rows of some requests."""
        found = super().predict([row for rows in requests for row in rows])
        ends = iter(found)
        return [[next(ends) for _ in rows] for rows in requests]


if __name__ == "__main__":
    port, batch = int(sys.argv[1]), sys.argv[2:] == ["batch"]
    api = Batching(max_batch_size=64, batch_timeout=0.002) if batch else Plain()
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=1)
    server.run(
        host="127.0.0.1",
        port=port,
        num_api_servers=1,
        generate_client_file=False,
        log_level="warning",
        access_log=False,
    )
