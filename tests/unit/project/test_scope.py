"""Each expression may name what exists where it is evaluated."""

from __future__ import annotations

import pytest

from fairlead.project.document import read_document
from fairlead.project.salvage import salvage
from fairlead.project.scope import check_expressions, check_scope, feature_scope
from fairlead.project.spec import ProjectSpec


@pytest.fixture
def spec(text: str) -> ProjectSpec:
    spec = salvage(read_document(text).values).spec
    assert spec
    return spec


def with_data(spec: ProjectSpec, **changes: object) -> ProjectSpec:
    return spec.model_copy(update={"data": spec.data.model_copy(update=changes)})


def told(spec: ProjectSpec) -> list[str]:
    return [problem.where for problem in check_expressions(spec)]


def test_a_derived_column_may_use_the_ones_before_it(spec: ProjectSpec) -> None:
    assert not told(with_data(spec, derived={"a": "area * 2", "b": "a / rooms"}))
    assert told(with_data(spec, derived={"b": "a / rooms", "a": "area * 2"})) == ["data.derived.b"]


def test_a_derived_column_may_not_use_the_target_or_rows(spec: ProjectSpec) -> None:
    derived = {"a": "rent / area", "b": "rows + 1"}
    assert told(with_data(spec, derived=derived)) == ["data.derived.a", "data.derived.b"]


def test_a_column_that_is_no_feature_is_known_to_checks_alone(spec: ProjectSpec) -> None:
    ignored = spec.data.columns["built"].model_copy(update={"role": "ignore"})
    columns = {**spec.data.columns, "built": ignored}
    changed = with_data(spec, columns=columns, derived={"age": "2026 - built"})
    assert "built" not in feature_scope(changed.data).kinds
    assert "built" in check_scope("regression", changed.data, ()).kinds
    assert told(changed) == ["data.derived.age"]


def test_a_check_may_compare_categories(spec: ProjectSpec) -> None:
    assert not told(with_data(spec, checks=("heating != 'gas' or rent > 100",)))
    assert told(with_data(spec, checks=("heating == 'oil'",))) == ["data.checks[0]"]


def test_a_check_of_a_classification_may_name_declared_classes(spec: ProjectSpec) -> None:
    target = spec.data.target.model_copy(update={"name": "kind", "classes": ("flat", "house")})
    changed = with_data(spec, target=target, checks=("kind == 'flat' or area > 50",))
    assert not told(changed.model_copy(update={"task": "classification"}))


def test_a_gate_is_a_condition_on_any_names(spec: ProjectSpec) -> None:
    gates = ("rmse <= 3 and r2 > 0.5", "rmse", "rmse <")
    promotion = spec.promotion.model_copy(update={"gates": gates})
    changed = spec.model_copy(update={"promotion": promotion})
    assert told(changed) == ["promotion.gates[1]", "promotion.gates[2]"]
