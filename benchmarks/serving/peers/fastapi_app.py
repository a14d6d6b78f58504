"""A service as tutorials write it: FastAPI, pydantic, joblib and pandas."""

import os
from pathlib import Path
from typing import Any

import joblib
import pandas as pd
from fastapi import FastAPI
from rows import ROWS

folder = Path(os.environ["MODEL"])
pipeline = joblib.load(folder / "pipeline.joblib")
Row = ROWS[folder.name]
app = FastAPI()


@app.post("/predict")
def predict(row: Row) -> dict[str, Any]:  # type: ignore[valid-type]
    """One row."""
    return {"prediction": pipeline.predict(pd.DataFrame([row.model_dump()])).tolist()[0]}


@app.post("/predict_batch")
def predict_batch(rows: list[Row]) -> dict[str, Any]:  # type: ignore[valid-type]
    """Several rows."""
    frame = pd.DataFrame([row.model_dump() for row in rows])
    return {"predictions": pipeline.predict(frame).tolist()}
