"""The suite that every family of estimators passes, a user's own included.

A subclass named `Test…` in a test module is all that pytest needs:

    class TestMyFamily(FamilyContract):
        family = MY_FAMILY
        parameters = {"depth": 3}
"""

from __future__ import annotations

import json
import pickle
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from fairlead.bundle.parity import threshold_rows
from fairlead.graph.builder import serialize
from fairlead.graph.runtime import Session
from fairlead.models.explanation import from_document, to_document
from fairlead.models.family import Family, FitContext, Range, family
from fairlead.testing.cases import (
    Case,
    Matrix,
    Trial,
    case_of,
    compile_estimator,
    nudges,
    worst_excess,
)


class FamilyContract:
    """What a family promises, on data made for it: regression, two classes and three classes.

    Attributes:
        family: the family, or the name of an installed one.
        parameters: as a project file has them; keep the models small.
    """

    family: ClassVar[Family | str]
    parameters: ClassVar[Mapping[str, Any]] = {}

    def parameters_for(self, context: FitContext) -> Mapping[str, Any]:  # noqa: ARG002
        """The parameters for one case; override where they name columns or classes."""
        return self.parameters

    def pytest_generate_tests(self, metafunc: Any) -> None:
        """Run every test that takes a `case` on each case that the family can learn."""
        if "case" in metafunc.fixturenames:
            names = ["regression"] if "regression" in self._family.tasks else []
            names += ["two_classes", "three_classes"] * ("classification" in self._family.tasks)
            metafunc.parametrize("case", [case_of(name, self._family) for name in names], ids=names)

    @property
    def _family(self) -> Family:
        return family(self.family) if isinstance(self.family, str) else self.family

    def _fit(self, case: Case) -> Trial:
        checked = self._family.parameters.model_validate(self.parameters_for(case.context))
        estimator = self._family.build(checked, case.context)
        estimator.fit(case.X, case.y)
        model = compile_estimator(self._family, estimator, case.context)
        return Trial(self._family, estimator, case, model)

    def test_the_graph_gives_what_the_estimator_gives(self, case: Case) -> None:
        trial = self._fit(case)
        rows = np.vstack([case.X, case.jittered(), *[case.jittered(seed) for seed in (1, 2)]])
        assert worst_excess(trial, rows) <= 0

    def test_it_does_so_on_every_threshold_and_one_ulp_beside(self, case: Case) -> None:
        trial = self._fit(case)
        assert worst_excess(trial, edges(trial)) <= 0

    def test_it_does_so_for_missing_values(self, case: Case) -> None:
        trial = self._fit(case)
        assert worst_excess(trial, case.with_missing(self._family.design)) <= 0

    def test_it_does_so_for_missing_values_never_seen_in_training(self, case: Case) -> None:
        trial = self._fit(case.without_missing())
        assert worst_excess(trial, case.with_missing(self._family.design)) <= 0

    def test_it_does_so_for_unknown_categories(self, case: Case) -> None:
        trial = self._fit(case)
        assert worst_excess(trial, case.with_unknown()) <= 0

    def test_one_row_gives_what_many_rows_give(self, case: Case) -> None:
        trial = self._fit(case)
        session = Session(serialize(trial.model))
        odd = [case.with_missing(self._family.design), case.with_unknown()]
        rows = np.vstack([case.X, case.jittered(), *odd])
        whole = session.run(rows)
        for size in (1, 3, 16, 61):
            for start in range(0, len(rows), max(size, len(rows) // 40)):
                part = session.run(rows[start : start + size])
                for name, values in part.items():
                    assert values.tobytes() == whole[name][start : start + size].tobytes()

    def test_fitting_twice_gives_the_same_bytes(self, case: Case) -> None:
        assert serialize(self._fit(case).model) == serialize(self._fit(case).model)

    def test_a_threshold_moved_by_one_ulp_is_noticed(self, case: Case) -> None:
        for nudged, rows in nudges(self._fit(case), count=3):
            assert worst_excess(nudged, rows) > 0

    def test_a_class_that_is_not_in_training_has_probability_zero(self, case: Case) -> None:
        if len(case.context.classes) > 2:
            trial = self._fit(case.without_class(1))
            outputs = Session(serialize(trial.model)).run(case.X)
            assert worst_excess(trial, case.X) <= 0
            assert trial.unseen_probabilities(outputs["probabilities"]) == 0

    def test_a_fitted_estimator_survives_pickling(self, case: Case) -> None:
        trial = self._fit(case)
        copy = pickle.loads(pickle.dumps(trial.estimator))  # noqa: S301 (our own bytes)
        assert serialize(compile_estimator(self._family, copy, case.context)) == serialize(
            trial.model
        )

    def test_what_it_explains_comes_back_from_json(self, case: Case) -> None:
        trial = self._fit(case)
        explained = self._family.explain(trial.estimator, case.context)
        assert from_document(json.loads(json.dumps(to_document(explained)))) == explained

    def test_the_graph_has_the_promised_outputs(self, case: Case) -> None:
        outputs = Session(serialize(self._fit(case).model)).run(case.X)
        classes = len(case.context.classes)
        assert outputs["prediction"].shape == (len(case.X), 1)
        assert outputs["prediction"].dtype == (np.int64 if classes else np.float64)
        if classes:
            assert outputs["probabilities"].shape == (len(case.X), classes)
            assert np.allclose(outputs["probabilities"].sum(axis=1), 1)

    def test_the_search_space_lies_within_the_bounds_of_the_parameters(self) -> None:
        for name, values in self._family.search_space.items():
            ends = (values.low, values.high) if isinstance(values, Range) else values
            for end in ends:
                whole = isinstance(values, Range) and values.whole
                self._family.parameters.model_validate(
                    {**self.parameters, name: int(end) if whole else end}
                )

    def test_every_parameter_is_explained(self) -> None:
        for name, field in self._family.parameters.model_fields.items():
            assert field.description, f"parameter {name} has no docstring"


def edges(trial: Trial) -> Matrix:
    """Rows that meet the tests of a trial's trees on and one ulp beside their thresholds."""
    # Another order of the rows brings other rows to a test.
    orders = [trial.case.X, trial.case.X[::-1]]
    return np.vstack(
        [
            trial.case.X,
            *(threshold_rows(trial.model, rows) for rows in orders),
        ]
    )
