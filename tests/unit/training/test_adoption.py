from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, StandardScaler

from fairlead.errors import AdoptionError
from fairlead.training.adoption import Traced, follow, label_text

FRAME = pd.DataFrame({"a": [1.0, np.nan, 3.0, 3.0], "b": ["x", "y", "x", "z"], "c": [0.0, 1, 2, 3]})
TARGET = [1.0, 2.0, 3.0, 4.0]


def fitted(*transformers: Any) -> Any:
    return make_pipeline(ColumnTransformer(list(transformers)), Ridge()).fit(FRAME, TARGET)


def test_every_column_of_the_matrix_is_followed_back_to_the_data() -> None:
    model = fitted(
        ("c", "passthrough", ["c"]),
        ("b", OneHotEncoder(drop="first"), ["b"]),
        ("a", make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), ["a"]),
    )
    followed = follow(model, 3)
    assert followed.columns == (
        Traced(2),
        Traced(1, category=1),
        Traced(1, category=2),
        Traced(0, fill=3.0, shift=2.5, scale=np.std([1.0, 3, 3, 3])),
    )
    assert followed.encoded[1].texts == ("x", "y", "z")
    assert followed.step == "Pipeline.ridge"


def test_the_matrix_is_that_of_the_model() -> None:
    model = fitted(
        ("a", make_pipeline(SimpleImputer(), StandardScaler()), ["a"]),
        ("b", OneHotEncoder(), ["b"]),
    )
    encoded = np.array([[1.0, 0.0, 0.0], [np.nan, 1.0, 1.0], [3.0, 0.0, 2.0], [3.0, 2.0, 3.0]])
    D = follow(model, 3).preprocessing(("a", "b", "c")).transform(encoded)
    np.testing.assert_array_equal(D, model[:-1].transform(FRAME))


def test_columns_that_are_left_out_are_not_asked_for() -> None:
    followed, used = follow(fitted(("c", StandardScaler(), ["c"])), 3).of_used()
    assert used == (2,)
    assert [column.source for column in followed.columns] == [0]


def test_a_missing_value_may_come_where_its_filling_is_taken() -> None:
    filled = SimpleImputer(strategy="constant", fill_value="other")
    strict = fitted(("b", make_pipeline(filled, OneHotEncoder()), ["b"]))
    lenient = fitted(("b", make_pipeline(filled, OneHotEncoder(handle_unknown="ignore")), ["b"]))
    assert not follow(strict, 3).always_filled(1)
    assert follow(lenient, 3).always_filled(1)


def test_a_step_that_cannot_be_followed_is_named_with_its_place() -> None:
    model = fitted(("numbers", make_pipeline(SimpleImputer(), MinMaxScaler()), ["a"]))
    place = r"Pipeline\.columntransformer\.numbers\.minmaxscaler is a MinMaxScaler"
    with pytest.raises(AdoptionError, match=place):
        follow(model, 3)


@pytest.mark.parametrize(
    ("value", "text"),
    [("a", "a"), (1, "1"), (2.0, "2"), (2.5, "2.5"), (np.int64(3), "3"), (np.bool_(1), "true")],
)
def test_a_label_is_called_as_in_a_csv(value: Any, text: str) -> None:
    assert label_text(value) == text


def test_a_label_that_the_csv_writes_otherwise_is_called_so() -> None:
    assert label_text(np.bool_(1), {"True", "False"}) == "True"
    assert label_text(2.0, {"2.0"}) == "2.0"
    assert label_text(2.0, {"2", "2.0"}) == "2"
    assert label_text("a", {"b"}) == "a"
