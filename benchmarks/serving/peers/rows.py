"""The rows as FastAPI's tutorials type them."""

from __future__ import annotations

from pydantic import BaseModel


class Iris(BaseModel):
    """The measurements of one flower."""

    sepal_length: float
    sepal_width: float
    petal_length: float
    petal_width: float


class Housing(BaseModel):
    """One block group."""

    longitude: float
    latitude: float
    housing_median_age: int
    total_rooms: int
    total_bedrooms: int | None
    population: int
    households: int
    median_income: float
    ocean_proximity: str


ROWS = {"iris": Iris, "housing": Housing}
