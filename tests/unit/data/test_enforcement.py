from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fairlead.data.enforcement import Dataset, examine, read_dataset
from fairlead.errors import ContractError, DataInvalidError, DataMissingError
from fairlead.project.columns import Task
from fairlead.project.loading import load_project
from fairlead.project.spec import DataSpec

ROOT = Path(__file__).resolve().parents[3]
ShopReader = Callable[..., Dataset]

SHOP: dict[str, dict[str, Any]] = {
    "age": {"type": "integer", "min": 0, "max": 120},
    "income": {"type": "number", "nullable": True},
    "member": {"type": "boolean"},
    "city": {"type": "category", "values": ["Bonn", "Köln"]},
    "customer": {"type": "text", "role": "group"},
    "day": {"type": "datetime", "role": "time"},
}
HEADER = "age,income,member,city,customer,day,bought\n"
ROWS = (
    "41,1e3,yes,Bonn,c1,2024-01-01,no\n"
    "30,,no,Köln,c2,2024-01-02,yes\n"
    "41.0,1000,true, Bonn,c1,2024-01-01T00:00:00Z,no\n"
)


def shop(task: Task = "classification", **changes: Any) -> tuple[Task, DataSpec]:
    """The declaration of the shop's data; `age={…}` changes a column, any other key the data."""
    columns = {name: column | changes.pop(name, {}) for name, column in SHOP.items()}
    return task, DataSpec.model_validate(
        {"path": "shop.csv", "target": {"name": "bought"}, "columns": columns} | changes
    )


@pytest.fixture
def shop_reader(tmp_path: Path) -> ShopReader:
    def read(rows: str = ROWS, task: Task = "classification", **changes: Any) -> Dataset:
        path = tmp_path / "shop.csv"
        path.write_text(HEADER + rows, "utf-8")
        return read_dataset(path, *shop(task, **changes))

    return read


def broken(shop_reader: ShopReader, rows: str = ROWS, **changes: Any) -> list[tuple[str, str]]:
    """The columns and rules that are broken."""
    with pytest.raises(ContractError) as caught:
        shop_reader(rows, **changes)
    return [(violation.column, violation.rule) for violation in caught.value.violations]


def test_rows_become_features_target_and_other_columns(shop_reader: ShopReader) -> None:
    dataset = shop_reader()
    assert list(dataset.contract.columns) == ["age", "income", "member", "city"]
    np.testing.assert_array_equal(
        dataset.X, [[41, 1000, 1, 0], [30, np.nan, 0, 1], [41, 1000, 1, 0]]
    )
    assert dataset.contract.classes == ("no", "yes")
    assert dataset.y.tolist() == [0, 1, 0]
    assert dataset.y.dtype == np.int64
    assert dataset.others["customer"].tolist() == ["c1", "c2", "c1"]
    assert dataset.others["day"].tolist() == [1704067200.0, 1704153600.0, 1704067200.0]
    assert dataset.roles == {"group": "customer", "time": "day"}
    assert dataset.rows.tolist() == [1, 2, 3]


def test_columns_are_found_by_what_the_file_calls_them(tmp_path: Path) -> None:
    path = tmp_path / "flowers.csv"
    path.write_text("sepal (cm);petal (cm);kind?\n5,1;1,4;a\n6,2;4,5;b\n", "utf-8")
    declared = {
        "path": path.name,
        "decimal": ",",
        "target": {"name": "kind", "header": "kind?"},
        "columns": {
            "petal": {"type": "number", "header": "petal (cm)"},
            "sepal": {"type": "number", "header": "sepal (cm)"},
        },
    }
    dataset = read_dataset(path, "classification", DataSpec.model_validate(declared))
    assert list(dataset.contract.columns) == ["petal", "sepal"]
    np.testing.assert_array_equal(dataset.X, [[1.4, 5.1], [4.5, 6.2]])
    assert dataset.contract.classes == ("a", "b")
    assert dataset.report.undeclared == ()


