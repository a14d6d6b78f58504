from __future__ import annotations

from typing import Any

import pytest

from fairlead.errors import Problem
from fairlead.models.candidates import check_candidates
from fairlead.models.family import Range
from fairlead.models.search_space import search_space
from fairlead.project.salvage import salvage
from fairlead.project.spec import CandidateSpec, ProjectSpec


def spec(candidate: dict[str, Any], task: str = "regression") -> dict[str, Any]:
    return {
        "name": "small",
        "task": task,
        "data": {
            "path": "small.csv",
            "target": {"name": "y"},
            "columns": {"a": {"type": "number"}},
        },
        "candidates": {"one": candidate},
        "evaluation": {"metric": "rmse" if task == "regression" else "accuracy"},
    }


def problems(candidate: dict[str, Any], task: str = "regression") -> list[Problem]:
    return check_candidates(ProjectSpec.model_validate(spec(candidate, task)))


def tree(space: dict[str, Any], **parameters: Any) -> dict[str, Any]:
    return {"family": "decision_tree", **parameters, "search": {"space": space}}


def space_of(candidate: dict[str, Any]) -> dict[str, Any]:
    return search_space(CandidateSpec.model_validate(candidate), "regression")


def test_what_is_written_is_fixed_and_what_the_file_names_is_searched() -> None:
    candidate = tree({"min_samples_leaf": [1, 5], "max_leaf_nodes": {"low": 4, "high": 64}})
    space = space_of({**candidate, "max_depth": 3, "min_samples_leaf": 2})
    assert space["min_samples_leaf"] == (1, 5)
    assert space["max_leaf_nodes"] == Range(4, 64, whole=True)
    assert set(space) == {"min_samples_leaf", "max_leaf_nodes", "ccp_alpha"}


def test_where_the_file_asks_for_no_search_it_is_the_whole_space_of_the_family() -> None:
    assert "max_depth" in space_of({"family": "decision_tree", "max_depth": 3})


def test_a_range_of_numbers_that_need_not_be_whole_is_not_whole() -> None:
    found = space_of(tree({"ccp_alpha": {"low": 0.001, "high": 0.1, "log": True}}))
    assert found["ccp_alpha"] == Range(0.001, 0.1, log=True)


@pytest.mark.parametrize(
    ("candidate", "where", "expected"),
    [
        (tree({"max_dept": [2, 3]}), "space.max_dept", "`max_depth` (did you mean that?)"),
        (tree({"max_depth": [2, 0]}), "space.max_depth[1]", "a value >= 1"),
        (tree({"max_depth": {"low": 0, "high": 9}}), "space.max_depth.low", "a value >= 1"),
        (tree({"max_depth": {"low": 2, "high": 900}}), "space.max_depth.high", "<= 100"),
        (tree({"max_depth": {"low": 2.5, "high": 9}}), "space.max_depth.low", "whole"),
        (tree({"class_weight": ["balanced"]}), "space.class_weight", "one of"),
        ({"family": "linear", "search": {}}, "", "a `space`"),
        ({"family": "ridge", "alpha": 1.0, "search": {}}, "", "left out, or a `space`"),
    ],
)
def test_a_space_that_cannot_be_is_told_with_its_place(
    candidate: dict[str, Any], where: str, expected: str
) -> None:
    (found,) = problems(candidate)
    assert found.where == f"candidates.one.search.{where}".rstrip(".")
    assert expected in found.expected


def test_a_number_that_may_also_be_a_word_has_a_range() -> None:
    search = {"space": {"shrinkage": {"low": 0.5, "high": 1}}}
    assert problems({"family": "lda", "search": search}, "classification") == []


def test_a_range_of_words_is_refused() -> None:
    space = {"loss": {"low": 1, "high": 2}}
    (found,) = problems({"family": "hist_gradient_boosting", "search": {"space": space}})
    assert found == Problem("candidates.one.search.space.loss", "a range", "a list of values")


@pytest.mark.parametrize(
    ("search", "where", "expected"),
    [
        ({"trials": 0}, "trials", ">= 1"),
        ({"timeout": "10 min"}, "timeout", "`10m`"),
        ({"trails": 10}, "trails", "`trials` (did you mean that?)"),
        ({"space": {"max_depth": []}}, "space.max_depth", "at least 1"),
        ({"space": {"max_depth": {"low": 3, "high": 3}}}, "space.max_depth.high", "than `low`"),
        (
            {"space": {"ccp_alpha": {"low": 0, "high": 1, "log": True}}},
            "space.ccp_alpha.low",
            "a value > 0",
        ),
    ],
)
def test_a_search_that_cannot_be_read_is_told_with_its_place(
    search: dict[str, Any], where: str, expected: str
) -> None:
    found = salvage(spec({"family": "decision_tree", "search": search})).problems
    assert [problem.where for problem in found] == [f"candidates.one.search.{where}"]
    assert expected in found[0].expected
