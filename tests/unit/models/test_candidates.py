from __future__ import annotations

from typing import Any

import pytest

from fairlead.errors import Problem
from fairlead.models.candidates import check_candidates
from fairlead.models.search_space import search_space
from fairlead.project.spec import CandidateSpec, ProjectSpec


def project(candidate: dict[str, Any], task: str = "classification") -> ProjectSpec:
    classes = {"classes": ["setosa", "virginica"]} if task == "classification" else {}
    return ProjectSpec.model_validate(
        {
            "name": "iris",
            "task": task,
            "data": {
                "path": "iris.csv",
                "target": {"name": "species", **classes},
                "columns": {
                    "length": {"type": "number"},
                    "colour": {"type": "category", "values": ["red", "blue"]},
                    "wild": {"type": "boolean"},
                },
                "derived": {"area": "length * length"},
            },
            "candidates": {"model": candidate},
            "evaluation": {"metric": "accuracy" if task == "classification" else "rmse"},
        }
    )


def problem(candidate: dict[str, Any], task: str = "classification") -> Problem:
    (found,) = check_candidates(project(candidate, task))
    return found


def rules(when: str = "length < 1", predict: Any = "setosa") -> dict[str, Any]:
    return {
        "family": "rules",
        "rules": [{"when": "area > 2", "predict": "setosa"}, {"when": when, "predict": predict}],
        "otherwise": "virginica",
    }


@pytest.mark.parametrize(
    "candidate",
    [
        {"family": "decision_tree", "max_depth": 3, "class_weight": "balanced"},
        {"family": "random_forest", "max_features": "sqrt"},
        {"family": "lda", "shrinkage": "auto"},
        rules("colour == 'red' and wild or is_missing(length)"),
    ],
)
def test_a_sound_candidate_has_no_problems(candidate: dict[str, Any]) -> None:
    assert check_candidates(project(candidate)) == []


def test_a_misspelt_family_is_answered_with_the_close_one() -> None:
    found = problem({"family": "random_forrest"})
    assert found.where == "candidates.model.family"
    assert "`random_forest` (did you mean that?)" in found.expected


def test_a_family_for_another_task_is_answered_with_those_for_this_one() -> None:
    found = problem({"family": "lda"}, "regression")
    assert found.where == "candidates.model.family"
    assert "`ridge`" in found.expected
    assert "`logistic`" not in found.expected


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("max_depth", 0, ">= 1"),
        ("max_depth", "deep", "a whole number"),
        ("max_dept", 3, "did you mean"),
        ("max_features", 1.5, "<= 1"),
    ],
)
def test_a_wrong_parameter_is_named(key: str, value: Any, expected: str) -> None:
    found = problem({"family": "decision_tree", key: value})
    assert found.where == f"candidates.model.{key}"
    assert expected in found.expected


def test_all_problems_of_all_candidates_are_found() -> None:
    spec = project({"family": "decision_tree", "max_depth": 0, "min_samples_leaf": 0})
    both = {**spec.candidates, "other": spec.candidates["model"]}
    found = check_candidates(spec.model_copy(update={"candidates": both}))
    assert [problem.where for problem in found] == [
        "candidates.model.max_depth",
        "candidates.model.min_samples_leaf",
        "candidates.other.max_depth",
        "candidates.other.min_samples_leaf",
    ]


def test_a_parameter_of_the_other_task_is_refused() -> None:
    found = problem({"family": "decision_tree", "class_weight": "balanced"}, "regression")
    assert found.where == "candidates.model.class_weight"
    assert found.expected == "this key for classification only"


def test_parameters_that_contradict_each_other_are_refused() -> None:
    found = problem({"family": "random_forest", "bootstrap": False, "max_samples": 0.5})
    assert found.where == "candidates.model.max_samples"


@pytest.mark.parametrize(
    ("candidate", "where"),
    [
        (rules("lenght < 1"), "rules[1].when"),
        (rules("length + 1"), "rules[1].when"),
        (rules("length <"), "rules[1].when"),
        (rules("colour == 'green'"), "rules[1].when"),
        (rules(predict="setossa"), "rules[1].predict"),
        ({**rules(), "otherwise": "tulip"}, "otherwise"),
        ({**rules(), "rules": []}, "rules"),
    ],
)
def test_a_wrong_rule_is_named_by_its_position(candidate: dict[str, Any], where: str) -> None:
    assert problem(candidate).where == f"candidates.model.{where}"


def test_rules_of_a_regression_predict_numbers() -> None:
    numbers = {"family": "rules", "rules": [{"when": "wild", "predict": 2.5}], "otherwise": "many"}
    found = problem(numbers, "regression")
    assert (found.where, found.expected) == ("candidates.model.otherwise", "a number")


NEAR = {"columns": {"length": 1.0}, "k": [1, 3], "mean": ["length", "area", "wild", "species"]}


def near(**changes: Any) -> dict[str, Any]:
    return {"family": "decision_tree", "neighbours": {**NEAR, **changes}, "without": ["area"]}


def test_a_candidate_may_leave_features_out_and_look_for_neighbours() -> None:
    assert check_candidates(project(near())) == []