def test_a_header_that_is_not_there_is_named_as_the_file_would_have_it(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("x (m),y\n1,2\n2,3\n", "utf-8")
    declared = {
        "path": path.name,
        "target": {"name": "y"},
        "columns": {"x": {"type": "number", "header": "x (cm)"}},
    }
    with pytest.raises(DataInvalidError, match=r"no column x \(cm\) \(is it x \(m\)\?\)"):
        read_dataset(path, "regression", DataSpec.model_validate(declared))


def test_declared_classes_keep_their_order(shop_reader: ShopReader) -> None:
    dataset = shop_reader(target={"name": "bought", "classes": ["yes", "maybe", "no"]})
    assert dataset.contract.classes == ("yes", "maybe", "no")
    assert dataset.y.tolist() == [2, 0, 2]
    assert dataset.report.classes == {"yes": 1, "maybe": 0, "no": 2}


def test_every_violation_of_a_file_is_reported_at_once(shop_reader: ShopReader) -> None:
    rows = ROWS + (
        "30.5,1,no,Bonn,c,2024-01-01,no\n"
        "200,one,no,Bonn,c,2024-01-01,no\n"
        "-1,1,,Berlin,c,yesterday,no\n"
        ",1,no,Bonn,,2024-01-01,\n"
    )
    with pytest.raises(ContractError) as caught:
        shop_reader(rows)
    assert [(v.column, v.rule, v.rows) for v in caught.value.violations] == [
        ("age", "a whole number", (4,)),
        ("age", "not missing", (7,)),
        ("age", ">= 0", (6,)),
        ("age", "<= 120", (5,)),
        ("income", "a finite number", (5,)),
        ("member", "not missing", (6,)),
        ("city", "one of the declared categories", (6,)),
        ("customer", "not missing", (7,)),
        ("day", "a time in ISO 8601", (6,)),
        ("bought", "not missing", (7,)),
    ]
    assert "yesterday" not in str(caught.value)


def test_a_target_outside_its_declaration_breaks_the_contract(shop_reader: ShopReader) -> None:
    classes = {"name": "bought", "classes": ["no", "later"]}
    assert broken(shop_reader, target=classes) == [("bought", "one of the declared categories")]
    rows = ROWS.replace(",yes\n", ",7\n").replace(",no\n", ",-1\n")
    bounds = {"name": "bought", "min": 0, "max": 5}
    assert broken(shop_reader, rows, task="regression", target=bounds) == [
        ("bought", ">= 0"),
        ("bought", "<= 5"),
    ]
    assert broken(shop_reader, task="regression") == [("bought", "a finite number")]


def test_a_missing_value_is_refused_where_the_policy_is_to_reject(
    shop_reader: ShopReader,
) -> None:
    assert broken(shop_reader, income={"missing": "reject"}) == [("income", "not missing")]


@pytest.mark.parametrize(
    ("policy", "ages"),
    [("clip", [41, 30, 41, 50]), ("flag", [41, 30, 41, 50]), ("drop", [41, 41, 50])],
)
def test_an_outlier_is_kept_as_it_is_or_its_row_left_out(
    shop_reader: ShopReader, policy: str, ages: list[float]
) -> None:
    rows = ROWS + "50,1,no,Bonn,c,2024-01-01,yes\n"
    dataset = shop_reader(rows, age={"min": 40, "outliers": policy})
    assert dataset.X[:, 0].tolist() == ages


def test_an_unknown_category_is_flagged_where_the_policy_says_so(shop_reader: ShopReader) -> None:
    rows = ROWS.replace("Köln", "Berlin")
    assert broken(shop_reader, rows) == [("city", "one of the declared categories")]
    assert shop_reader(rows, city={"unknown": "flag"}).X[:, 3].tolist() == [0, -1, 0]


def test_duplicates_are_kept_dropped_or_refused_after_parsing(shop_reader: ShopReader) -> None:
    assert shop_reader().report.duplicates == 1
    dropped = shop_reader(duplicates="drop")
    assert dropped.rows.tolist() == [1, 2]
    assert dropped.report.rows_kept == 2
    assert broken(shop_reader, duplicates="reject") == [("*", "unlike every earlier row")]


def test_rows_that_differ_in_an_unknown_category_or_an_ignored_column_are_no_duplicates(
    shop_reader: ShopReader,
) -> None:
    rows = ROWS + "".join(f"1,,no,{city},c,2024-01-01,no\n" for city in ("Berlin", "Bremen"))
    dataset = shop_reader(rows, city={"unknown": "flag"}, duplicates="drop")
    assert dataset.rows.tolist() == [1, 2, 4, 5]
    ignored = shop_reader(
        ROWS.replace("c1", "c3", 1), customer={"role": "ignore"}, duplicates="drop"
    )
    assert len(ignored.rows) == 3


def test_data_without_two_classes_or_without_rows_is_refused(shop_reader: ShopReader) -> None:
    with pytest.raises(DataInvalidError, match="rows of class no only"):
        shop_reader(ROWS.replace(",yes\n", ",no\n"))
    with pytest.raises(DataInvalidError, match="no row without an outlier"):
        shop_reader(age={"min": 100, "outliers": "drop"})


def test_a_missing_file_points_to_the_fetch_only_if_there_is_a_source(tmp_path: Path) -> None:
    task, data = shop()
    with pytest.raises(DataMissingError, match="put it there"):
        read_dataset(tmp_path / "shop.csv", task, data)
    task, data = shop(source={"url": "https://example.org/shop.csv", "sha256": "0" * 64})
    with pytest.raises(DataMissingError, match="fairlead data fetch"):
        read_dataset(tmp_path / "shop.csv", task, data)


def test_a_broken_contract_still_has_a_report(tmp_path: Path) -> None:
    path = tmp_path / "shop.csv"
    path.write_text(HEADER + ROWS.replace("30,", "300,"), "utf-8")
    dataset, report = examine(path, *shop())
    assert dataset is None
    assert not report.passed
    assert report.rows_kept == 0
    assert report.columns[0].above == 1


AGES = st.lists(st.tuples(st.integers(0, 20), st.sampled_from("ab")), min_size=1, max_size=12).map(
    lambda rows: [*rows, (10, "a"), (10, "b")]
)


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=AGES,
    low=st.integers(0, 20),
    high=st.integers(0, 20),
    tighter=st.integers(0, 5),
    policy=st.sampled_from(["reject", "drop"]),
)
def test_a_tighter_range_never_accepts_more(
    tmp_path: Path,
    rows: list[tuple[int, str]],
    low: int,
    high: int,
    tighter: int,
    policy: str,
) -> None:
    path = tmp_path / "ages.csv"
    path.write_text("age,kind\n" + "".join(f"{age},{kind}\n" for age, kind in rows))

    def accepted(low: int, high: int) -> set[int]:
        column = {"type": "integer", "min": low, "max": high, "outliers": policy}
        data = DataSpec.model_validate(
            {"path": "a", "target": {"name": "kind"}, "columns": {"age": column}}
        )
        try:
            return set(read_dataset(path, "classification", data).rows.tolist())
        except (ContractError, DataInvalidError):
            return set()

    low, high = min(low, high), max(low, high) + 2 * tighter
    assert accepted(low + tighter, high - tighter) <= accepted(low, high)


