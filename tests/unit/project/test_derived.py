"""Derived columns are parsed and computed in their order."""

from __future__ import annotations

import numpy as np
import pytest

from fairlead.errors import ExpressionError
from fairlead.project.columns import ColumnSpec
from fairlead.project.derived import extend, parse_derived

COLUMNS = {"rooms": ColumnSpec(type="number"), "houses": ColumnSpec(type="integer")}


def test_derived_columns_build_on_each_other_and_what_is_not_finite_is_missing() -> None:
    derived = parse_derived(
        COLUMNS, {"per_house": "rooms / houses", "double": "per_house * 2", "one": "1"}
    )
    columns = {"rooms": np.array([6.0, 1.0, np.nan]), "houses": np.array([2.0, 0.0, 1.0])}
    values = extend(columns, derived)
    assert list(values) == ["rooms", "houses", "per_house", "double", "one"]
    np.testing.assert_array_equal(values["per_house"], [3.0, np.nan, np.nan])
    np.testing.assert_array_equal(values["double"], [6.0, np.nan, np.nan])
    np.testing.assert_array_equal(values["one"], [1.0, 1.0, 1.0])


def test_a_derived_column_cannot_name_a_later_one() -> None:
    with pytest.raises(ExpressionError, match="`double`, an unknown name"):
        parse_derived(COLUMNS, {"per_house": "double / 2", "double": "rooms * 2"})
