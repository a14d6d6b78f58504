from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fairlead.data.checks import run_checks
from fairlead.data.enforcement import Dataset, read_dataset
from fairlead.data.report import CheckResult
from fairlead.errors import ExpressionError
from fairlead.project.spec import DataSpec

ROWS = "rooms,houses,city,price\n10,2,Bonn,100\n6,0,Köln,50\n,3,Bonn,70\n8,4,Bonn,0\n"


def house_data(**changes: Any) -> DataSpec:
    return DataSpec.model_validate(
        {
            "path": "houses.csv",
            "target": {"name": "price"},
            "columns": {
                "rooms": {"type": "integer", "nullable": True},
                "houses": {"type": "integer"},
                "city": {"type": "category", "values": ["Bonn", "Köln"]},
            },
            "derived": {"rooms_per_house": "rooms / houses"},
        }
        | changes
    )


@pytest.fixture
def houses(tmp_path: Path) -> Dataset:
    path = tmp_path / "houses.csv"
    path.write_text(ROWS, "utf-8")
    return read_dataset(path, "regression", house_data())


@pytest.mark.parametrize(
    ("check", "failing"),
    [
        ("houses >= 0", ()),
        ("houses > 0", (2,)),
        ("rooms > 0", (3,)),
        ("is_missing(rooms) or rooms > 0", ()),
        ("price > 0", (4,)),
        ("city == 'Bonn'", (2,)),
        ("rooms_per_house <= 4", (1, 2, 3)),
        ("houses < rows", (4,)),
    ],
)
def test_a_check_must_hold_in_every_row(
    houses: Dataset, check: str, failing: tuple[int, ...]
) -> None:
    (result,) = run_checks(houses, house_data(checks=[check]))
    assert result == CheckResult(check, not failing, len(failing), failing)


@pytest.mark.parametrize(("check", "passed"), [("rows == 4", True), ("rows > 4", False)])
def test_a_check_on_the_number_of_rows_is_one_verdict(
    houses: Dataset, check: str, passed: bool
) -> None:
    assert run_checks(houses, house_data(checks=[check])) == (CheckResult(check, passed),)


def test_the_target_of_a_classification_is_compared_with_its_classes(tmp_path: Path) -> None:
    path = tmp_path / "houses.csv"
    path.write_text(ROWS.replace("price", "rooms2").replace("city", "price"), "utf-8")
    data = DataSpec.model_validate(
        {
            "path": "houses.csv",
            "target": {"name": "price"},
            "columns": {"houses": {"type": "integer"}},
            "checks": ["price == 'Bonn' or houses == 0"],
        }
    )
    dataset = read_dataset(path, "classification", data)
    assert run_checks(dataset, data)[0].passed


def test_a_check_that_is_no_condition_is_refused(houses: Dataset) -> None:
    with pytest.raises(ExpressionError, match="a condition"):
        run_checks(houses, house_data(checks=["rooms + 1"]))
