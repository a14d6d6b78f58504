"""Fit the peers' pipelines, ask them 200 rows, and save them: `train.py IRIS HOUSING FOLDER`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import joblib
import mlflow.sklearn
import pandas as pd
from mlflow.models import infer_signature
from pipelines import SEED, housing, iris
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline

ASKED = 200
INTEGERS = ["housing_median_age", "total_rooms", "total_bedrooms", "population", "households"]


def main() -> None:
    """Train both models."""
    flowers, houses, folder = map(Path, sys.argv[1:])
    frame = pd.read_csv(flowers)
    X, y = frame.drop(columns="species"), frame["species"]
    # The flowers themselves, and as many half way between two of them as are missing to 200.
    between = (X + X.shift(50)).div(2).round(2).dropna().head(ASKED - len(X))
    _save(iris().fit(X, y), X, pd.concat([X, between]), folder / "iris")

    frame = pd.read_csv(houses)
    X, y = frame.drop(columns="median_house_value"), frame["median_house_value"]
    kept, held, target, _ = train_test_split(X, y, test_size=0.2, random_state=SEED)
    # Missing values and the rarest category are asked too.
    rare, missing = X[X["ocean_proximity"] == "ISLAND"], held[held["total_bedrooms"].isna()]
    special = pd.concat([rare, missing]).head(20)
    asked = pd.concat([special, held.drop(special.index, errors="ignore")]).head(ASKED)
    _save(housing().fit(kept, target), kept, asked, folder / "housing")


def _save(pipeline: Pipeline, X: pd.DataFrame, asked: pd.DataFrame, folder: Path) -> None:
    folder.mkdir(parents=True)
    joblib.dump(pipeline, folder / "pipeline.joblib")
    mlflow.sklearn.save_model(
        pipeline,
        folder / "mlflow",
        serialization_format="cloudpickle",
        signature=infer_signature(X, pipeline.predict(X)),
        pip_requirements=["scikit-learn"],
        code_paths=[str(Path(__file__).with_name("pipelines.py"))],
    )
    answers = pipeline.predict(asked).tolist()
    records = [_record(row) for row in asked.to_dict("records")]
    document = {"records": records, "answers": answers}
    (folder / "asked.json").write_text(json.dumps(document, allow_nan=False) + "\n")


def _record(row: dict[str, Any]) -> dict[str, Any]:
    """A row as JSON has it: whole numbers where they are counts, null where one is missing."""
    found = {name: None if pd.isna(value) else value for name, value in row.items()}
    for name in INTEGERS:
        if found.get(name) is not None:
            found[name] = int(found[name])
    return found


if __name__ == "__main__":
    main()
