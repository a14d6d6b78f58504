"""Which specs can be built; those that contradict themselves cannot."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from fairlead.project.columns import ColumnSpec, TargetSpec
from fairlead.project.parts import seconds
from fairlead.project.spec import (
    CrossValidationSpec,
    DataSpec,
    ProjectSpec,
    ServingSpec,
    SourceSpec,
)

DATA: dict[str, Any] = {
    "path": "a.csv",
    "target": {"name": "y"},
    "columns": {"a": {"type": "number"}},
}


def project(**changes: Any) -> ProjectSpec:
    values = {
        "name": "any",
        "task": "regression",
        "data": DATA,
        "candidates": {"one": {"family": "linear"}},
        "evaluation": {"metric": "rmse"},
    }
    return ProjectSpec.model_validate({**values, **changes})


@pytest.mark.parametrize(
    ("column", "told"),
    [
        ({"type": "category"}, "expected `values` with at least one"),
        ({"type": "number", "values": ["a"]}, "values: found `values` on a number"),
        ({"type": "category", "values": ["a", "b", "a"]}, "values: found `a` more than once"),
        ({"type": "category", "values": [" a"]}, "white space"),
        ({"type": "boolean", "min": 0}, "min: found `min` on a boolean"),
        ({"type": "number", "min": 2, "max": 1}, "min: found 2 and `max: 1`"),
        ({"type": "text"}, "role: found a text as a feature"),
        ({"type": "text", "role": "time"}, "role: found a text as the time"),
        ({"type": "boolean", "nullable": True, "missing": "mean"}, "found `mean` on a boolean"),
        ({"type": "number", "missing": "median"}, "expected `nullable: true` beside it"),
        ({"type": "number", "nullable": True, "missing": "constant"}, "expected `fill` beside it"),
        ({"type": "number", "fill": 1}, "expected `missing: constant` beside it"),
    ],
)
def test_a_column_that_contradicts_itself_cannot_be_built(
    column: dict[str, Any], told: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        ColumnSpec.model_validate(column)
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("column", "fill"),
    [
        ({"type": "category", "values": [1, 2, "no"]}, 3),
        ({"type": "number"}, "three"),
        ({"type": "boolean"}, 3),
        ({"type": "datetime"}, "2026-01-01"),
    ],
)
def test_a_fill_that_does_not_suit_the_column_is_refused(
    column: dict[str, Any], fill: object
) -> None:
    with pytest.raises(ValidationError, match="fill: found"):
        ColumnSpec.model_validate({**column, "nullable": True, "missing": "constant", "fill": fill})


@pytest.mark.parametrize(
    ("column", "fill", "kept"),
    [
        ({"type": "category", "values": [1, 2]}, 2, "2"),
        ({"type": "category", "values": [True, False]}, True, "true"),
        ({"type": "integer"}, 2, 2.0),
        ({"type": "boolean"}, True, 1.0),
    ],
)
def test_a_fill_is_kept_as_the_data_are(column: dict[str, Any], fill: object, kept: object) -> None:
    made = ColumnSpec.model_validate(
        {**column, "nullable": True, "missing": "constant", "fill": fill}
    )
    assert (made.fill, type(made.fill)) == (kept, type(kept))


def test_categories_are_texts_whatever_they_look_like() -> None:
    column = ColumnSpec.model_validate({"type": "category", "values": [1, 2.5, False, "x"]})
    assert column.values == ("1", "2.5", "false", "x")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"target": {"name": "a"}}, "target.name: found `a`"),
        ({"derived": {"a": "a + 1"}}, "derived.a: found `a`"),
        ({"derived": {"y": "a + 1"}}, "derived.y: found `y`"),
        ({"split": {"kind": "time"}}, "expected a column with `role: time`"),
        ({"columns": {"a": {"type": "number", "role": "ignore"}}}, "found no feature"),
        ({"columns": {}}, "at least 1 item"),
        ({"target": {"name": "y", "header": "a"}}, "target.header: found `a`"),
        (
            {"columns": {"a": {"type": "number"}, "b": {"type": "number", "header": "a"}}},
            "columns.b.header: found `a`, which is `a` already",
        ),
        ({"target": {"name": "y", "header": " y"}}, "white space"),
        ({"decimal": ";"}, "Input should be '.' or ','"),
        ({"quality": {"target_leakage": "refuse"}}, "'ignore', 'info', 'warn' or 'fail'"),
        ({"quality": {"leakage": "warn"}}, "Extra inputs are not permitted"),
    ],
)
def test_data_that_contradict_themselves_cannot_be_built(
    changes: dict[str, Any], told: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        DataSpec.model_validate({**DATA, **changes})
    assert told in str(caught.value)


def test_two_columns_may_be_called_as_the_other_is_in_the_file() -> None:
    columns = {
        "a": {"type": "number", "header": "b"},
        "b": {"type": "number", "header": "a"},
    }
    data = DataSpec.model_validate({**DATA, "columns": columns})
    assert data.headers == {"a": "b", "b": "a", "y": "y"}


def test_only_one_column_can_be_the_group() -> None:
    group = {"type": "text", "role": "group"}
    with pytest.raises(ValidationError, match=r"columns\.h\.role"):
        DataSpec.model_validate(
            {**DATA, "columns": {"a": {"type": "number"}, "g": group, "h": group}}
        )


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"data": {**DATA, "split": {"kind": "stratified"}}}, "data.split.kind"),
        ({"data": {**DATA, "target": {"name": "y", "classes": ["a", "b"]}}}, "data.target.classes"),
        ({"evaluation": {"metric": "x", "cv": {"kind": "stratified"}}}, "evaluation.cv.kind"),
        ({"evaluation": {"metric": "x", "cv": {"kind": "group"}}}, "evaluation.cv.kind"),
        ({"evaluation": {"metric": "x", "slices": ["b"]}}, "evaluation.slices[0]: found `b`"),
        ({"candidates": {"Big": {"family": "linear"}}}, "candidates.Big"),
        ({"candidates": {"v2": {"family": "linear"}}}, "candidates.v2"),
        ({"candidates": {"latest": {"family": "linear"}}}, "candidates.latest"),
        (
            {"task": "classification", "data": {**DATA, "target": {"name": "y", "min": 0}}},
            "data.target.min",
        ),
        ({"nmae": "x"}, "Extra inputs are not permitted"),
    ],
)
def test_a_project_that_contradicts_itself_cannot_be_built(
    changes: dict[str, Any], told: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        project(**changes)
    assert told in str(caught.value)


@pytest.mark.parametrize("kind", ["url", "sklearn"])
def test_a_source_has_one_origin(kind: str) -> None:
    digest = {"sha256": "0" * 64}
    assert SourceSpec.model_validate({kind: "iris", **digest})
    with pytest.raises(ValidationError, match="found neither"):
        SourceSpec.model_validate(digest)
    with pytest.raises(ValidationError, match="found both"):
        SourceSpec.model_validate({"url": "x", "sklearn": "iris", **digest})


def test_only_random_folds_are_repeated() -> None:
    with pytest.raises(ValidationError, match="repeats: found 2 with `kind: time`"):
        CrossValidationSpec(kind="time", repeats=2)


def test_shares_of_the_traffic_add_up() -> None:
    assert ServingSpec(champion=90, challenger=10)
    with pytest.raises(ValidationError, match=r"found 90 \+ 0 percent"):
        ServingSpec(champion=90)


@pytest.mark.parametrize("classes", [("a",), ("a", "b", "a")])
def test_classes_are_several_and_differ(classes: tuple[str, ...]) -> None:
    with pytest.raises(ValidationError, match="classes: found"):
        TargetSpec(name="y", classes=classes)


def test_every_contradiction_of_a_part_is_told() -> None:
    with pytest.raises(ValidationError) as caught:
        ColumnSpec(type="boolean", min=1, missing="median")
    assert str(caught.value).count("found") == 3


def test_a_spec_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        project().name = "other"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("cv", "told"),
    [
        ({"kind": "blocks"}, "blocks: found `kind: blocks` alone"),
        ({"kind": "kfold", "blocks": {"a": 1}}, "blocks: found with `kfold`"),
        ({"kind": "blocks", "blocks": {"a": 0}}, "greater than 0"),
    ],
)
def test_blocks_have_lengths(cv: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError) as caught:
        CrossValidationSpec.model_validate(cv)
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("evaluation", "told"),
    [
        (
            {"validations": [{"kind": "blocks", "blocks": {"b": 1}}]},
            "evaluation.validations[0].blocks.b: found `b`",
        ),
        ({"validations": [{"kind": "group"}]}, "evaluation.validations[0].kind: found `group`"),
        ({"validations": [{"kind": "stratified"}]}, "it only with classification"),
        ({"conditions": {"a": "a > 1"}}, "evaluation.conditions.a: found `a`"),
    ],
)
def test_an_evaluation_fits_the_data(evaluation: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError) as caught:
        project(evaluation={"metric": "rmse", **evaluation})
    assert told in str(caught.value)


@pytest.mark.parametrize("period", ["1m", "999999h", "99999d"])
def test_the_longest_period_reaches_back_to_a_date(period: str) -> None:
    spec = project(monitoring={"window": period})
    assert datetime(2026, 1, 1, tzinfo=UTC) - timedelta(seconds=seconds(spec.monitoring.window))


@pytest.mark.parametrize("period", ["0h", "30s", "100000d", "1.5h", "-1d", "1d\n", ""])
def test_no_period_is_longer_or_nothing(period: str) -> None:
    with pytest.raises(ValidationError):
        project(retraining={"window": period})
