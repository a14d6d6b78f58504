"""Trials of a bundle pass where the service does as it must, and tell where it does not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.bundle.golden import Scores
from fairlead.bundle.reading import Bundle, load_bundle
from fairlead.project.columns import ColumnSpec
from fairlead.readiness.cases import broken, edges
from fairlead.readiness.probes import (
    extremes,
    feature_cost,
    one_row,
    predictor_of,
    refusals,
    skew,
)
from fairlead.serving.exchange import Answer, Request
from fairlead.serving.predictor import Predictor
from fairlead.serving.values import ValueRefusedError, value_reader
from fairlead.testing.registry import sample_bundle


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return load_bundle(sample_bundle(tmp_path_factory.mktemp("bundles")))


def rows_of(bundle: Bundle) -> Any:
    return bundle.encode(bundle.golden()["records"])


def test_a_sound_bundle_passes_every_trial(bundle: Bundle) -> None:
    predictor = predictor_of(bundle)
    trials = [refusals(predictor), extremes(predictor), feature_cost(predictor)]
    trials += [skew(predictor, rows_of(bundle), 1), one_row(bundle)[0]]
    assert [trial.text for trial in trials if not trial.passed] == []


class Lax(Predictor):
    """Takes what it is sent."""

    def predict(self, request: Request) -> Answer:
        del request
        return Answer(b"{}", np.zeros((1, 3)), None)


def test_a_service_that_takes_broken_rows_is_told(bundle: Bundle) -> None:
    found = refusals(Lax(bundle, 100))
    assert not found.passed
    assert "a list" in found.text


class Unstable(Predictor):
    """Has no number for the last row."""

    def predict_batch(self, request: Request) -> Answer:
        answer = super().predict_batch(request)
        assert answer.scores is not None
        assert answer.scores.probabilities is not None
        shares = answer.scores.probabilities.copy()
        shares[-1] = np.nan
        return msgspec.structs.replace(answer, scores=replace(answer.scores, probabilities=shares))


def test_a_score_that_is_no_number_is_told(bundle: Bundle) -> None:
    found = extremes(Unstable(bundle, 1_000))
    assert not found.passed
    assert found.text.startswith("1 of ")


class Skewed(Predictor):
    """Is one unit in the last place off."""

    def predict_batch(self, request: Request) -> Answer:
        answer = super().predict_batch(request)
        scores = answer.scores
        assert scores is not None
        assert scores.probabilities is not None
        off = Scores(scores.prediction, np.nextafter(scores.probabilities, 1))
        return msgspec.structs.replace(answer, scores=off)


def test_one_bit_between_training_and_serving_is_told(bundle: Bundle) -> None:
    found = skew(Skewed(bundle, 1_000), rows_of(bundle), 1)
    assert found.text == f"{len(rows_of(bundle))} training rows are served differently"


def test_the_steps_of_a_row_end_with_its_answer(bundle: Bundle) -> None:
    steps = one_row(bundle)[1]["steps"]
    assert steps[0]["operation"]
    prediction = [step["outputs"] for step in steps if "prediction" in step["outputs"]]
    assert prediction[0]["prediction"]["first_values"] == [0]


numbers = st.floats(-1e6, 1e6, allow_nan=False)


@st.composite
def columns(draw: st.DrawFn) -> ColumnSpec:
    kind = draw(st.sampled_from(["number", "integer", "boolean", "category", "datetime"]))
    parts: dict[str, Any] = {"type": kind, "nullable": draw(st.booleans())}
    if kind in ("number", "integer"):
        low = draw(st.none() | numbers)
        parts |= {"min": low, "max": draw(st.none() | numbers.map(lambda x: abs(x) + 1e6))}
        parts["outliers"] = draw(st.sampled_from(["clip", "drop", "flag", "reject"]))
    if kind == "category":
        parts |= {"values": ["a", "5"], "unknown": draw(st.sampled_from(["flag", "reject"]))}
    return ColumnSpec.model_validate(parts)


@given(columns())
def test_every_forbidden_value_is_refused_and_every_edge_is_taken(column: ColumnSpec) -> None:
    read = value_reader(column, column.model_dump(mode="json", exclude_defaults=True))
    values = list(edges(column))
    assert values
    for value in values:
        read(value)
    good = {"a": next(value for value in values if value is not None)}
    for rule, record in broken("a", column, good):
        if "a" in record:
            with pytest.raises(ValueRefusedError):
                pytest.fail(f"{rule}: {read(record['a'])}")
