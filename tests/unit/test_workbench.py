"""A project in Python says what it is and what it lacks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import fairlead


@pytest.mark.parametrize("call", [lambda p: p.read(), lambda p: p.check()], ids=["read", "check"])
def test_data_that_is_missing_is_told_with_the_call_that_brings_it(
    call: Callable[[Any], Any], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    spec = request.config.rootpath / "projects" / "iris" / "fairlead.yaml"
    (tmp_path / "fairlead.yaml").write_text(spec.read_text("utf-8"), "utf-8")
    with pytest.raises(fairlead.FairleadError, match=r"`fairlead data fetch`, or `project.fetch"):
        call(fairlead.load(tmp_path))


def test_a_wide_table_is_cut(tmp_path: Path) -> None:
    names = [f"c{number}" for number in range(100)]
    (tmp_path / "wide.csv").write_text(",".join([*names, "t"]) + ("\n" + "1," * 100 + "2") * 3)
    columns = "".join(f"    {name}: {{type: number}}\n" for name in names)
    (tmp_path / "fairlead.yaml").write_text(
        "name: wide\ntask: regression\ndata:\n  path: wide.csv\n  target: {name: t}\n"
        f"  columns:\n{columns}candidates: {{line: {{family: linear}}}}\n"
        "evaluation: {metric: rmse}\n"
    )
    html = fairlead.load(tmp_path).read()._repr_html_()
    assert "c59" in html
    assert "c60" not in html
    assert "… and 41 columns more" in html


def test_what_a_project_is_made_of_in_python_has_the_verbs_too(tmp_path: Path) -> None:
    spec = fairlead.load(Path(__file__).parents[2] / "projects" / "iris").spec
    made = fairlead.Project.from_spec(spec, tmp_path)
    with pytest.raises(fairlead.FairleadError, match="run `fairlead train` first"):
        made.leaderboard()


def test_a_path_without_a_project_is_told_before_anything_is_trained(tmp_path: Path) -> None:
    with pytest.raises(fairlead.FairleadError, match=r"a folder without fairlead.yaml"):
        fairlead.train(str(tmp_path))
