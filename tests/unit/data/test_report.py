from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from fairlead.data.checks import run_checks
from fairlead.data.enforcement import examine
from fairlead.data.report import DataReport
from fairlead.project.spec import DataSpec

DATA = DataSpec.model_validate(
    {
        "path": "shop.csv",
        "target": {"name": "bought"},
        "duplicates": "drop",
        "columns": {
            "age": {"type": "integer", "max": 100, "outliers": "clip"},
            "income": {"type": "number", "nullable": True, "missing": "median"},
            "member": {"type": "boolean"},
            "city": {"type": "category", "values": ["[b]", "Bonn"], "unknown": "flag"},
            "day": {"type": "datetime", "role": "ignore"},
        },
        "checks": ["rows > 3", "age > 0"],
    }
)
HEADER = "age,income,member,city,day,bought,id\n"
ROWS = (
    "41,1000,yes,[b],2024-01-01,no,1\n"
    "130,,no,Oslo,1969-01-02,yes,2\n"
    "41,1000,yes,[b],2024-01-01,no,3\n"
    "7,2000,yes,[b],2024-01-03,no,4\n"
)


def report_on(path: Path, rows: str = ROWS) -> DataReport:
    path.write_text(HEADER + rows)
    dataset, report = examine(path, "classification", DATA)
    return replace(report, checks=run_checks(dataset, DATA)) if dataset else report


def shown(report: DataReport, width: int = 120) -> str:
    console = Console(width=width, color_system=None)
    with console.capture() as capture:
        console.print(report.render())
    return capture.get()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "shop.csv"


def test_the_report_counts_what_was_found(path: Path) -> None:
    report = report_on(path)
    columns = {column.name: column for column in report.columns}
    assert (report.rows_read, report.rows_kept, report.duplicates) == (4, 3, 1)
    assert report.undeclared == ("id",)
    assert report.classes == {"no": 2, "yes": 1}
    age, income, city = columns["age"], columns["income"], columns["city"]
    assert (age.minimum, age.mean, age.maximum, age.above) == (7.0, 54.75, 130.0, 1)
    assert income.missing == 1
    assert (city.unknown, city.distinct, city.top) == (1, 2, (("[b]", 3), ("Oslo", 1)))
    assert columns["member"].top == (("true", 3), ("false", 1))
    assert columns["bought"].role == "target"


def test_the_report_is_json(path: Path) -> None:
    document = json.loads(json.dumps(report_on(path).to_json(), allow_nan=False))
    assert document["passed"] is False
    assert document["rows_read"] == 4
    assert document["columns"][3]["top"][0] == {"value": "[b]", "rows": 3}
    assert document["checks"][0] == {
        "text": "rows > 3",
        "passed": False,
        "failing": 0,
        "first_rows": [],
    }


def test_the_report_says_what_becomes_of_what_is_forgiven(path: Path) -> None:
    text = shown(report_on(path))
    for line in (
        "! not declared, ignored: id",
        "! age: 1 outside ..100, moved to the bound before the model sees them",
        "! income: 1 missing, filled with the median",
        "! city: 1 of no declared category, kept as unknown",
        "! 1 duplicate row dropped",
        "✗ check `rows > 3` does not hold",
        "✓ check `age > 0` holds",
        "1 problem: this data cannot be trained on",
        "7 · 54.75 · 130",
        "1969-01-02 00:00:00 … 2024-01-03 00:00:00",
    ):
        assert line in text
    assert "wrong" not in text


def test_good_data_ends_in_the_rows_to_train_on(path: Path) -> None:
    text = shown(report_on(path, ROWS + "8,,no,Bonn,2024-02-01,yes,5\n"))
    assert "✓ the contract holds: 4 of 5 rows to train on" in text
    assert "classes: no 2, yes 2" in text
    assert "✗" not in text


def test_what_breaks_the_contract_is_listed_with_its_rows(path: Path) -> None:
    text = shown(report_on(path, ROWS + "x,1,maybe,[b],2024-01-01,no,5\n"), width=200)
    assert "✗ column age: must be a whole number (row 5; 1 in all)" in text
    assert "✗ column member: must be true or false (row 5; 1 in all)" in text
    assert "2 problems: this data cannot be trained on" in text


def test_the_table_fits_a_narrow_terminal(path: Path) -> None:
    assert max(map(len, shown(report_on(path), width=72).splitlines())) <= 72


def test_times_before_the_first_year_and_after_the_last_are_shown(path: Path) -> None:
    rows = (
        "41,1000,yes,Oslo,0001-01-01T00:00+14:00,no,1\n7,2,no,Oslo,9999-12-31T23:00-14:00,yes,2\n"
    )
    assert "0000-12-31 10:00:00 … 10000-01-01 13:00:00" in shown(report_on(path, rows))


def test_numbers_whose_sum_is_not_finite_have_a_mean(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x,y\n1e308,1\n1e308,2\n")
    data = DataSpec.model_validate(
        {"path": "a.csv", "target": {"name": "y"}, "columns": {"x": {"type": "number"}}}
    )
    _, report = examine(tmp_path / "a.csv", "regression", data)
    assert report.columns[0].mean == 1e308


def test_a_fill_value_is_no_markup(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x,y\n,1\n[/b],2\n")
    filled = {"nullable": True, "missing": "constant", "fill": "[/b]"}
    column = {"type": "category", "values": ["[/b]"], **filled}
    data = DataSpec.model_validate(
        {"path": "a.csv", "target": {"name": "y"}, "columns": {"x": column}}
    )
    _, report = examine(tmp_path / "a.csv", "regression", data)
    assert "filled with [/b]" in shown(report)
