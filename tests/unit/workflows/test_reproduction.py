"""The verdict on a version that was made again, and how it is told."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from fairlead.workflows.recorded_data import FoundData
from fairlead.workflows.reproduction import Change, Graphs, Metric, Reproduction

SUBJECTS = ("code", "project file", "libraries", "platform", "lock files")
SAME = Reproduction(
    version="flats version 3",
    candidate="tree",
    digest="d" * 64,
    code="the code that runs now",
    graphs=Graphs("a" * 64, "a" * 64, (), 48, 0),
    metrics=(Metric("cv", "rmse", 5.0, 5.0), Metric("cv", "r2", None, None)),
    data=FoundData(Path("flats.csv"), "flats.csv", "f" * 64, "f" * 64, 60, 60),
    changes=dict.fromkeys(SUBJECTS, ()),
)
OTHER_GRAPH = Graphs("a" * 64, "b" * 64, ("constant c0: 1.0 → 2.0",), 48, 3)


def changed(**changes: tuple[Change, ...] | None) -> Reproduction:
    return replace(SAME, graphs=OTHER_GRAPH, changes={**SAME.changes, **changes})


def test_what_differs_without_an_effect_does_not_change_the_verdict() -> None:
    found = replace(changed(libraries=(Change("numpy", "2.4.0", "2.4.1"),)), graphs=SAME.graphs)
    assert found.verdict == "reproduced"


CODE, NUMPY = (Change("commit", "a", "b"),), (Change("numpy", "2.4.0", "2.4.1"),)


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (
            replace(changed(code=CODE), data=replace(SAME.data, is_recorded=False)),
            "the data differs",
        ),
        (changed(code=CODE), "the code differs"),
        (changed(libraries=NUMPY), "the libraries differ"),
        (changed(code=CODE, libraries=NUMPY), "the code and the libraries differ"),
        (changed(platform=None), "the bundle does not record the platform"),
        (changed(), "nothing that is recorded differs"),
    ],
)
def test_the_verdict_names_what_may_be_the_reason(found: Reproduction, reason: str) -> None:
    assert not found.is_reproduced
    assert found.verdict.startswith(f"not reproduced: {reason}")


@given(then=st.floats(-1e6, 1e6), step=st.floats(-1, 1))
def test_a_metric_is_the_same_where_its_difference_is_shown_as_zero(
    then: float, step: float
) -> None:
    metric = Metric("cv", "rmse", then, then + step)
    assert metric.is_same == (f"{abs(then + step - then):.4f}" == "0.0000")


def test_a_metric_that_is_defined_on_one_side_only_differs() -> None:
    assert not Metric("cv", "r2", None, 0.5).is_same
    assert not Metric("cv", "r2", 0.5, None).is_same


def shown(found: Reproduction) -> str:
    file = io.StringIO()
    Console(file=file, width=120, markup=False).print(found.render())
    return file.getvalue()


def test_the_table_ends_with_the_verdict() -> None:
    text = shown(SAME)
    assert text.rstrip().endswith("\nreproduced")
    assert "same bytes" in text
    assert "cv rmse" in text


def test_differences_are_shown_and_a_long_list_is_cut() -> None:
    many = tuple(Change(f"library{number}", "1", None) for number in range(20))
    text = shown(changed(libraries=many, platform=None))
    assert "constant c0: 1.0 → 2.0" in text
    assert "3 differ" in text
    assert "libraries: library7" in text
    assert "library8" not in text
    assert "libraries: 12 more" in text
    assert "not recorded" in text
    assert len(changed(libraries=many).to_json()["changes"]["libraries"]) == 20
