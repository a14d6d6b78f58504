"""The report on the data as a page: whole, self-contained, the same each time."""

from __future__ import annotations

import base64
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from fairlead.data.enforcement import examine
from fairlead.data.quality.assessment import assess
from fairlead.evaluation.data_page import data_page
from fairlead.project.spec import ProjectSpec

ODD = "<script>alert('$1')</script>"
N = 120


class Page(HTMLParser):
    """The tags of a page with their attributes, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "img", "br", "wbr"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data if self.open[-1:] != ["style"] else ""


def page_of(folder: Path, task: Any = "regression", **columns: Any) -> str:
    rng = np.random.default_rng(1)
    rows: dict[str, Any] = {
        "size": rng.normal(size=N),
        "kind": [ODD, "plain"] * (N // 2),
        "y": rng.normal(size=N),
    }
    rows |= columns
    pl.DataFrame(rows).write_csv(folder / "rows.csv")
    spec = ProjectSpec.model_validate(
        {
            "name": "made",
            "task": task,
            "description": "Some <b>rows</b>.",
            "data": {
                "path": "rows.csv",
                "target": {"name": "y"},
                "columns": {
                    "size": {"type": "number", "max": 9, "outliers": "clip", "unit": "m"},
                    "kind": {"type": "category", "values": [ODD, "plain"]},
                },
                "derived": {"double": "2 * size"},
                "checks": ["rows > 10"],
            },
            "candidates": {"one": {"family": "linear"}},
            "evaluation": {"metric": "rmse"},
        }
    )
    dataset, report = examine(folder / "rows.csv", spec.task, spec.data)
    return data_page(spec, report, assess(spec, dataset) if dataset else None)


def test_a_page_needs_no_other_file_and_runs_nothing(tmp_path: Path) -> None:
    page = Page(page_of(tmp_path))
    assert page.open == []
    tags = {tag for tag, _ in page.tags}
    assert not tags & {"script", "link", "iframe", "object", "b"}
    for tag, attributes in page.tags:
        assert not {"href", "srcset", "onclick", "style"} & set(attributes)
        if tag == "img":
            assert (attributes["src"] or "").startswith("data:image/svg+xml;base64,")
    assert "url(" not in page_of(tmp_path)


def test_every_picture_says_in_words_what_it_shows(tmp_path: Path) -> None:
    images = [attributes for tag, attributes in Page(page_of(tmp_path)).tags if tag == "img"]
    # The target, three columns and the target among them, what each says alone.
    assert len(images) == 6
    assert all(len(image["alt"] or "") > 20 for image in images)


def test_a_page_says_what_the_report_says(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    size = rng.normal(size=N)
    text = Page(page_of(tmp_path, size=[*size[:-1], 99.0], y=[*size[:-1], 1.0])).text
    for said in (
        "Data of made",
        "Some <b>rows</b>.",
        "120 read, 0 left out, 120 kept",
        "The data passes: ",
        "target_leakage",
        "told from 90 %",
        "= 2 * size",
        "outside ..9: moved to the bound",
        "undeclared: refused",
        ODD,
    ):
        assert said in text


def test_a_page_is_the_same_bytes_each_time(tmp_path: Path) -> None:
    assert page_of(tmp_path) == page_of(tmp_path)


def test_a_page_names_neither_folder_nor_software(tmp_path: Path) -> None:
    text = page_of(tmp_path)
    pictures = [base64.b64decode(code) for code in re.findall(r"base64,([^\"]+)", text)]
    assert str(tmp_path) not in text
    assert all(
        b"Matplotlib v" not in picture and b"<dc:date>" not in picture for picture in pictures
    )


@pytest.mark.parametrize("y", [[1.0, None] * (N // 2), ["x"] * N])
def test_data_that_breaks_the_contract_has_a_page_too(tmp_path: Path, y: list[Any]) -> None:
    text = Page(page_of(tmp_path, y=y)).text
    assert "This data cannot be trained on" in text
    assert "✗ column y: must be" in text


def test_classes_are_drawn_in_their_order(tmp_path: Path) -> None:
    page = Page(page_of(tmp_path, "classification", y=["no", "no", "yes"] * (N // 3)))
    assert ("img", "Rows by class: no 80, yes 40") in [
        (tag, attributes.get("alt")) for tag, attributes in page.tags
    ]
