"""What objects show of themselves in a notebook: small, escaped, from nowhere else."""

from __future__ import annotations

import re
from typing import Any

import pytest

import fairlead
from fairlead import notebook

EVIL = "<script>alert(1)</script>"
SPEC = """
name: evil
task: classification
description: "<script>alert(1)</script>"
data:
  path: evil.csv
  target: {name: label, header: "<b>label"}
  columns:
    size: {type: number, header: "<img src=x onerror=alert(1)>", unit: "<i>m</i>"}
    kind: {type: category, values: ["<script>alert(1)</script>", "&amp;"]}
  checks: [size < 1000]
  split: {kind: none}
candidates:
  tree: {family: decision_tree, max_depth: 2}
  constant: {family: dummy}
evaluation: {metric: accuracy, cv: {kind: kfold, folds: 3}}
"""


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Object by object, from a project whose every free text is markup."""
    root = tmp_path_factory.mktemp("evil")
    rows = [
        f"{number},{EVIL if number % 2 else '&amp;'},{EVIL if number % 3 else 'good'},1"
        for number in range(40)
    ]
    head = f"<img src=x onerror=alert(1)>,kind,<b>label,{EVIL}"
    (root / "evil.csv").write_text("\n".join([head, *rows]))
    (root / "fairlead.yaml").write_text(SPEC)
    project = fairlead.load(root)
    result = fairlead.train(root, jobs=1, register=False)
    return {
        "project": project,
        "data": project.read(),
        "report": project.read().report,
        "check": project.check(),
        "leaderboard": project.leaderboard(),
        "result": result,
        "bundle": result.bundle("tree"),
    }


OBJECTS = ["project", "data", "report", "check", "leaderboard", "result", "bundle"]


@pytest.mark.parametrize("name", OBJECTS)
def test_no_text_becomes_markup(name: str, shown: dict[str, Any]) -> None:
    html = shown[name]._repr_html_()
    assert set(re.findall(r"<(\w+)", html)) <= {
        "div", "style", "p", "table", "thead", "tbody", "tr", "th", "td", "img", "br"
    }  # fmt: skip
    assert re.findall(r"<img(?! src=\"data:image/png;base64,)", html) == []
    assert "&amp;amp;" in html or name in ("project", "leaderboard", "result")


@pytest.mark.parametrize("name", OBJECTS)
def test_nothing_is_loaded_and_no_colour_is_set(name: str, shown: dict[str, Any]) -> None:
    html = re.sub(r"data:image/png;base64,[^\"]*", "", shown[name]._repr_html_())
    assert re.findall(r"https?:|url\(|@import|<link|(?<!-)\bcolor\b|#[0-9a-f]{3}", html) == []
    assert len(html) < 10_000


@pytest.mark.parametrize("name", OBJECTS)
def test_a_terminal_is_shown_text_that_fits(name: str, shown: dict[str, Any]) -> None:
    lines = repr(shown[name]).splitlines()
    assert lines
    assert all(len(line) <= notebook.WIDTH and line == line.rstrip() for line in lines)
    assert "\x1b" not in repr(shown[name])


def test_a_candidate_that_was_not_trained_is_told_with_those_that_were(
    shown: dict[str, Any],
) -> None:
    with pytest.raises(
        fairlead.FairleadError, match=r"found bush, expected one .*: tree, constant"
    ):
        shown["result"].bundle("bush")


def test_predictions_are_those_of_rows_that_were_not_seen(shown: dict[str, Any]) -> None:
    said = shown["result"].predictions("tree")
    assert said.columns == ["row", "true", "predicted", f"P({EVIL})", "P(good)"]
    joined = shown["data"].frame(row_number="row").join(said, on="row")
    assert joined["true"].to_list() == joined["label"].to_list()
    (entry,) = [entry for entry in shown["leaderboard"].entries if entry.name == "tree"]
    assert (said["true"] == said["predicted"]).mean() == entry.cv["accuracy"].value


def test_what_is_only_tried_out_is_not_registered(shown: dict[str, Any]) -> None:
    assert shown["result"].versions == {}
    assert "Not registered." in repr(shown["result"])
    assert not (shown["project"].root / ".fairlead" / "mlflow.db").exists()
