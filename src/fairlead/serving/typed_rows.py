"""Reads usual bodies straight into rows: JSON of the contract's types, decoded in one step."""

from __future__ import annotations

from typing import Any, Literal

import msgspec
import numpy as np
from msgspec.structs import astuple
from numpy.typing import NDArray

from fairlead.data.contract import Contract
from fairlead.serving.columns import UsualColumn, UsualColumns

Form = Literal["record", "records", "features", "list"]
Matrix = NDArray[np.float64]

# A first key that comes later is found too late: then the body is read value by value.
FIRST_KEY = 64


class TypedBodies:
    """Decodes bodies whose every value is usual.

    What it cannot read it does not judge: `None` says that `RowReader` must read the body, whose
    rows and problems are the definition. What it reads, it reads as `RowReader` does.

    Args:
        contract: the columns.
        usual: encodes them.
        max_rows: most rows of one body.
    """

    def __init__(self, contract: Contract, usual: UsualColumns, max_rows: int) -> None:
        self._usual = usual
        self._max_rows = max_rows
        types = [_json_type(column) for column in usual.columns]
        record = _record(tuple(contract.columns), types)
        self._record = msgspec.json.Decoder(record)
        self._list = msgspec.json.Decoder(list[record])  # type: ignore[valid-type]
        self._records = _wrapper("records", list[record])  # type: ignore[valid-type]
        self._features = _wrapper("features", list[tuple[tuple(types)]])  # type: ignore[misc]
        # A column of that name makes the form ambiguous.
        self._wrapped = not {"records", "features"} & contract.columns.keys()

    def form(self, body: bytes) -> Form:
        """How `POST /predict` should take a body, by its first key."""
        start = body.find(b'"', 0, FIRST_KEY)
        if self._wrapped:
            if body.startswith(b'"records"', start):
                return "records"
            if body.startswith(b'"features"', start):
                return "features"
        return "record"

    def read(self, body: bytes, form: Form) -> Matrix | None:
        """The rows of a body, at least one; None where anything about it is unusual."""
        try:
            if form == "record":
                return self._usual.row(astuple(self._record.decode(body)))
            rows = self._rows(body, form)
        except (ValueError, RecursionError):
            return None
        if not 0 < len(rows) <= self._max_rows:
            return None
        if len(rows) == 1:
            return self._usual.row(rows[0])
        return self._usual.rows(zip(*rows, strict=True), len(rows))

    def _rows(self, body: bytes, form: Form) -> list[tuple[Any, ...]]:
        if form == "features":
            rows: list[tuple[Any, ...]] = self._features.decode(body).features
            return rows
        records = self._list.decode(body) if form == "list" else self._records.decode(body).records
        return [astuple(record) for record in records]


def _json_type(column: UsualColumn) -> Any:
    """The JSON type of a column's usual values; a number is read as a double."""
    types = [kind for kind in column.kinds if not (kind is int and float in column.kinds)]
    union: Any = types[0]
    for kind in types[1:]:
        union = union | kind
    return union


def _record(names: tuple[str, ...], types: list[Any]) -> Any:
    """A record as a type; a column that may be null may be left out."""
    attributes = {f"c{index}": name for index, name in enumerate(names)}
    fields = [
        (attribute, kind, msgspec.field(default=None))
        if isinstance(None, kind)
        else (attribute, kind)
        for attribute, kind in zip(attributes, types, strict=True)
    ]
    return msgspec.defstruct(
        "Record", fields, rename=attributes, forbid_unknown_fields=True, kw_only=True, gc=False
    )


def _wrapper(form: str, rows: Any) -> msgspec.json.Decoder[Any]:
    """A decoder of an object with the only key `form`."""
    return msgspec.json.Decoder(
        msgspec.defstruct("Rows", [(form, rows)], forbid_unknown_fields=True)
    )
