"""A data set as a data frame has every value in its own type, and encodes to what it was."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from fairlead.data.enforcement import Dataset, read_dataset
from fairlead.errors import DataInvalidError
from fairlead.project.spec import DataSpec

COLUMNS: dict[str, dict[str, Any]] = {
    "customer": {"type": "text", "role": "group"},
    "age": {"type": "integer", "nullable": True},
    "income": {"type": "number", "nullable": True},
    "member": {"type": "boolean", "nullable": True},
    "city": {"type": "category", "values": ["Bonn", "Köln"], "nullable": True, "unknown": "flag"},
    "day": {"type": "datetime", "nullable": True},
}
ROWS = """customer,age,income,member,city,day,bought
c1,41,1e3,yes,Bonn,2024-01-01T12:00:00.25Z,no
c2,,,,,,yes
c1,30,2.5,no,Ulm,1969-12-31,no
"""


def shop(root: Path, rows: str = ROWS) -> Dataset:
    (root / "shop.csv").write_text(rows, "utf-8")
    document = {"path": "shop.csv", "target": {"name": "bought"}, "columns": COLUMNS}
    return read_dataset(root / "shop.csv", "classification", DataSpec.model_validate(document))


def test_columns_stand_in_the_order_of_the_project_each_in_its_type(tmp_path: Path) -> None:
    frame = shop(tmp_path).frame()
    assert frame.columns == [*COLUMNS, "bought"]
    assert frame.row(1) == ("c2", None, None, None, None, None, "yes")
    assert frame["city"].to_list() == ["Bonn", None, "(not declared)"]
    assert frame.select("age", "member", "day").dtypes == [
        pl.Int64,
        pl.Boolean,
        pl.Datetime("us", "UTC"),
    ]
    assert frame["bought"].dtype == pl.Enum(["no", "yes"])


@pytest.mark.parametrize("library", ["polars", "pandas"])
def test_a_frame_encodes_to_the_rows_it_was_made_of(library: str, tmp_path: Path) -> None:
    data = shop(tmp_path)
    frame = data.frame().select(list(data.contract.columns))
    given: Any = frame if library == "polars" else frame.to_pandas()
    columns = {name: given[name] for name in data.contract.columns}
    np.testing.assert_array_equal(data.contract.encode(columns, len(data.y)), data.X)


def test_rows_are_numbered_as_in_the_file(tmp_path: Path) -> None:
    assert shop(tmp_path).frame(row_number="row")["row"].to_list() == [1, 2, 3]
    with pytest.raises(DataInvalidError, match="another name for the row numbers"):
        shop(tmp_path).frame(row_number="city")
