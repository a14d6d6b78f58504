from __future__ import annotations

import io
from contextlib import suppress
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairlead.serving.protocols.parquet_sizes import unpacked_bytes

TABLE = pa.table(
    {"number": range(5000), "text": [f"{n}" for n in range(5000)], "many": [[1]] * 5000}
)


def written(**options: Any) -> bytes:
    file = io.BytesIO()
    pq.write_table(TABLE, file, **options)
    return file.getvalue()


def footer_of(body: bytes) -> Any:
    return pq.ParquetFile(io.BytesIO(body)).metadata


@pytest.mark.parametrize("version", ["1.0", "2.0"])
@pytest.mark.parametrize("compression", ["none", "snappy", "zstd", "gzip"])
@pytest.mark.parametrize("dictionary", [False, True])
def test_pages_have_together_what_an_honest_footer_says(
    version: str, compression: str, dictionary: bool
) -> None:
    body = written(
        data_page_version=version,
        compression=compression,
        use_dictionary=dictionary,
        row_group_size=2000,
        data_page_size=1000,
        write_page_checksum=True,
    )
    footer = footer_of(body)
    groups = [footer.row_group(index) for index in range(footer.num_row_groups)]
    told = sum(group.column(index).total_uncompressed_size for group in groups for index in (0, 1))
    # A footer counts the pages' headers too, which are small.
    found = unpacked_bytes(body, 5000, ("number", "text"))
    assert 0 < found <= told < found + 20_000


@pytest.mark.parametrize("columns", [("number", "nothing"), ("many",)])
def test_a_column_without_one_value_in_each_row_is_refused(columns: tuple[str, ...]) -> None:
    body = written()
    with pytest.raises(ValueError, match="more or fewer values"):
        unpacked_bytes(body, 5000, [*columns, "text"])


BODY = written(compression="none", use_dictionary=False)
END = len(BODY)


@pytest.mark.parametrize("rows", [0, 4999, 5001])
def test_other_rows_than_the_groups_have_are_refused(rows: int) -> None:
    with pytest.raises(ValueError, match="more or fewer rows"):
        unpacked_bytes(BODY, rows, ("number", "text"))


@settings(max_examples=300)
@given(
    at=st.integers(4, 200) | st.integers(END - 1000, END - 1),
    octets=st.binary(min_size=1, max_size=40),
)
def test_any_header_and_any_footer_is_read_or_refused(at: int, octets: bytes) -> None:
    body = BODY[:at] + octets + BODY[at + len(octets) :]
    with suppress(ValueError):
        assert unpacked_bytes(body, 5000, ("number", "text")) >= 0