@pytest.mark.parametrize(
    ("candidate", "where", "found"),
    [
        (near(columns={"colour": 1.0}), "neighbours.columns.colour", "`colour`, a category"),
        (near(columns={"area": 1.0}), "neighbours.columns.area", "`area`"),
        (near(mean=["length", "colour"]), "neighbours.mean[1]", "`colour`, a category"),
        (near(mean=["breadth"]), "neighbours.mean[0]", "`breadth`"),
        (near(ratio={"length": "species"}), "neighbours.ratio.length", "`species`, the target"),
        (near(ratio={"species": "length"}), "neighbours.ratio.species", "`species`, a class"),
        ({"family": "decision_tree", "without": ["width"]}, "without[0]", "`width`"),
        (
            {"family": "decision_tree", "without": ["length", "colour", "wild", "area"]},
            "without",
            "every feature",
        ),
    ],
)
def test_features_that_a_candidate_cannot_have_are_named(
    candidate: dict[str, Any], where: str, found: str
) -> None:
    told = problem(candidate)
    assert told.where == f"candidates.model.{where}"
    assert told.found == found


def several(task: str = "classification", **candidates: Any) -> list[Problem]:
    spec = project({"family": "dummy"}, task).model_dump(mode="json", exclude_defaults=True)
    tree, other = {"family": "decision_tree"}, {"family": "random_forest"}
    spec["candidates"] = {"tree": tree, "forest": other, **candidates}
    return check_candidates(ProjectSpec.model_validate(spec))


@pytest.mark.parametrize(
    "candidate",
    [
        {"family": "blend", "of": ["tree", "forest"]},
        {"family": "blend", "of": ["tree", "forest"], "weights": [2, 1], "calibrate": "sigmoid"},
        {"family": "stack", "of": ["forest", "tree"], "final": "logistic"},
        {"family": "stack", "of": ["forest", "tree"], "final": {"family": "logistic", "C": 3}},
        {"family": "random_forest", "calibrate": "isotonic"},
    ],
)
def test_a_sound_combination_has_no_problems(candidate: dict[str, Any]) -> None:
    assert several(whole=candidate) == []


@pytest.mark.parametrize(
    ("keys", "where", "said"),
    [
        ({"of": ["tree", "forrest"]}, "of[1]", "`forest` (did you mean that?)"),
        ({"of": ["tree", "whole"]}, "of[1]", "itself"),
        ({"of": ["tree", "other"]}, "of[1]", "which combines others itself"),
        ({"of": ["tree", "forest", "tree"]}, "of[2]", "each candidate once"),
        ({"of": ["tree"]}, "of", "at least 2"),
        ({}, "of", "this key, which is required"),
        ({"of": ["tree", "forest"], "weights": [1]}, "weights", "1 for 2 members"),
        ({"of": ["tree", "forest"], "weights": [1, -1]}, "weights", "weights >= 0"),
        ({"of": ["tree", "forest"], "weights": [0, 0]}, "weights", "at least one"),
        ({"of": ["tree", "forest"], "final": "ridge"}, "final", "found `final`"),
        ({"of": ["tree", "forest"], "without": ["area"]}, "without", "at the members instead"),
    ],
)
def test_what_a_combination_cannot_be(keys: dict[str, Any], where: str, said: str) -> None:
    other = {"family": "blend", "of": ["tree", "forest"]}
    (found,) = several(whole={"family": "blend", **keys}, other=other)
    assert found.where == f"candidates.whole.{where}"
    assert said in str(found)


@pytest.mark.parametrize(
    ("final", "where", "said"),
    [
        ("ridge", "final", "`logistic`"),
        ({"family": "logistic", "C": -1}, "final.C", "a value > 0"),
        ({"family": "logistic", "calibrate": "sigmoid"}, "final.calibrate", "instead"),
    ],
)
def test_what_the_final_model_of_a_stack_cannot_be(final: Any, where: str, said: str) -> None:
    (found,) = several(whole={"family": "stack", "of": ["tree", "forest"], "final": final})
    assert found.where == f"candidates.whole.{where}"
    assert said in str(found)


def test_keys_of_the_other_task_are_problems() -> None:
    (found,) = several("regression", whole={"family": "decision_tree", "calibrate": "sigmoid"})
    assert "this key for classification only" in str(found)
    (found,) = several(whole={"family": "decision_tree", "transform_target": "log"})
    assert "this key for regression only" in str(found)
    blend = {"family": "blend", "of": ["tree", "forest"], "transform_target": "log"}
    (found,) = several("regression", whole=blend)
    assert "at the members instead" in str(found)


def test_a_combination_is_not_searched() -> None:
    spec = project({"family": "decision_tree"})
    two = dict.fromkeys(("one", "two"), spec.candidates["model"])
    both = {"family": "blend", "of": ["one", "two"], "search": {"trials": 3}}
    combined = spec.model_copy(
        update={"candidates": {**two, "both": CandidateSpec.model_validate(both)}}
    )
    (told,) = check_candidates(combined)
    assert (told.where, told.found) == ("candidates.both.search", "`search` on a combination")
    assert search_space(combined.candidates["both"], "classification") == {}
