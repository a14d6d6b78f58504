"""`fairlead check` finds what is known of the reference data."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

Copy = Callable[[str], Path]


def check(root: Path, *options: str, code: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "fairlead", "check", str(root), *options],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def findings(root: Path, code: int = 0) -> dict[tuple[str, ...], dict[str, Any]]:
    """Code and columns -> finding."""
    quality = json.loads(check(root, "--json", code=code))["quality"]
    return {(f["code"], *f["columns"]): f for f in quality["findings"]}


@pytest.fixture(scope="module")
def housing(reference_project: Copy) -> Path:
    return reference_project("housing")


@pytest.fixture(scope="module")
def obesity(reference_project: Copy) -> Path:
    return reference_project("obesity")


@pytest.fixture(scope="module")
def iris(reference_project: Copy) -> Path:
    return reference_project("iris")


def changed(project: Path, folder: Path, old: str, new: str) -> Path:
    """A copy of a project with a change in its file."""
    root = shutil.copytree(project, folder / "changed")
    text = (root / "fairlead.yaml").read_text()
    assert old in text
    (root / "fairlead.yaml").write_text(text.replace(old, new, 1))
    return root


def test_targets_of_housing_are_capped_and_its_places_are_shared(housing: Path) -> None:
    found = findings(housing)
    capped = found["capped_target", "median_house_value"]
    assert capped["found"] == "965 rows have exactly the largest target, 500,001."
    assert round(capped["figure"], 3) == 0.047
    assert capped["severity"] == "warning"
    assert found["shared_locations", "latitude", "longitude"]["figure"] > 0.5
    assert ("capped_column", "housing_median_age") in found
    assert ("redundant_columns", "total_bedrooms", "households") in found
    assert not {"target_leakage", "synthetic_rows"} & {code for code, *_ in found}


def test_rows_of_obesity_are_repeated_and_look_synthetic(obesity: Path) -> None:
    found = findings(obesity)
    assert "24 rows repeat" in found[("duplicate_rows",)]["found"]
    assert found[("duplicate_rows",)]["severity"] == "info"
    (synthetic,) = (f for (code, *_), f in found.items() if code == "synthetic_rows")
    # 77 % are known to be synthetic.
    assert 0.7 < synthetic["figure"] < 0.8
    leaks = [columns for code, *columns in found if code == "target_leakage"]
    assert leaks == [["bmi"]]


def test_the_body_mass_index_all_but_defines_the_label_of_obesity(obesity: Path) -> None:
    leak = findings(obesity)["target_leakage", "bmi"]
    assert leak["figure"] > 0.92
    assert "bmi (Weight / Height ** 2) alone names the right NObeyesdad" in leak["found"]


def test_petals_tell_much_of_iris_and_no_column_tells_all(iris: Path) -> None:
    found = findings(iris)
    assert "1 row repeats" in found[("duplicate_rows",)]["found"]
    dominant = {
        column for code, *columns in found for column in columns if code == "dominant_column"
    }
    assert dominant == {"petal_length", "petal_width", "petal_area"}
    assert "target_leakage" not in {code for code, *_ in found}


def test_the_rules_of_the_project_decide_what_fails(iris: Path, tmp_path: Path) -> None:
    rules = "quality: {duplicate_rows: fail, dominant_column: ignore, "
    root = changed(iris, tmp_path, "quality: {", rules)
    found = findings(root, code=1)
    assert found[("duplicate_rows",)]["severity"] == "error"
    assert "dominant_column" not in {code for code, *_ in found}
    assert "1 failure" in check(root, code=1)


@pytest.mark.parametrize("name", ["iris", "housing", "obesity"])
def test_the_report_is_written_as_a_page(
    name: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    shown = check(request.getfixturevalue(name), "--html", str(tmp_path / "report.html"))
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert f"<h1>Data of {name}</h1>" in page
    assert "the contract holds" in shown
    assert "://" not in page
