"""Ray Serve's server: `ray_server.py PORT FOLDER`."""

import os
import sys
import threading
from pathlib import Path
from typing import Any

import joblib
import pandas as pd
import ray
from ray import serve
from ray.serve.schema import LoggingConfig
from starlette.requests import Request


@serve.deployment(num_replicas=1, max_ongoing_requests=100)
class Plain:
    """Every request is predicted by itself."""

    def __init__(self) -> None:
        self.pipeline = joblib.load(Path(os.environ["MODEL"]) / "pipeline.joblib")

    async def __call__(self, request: Request) -> dict[str, Any]:
        """Predict some rows."""
        frame = pd.DataFrame((await request.json())["rows"])
        return {"predictions": self.pipeline.predict(frame).tolist()}


if __name__ == "__main__":
    port, folder = int(sys.argv[1]), sys.argv[2]
    ray.init(
        num_cpus=1,
        include_dashboard=False,
        log_to_driver=False,
        object_store_memory=100 * 2**20,
        _temp_dir=folder,
    )
    quiet = LoggingConfig(enable_access_log=False, log_level="WARNING")
    serve.start(http_options={"host": "127.0.0.1", "port": port}, logging_config=quiet.model_dump())
    serve.run(Plain.bind(), route_prefix="/predict")
    # Until a signal ends it.
    threading.Event().wait()
