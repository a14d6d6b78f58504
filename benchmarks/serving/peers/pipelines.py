"""The pipelines that every peer serves, as their tutorials would write them."""

from __future__ import annotations

import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder

SEED = 42
NUMBERS = [
    "longitude",
    "latitude",
    "housing_median_age",
    "total_rooms",
    "total_bedrooms",
    "population",
    "households",
    "median_income",
]
RATIOS = ["rooms_per_household", "bedrooms_per_room", "population_per_household"]


def add_ratios(frame: pd.DataFrame) -> pd.DataFrame:
    """The three ratios of the housing project."""
    return frame.assign(
        rooms_per_household=frame["total_rooms"] / frame["households"],
        bedrooms_per_room=frame["total_bedrooms"].astype(float) / frame["total_rooms"],
        population_per_household=frame["population"] / frame["households"],
    )


def iris() -> Pipeline:
    """A random forest of 100 trees on the four measurements."""
    return Pipeline([("model", RandomForestClassifier(n_estimators=100, random_state=SEED))])


def housing() -> Pipeline:
    """Ratios, imputation and one-hot columns before the boosting of the housing project."""
    columns = ColumnTransformer(
        [
            ("number", SimpleImputer(strategy="median"), [*NUMBERS, *RATIOS]),
            (
                "category",
                OneHotEncoder(handle_unknown="ignore", sparse_output=False),
                ["ocean_proximity"],
            ),
        ]
    )
    model = HistGradientBoostingRegressor(
        max_iter=600,
        learning_rate=0.06,
        max_leaf_nodes=31,
        early_stopping=False,
        random_state=SEED,
    )
    return Pipeline(
        [("ratios", FunctionTransformer(add_ratios)), ("columns", columns), ("model", model)]
    )
