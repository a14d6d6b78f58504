"""How large a Parquet file becomes when it is read: by its pages, for its footer may lie.

pyarrow believes the footer and reads on, so a few kilobytes can take gigabytes; and to ask it for
what a damaged footer says of a column ends the process (seen with 25.0.1). So both the footer and
the headers of the pages are read here. They are structs of Thrift's compact protocol:
https://parquet.apache.org/docs/file-format/ and
https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

STOP, TRUE, FALSE, BYTE, I16, I32, I64, DOUBLE, BINARY, LIST, SET, MAP, STRUCT = range(13)
MAX_DEPTH = 16
MAX_FOOTER_BYTES = 2**20
"""Many times what a request's rows need, even if each is in a group of its own."""

# What is wanted of a struct: field -> its type, or what is wanted of it; [of each] of a list.
Wanted = Mapping[int, Any]
ROWS, GROUPS, COLUMNS, GROUP_ROWS, COLUMN = 3, 4, 1, 3, 3
PATH, VALUES, PACKED, DATA, DICTIONARY = 3, 5, 7, 9, 11
PAGE_UNPACKED, PAGE_PACKED = 2, 3
OF_COLUMN: Wanted = {PATH: [BINARY], VALUES: I64, PACKED: I64, DATA: I64, DICTIONARY: I64}
OF_GROUP: Wanted = {COLUMNS: [{COLUMN: OF_COLUMN}], GROUP_ROWS: I64}
OF_FOOTER: Wanted = {ROWS: I64, GROUPS: [OF_GROUP]}
OF_PAGE: Wanted = {PAGE_UNPACKED: I32, PAGE_PACKED: I32}


def unpacked_bytes(body: bytes, rows: int, columns: Collection[str]) -> int:
    """How many bytes the pages of some columns have once they are unpacked.

    Args:
        body: the file.
        rows: how many it has.
        columns: names; each has one value in each row.

    Raises:
        ValueError: the footer contradicts itself, the rows or the pages.
    """
    footer = _footer(body)
    groups = footer[GROUPS]
    wanted = {(name.encode(),) for name in columns}
    size = 0
    for group in groups:
        chunks = [chunk[COLUMN] for chunk in group[COLUMNS] if tuple(chunk[COLUMN][PATH]) in wanted]
        if [chunk[VALUES] for chunk in chunks] != [group[GROUP_ROWS]] * len(wanted):
            raise ValueError("a column has more or fewer values than there are rows")
        size += sum(_unpacked_bytes_of(body, chunk) for chunk in chunks)
    if not footer[ROWS] == rows == sum(group[GROUP_ROWS] for group in groups):
        raise ValueError("the groups have more or fewer rows than the file")
    return size


def _footer(body: bytes) -> dict[int, Any]:
    end = len(body) - 8
    size = int.from_bytes(body[-8:-4], "little")
    if not 0 < size <= min(end, MAX_FOOTER_BYTES):
        raise ValueError("the footer is cut, or too large")
    return _Reader(body[:end], end - size).struct(OF_FOOTER, optional={DICTIONARY})


def _unpacked_bytes_of(body: bytes, chunk: Mapping[int, Any]) -> int:
    """The same of one column within a group of rows."""
    at, dictionary = chunk[DATA], chunk.get(DICTIONARY, 0)
    if 0 < dictionary < at:
        at = dictionary
    end = at + chunk[PACKED]
    if not 0 <= at <= end <= len(body):
        raise ValueError("a column lies outside the file")
    size = 0
    while at < end:
        reader = _Reader(body, at)
        page = reader.struct(OF_PAGE)
        if page[PAGE_UNPACKED] < 0 or page[PAGE_PACKED] < 0:
            raise ValueError("a page has less than nothing")
        size += page[PAGE_UNPACKED]
        at = reader.at + page[PAGE_PACKED]
    return size


class _Reader:
    """Reads structs as strictly as it can, so that pyarrow does not read something else in them."""

    def __init__(self, body: bytes, at: int) -> None:
        self._body = body
        self.at = at

    def struct(
        self, wanted: Wanted, optional: Collection[int] = (), depth: int = 0
    ) -> dict[int, Any]:
        """The wanted fields of a struct; each is there once, but for the optional ones."""
        found: dict[int, Any] = {}
        field = 0
        while (head := self._byte()) != STOP:
            step = head >> 4
            field = field + step if step else self._signed()
            kind = head & 0x0F
            if field in found:
                raise ValueError("a field is there twice")
            if field in wanted:
                found[field] = self._value(kind, wanted[field], optional, depth + 1)
            elif kind not in (TRUE, FALSE):
                self._skip(kind, depth + 1)
        if not wanted.keys() - optional <= found.keys():
            raise ValueError("a field is missing")
        return found

    def _value(self, kind: int, wanted: Any, optional: Collection[int], depth: int) -> Any:
        if isinstance(wanted, list) and kind == LIST:
            size, each = self._list()
            return [self._value(each, wanted[0], optional, depth + 1) for _ in range(size)]
        if isinstance(wanted, Mapping) and kind == STRUCT:
            return self.struct(wanted, optional, depth)
        if kind != wanted:
            raise ValueError("a field is of another type")
        return self._text() if kind == BINARY else self._signed()

    def _skip(self, kind: int, depth: int) -> None:
        if depth > MAX_DEPTH:
            raise ValueError("a struct is too deep")
        if kind == STRUCT:
            self.struct({}, depth=depth)
        elif kind in (LIST, SET):
            size, each = self._list()
            for _ in range(size):
                self._skip(each, depth + 1)
        elif kind == MAP:
            size = self._unsigned()
            kinds = self._byte() if size else 0
            for _ in range(size):
                self._skip(kinds >> 4, depth + 1)
                self._skip(kinds & 0x0F, depth + 1)
        elif kind == BINARY:
            self._text()
        elif kind in (I16, I32, I64):
            self._unsigned()
        elif kind in (TRUE, FALSE, BYTE, DOUBLE):
            # A boolean is a byte within a list; a field's is its type.
            self._octets(8 if kind == DOUBLE else 1)
        else:
            raise ValueError("a type is none")

    def _list(self) -> tuple[int, int]:
        head = self._byte()
        size = head >> 4
        return (self._unsigned() if size == 0x0F else size), head & 0x0F

    def _text(self) -> bytes:
        return self._octets(self._unsigned())

    def _signed(self) -> int:
        number = self._unsigned()
        return (number >> 1) ^ -(number & 1)

    def _unsigned(self) -> int:
        number = 0
        for shift in range(0, 70, 7):
            byte = self._byte()
            number |= (byte & 0x7F) << shift
            if byte < 0x80:
                return number
        raise ValueError("a number is too long")

    def _byte(self) -> int:
        return self._octets(1)[0]

    def _octets(self, size: int) -> bytes:
        octets = self._body[self.at : self.at + size]
        if len(octets) < size:
            raise ValueError("the file is cut")
        self.at += size
        return octets