REFERENCE = {
    "housing": ("housing.csv", 20640, 20640, 10, 0),
    "obesity": ("ObesityDataSet_raw_and_data_sinthetic.csv", 2111, 2087, 17, 24),
}


@pytest.mark.parametrize("name", REFERENCE)
def test_the_reference_data_keeps_its_contract(name: str, data_mirror: Path) -> None:
    file, read, kept, columns, duplicates = REFERENCE[name]
    spec = load_project(ROOT / "projects" / name).spec
    dataset = read_dataset(data_mirror / file, spec.task, spec.data)
    report = dataset.report
    assert (report.rows_read, report.rows_kept, len(report.columns)) == (read, kept, columns)
    assert report.duplicates == duplicates
    assert len(dataset.X) == kept


def test_missing_bedrooms_of_the_housing_data_are_counted(data_mirror: Path) -> None:
    spec = load_project(ROOT / "projects/housing").spec
    dataset = read_dataset(data_mirror / "housing.csv", spec.task, spec.data)
    (bedrooms,) = [c for c in dataset.report.columns if c.name == "total_bedrooms"]
    assert bedrooms.missing == 207
    assert np.isnan(dataset.X).sum() == 207
    frame = pl.read_csv(data_mirror / "housing.csv")
    assert dataset.y.tolist() == frame["median_house_value"].to_list()
