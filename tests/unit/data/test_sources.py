from __future__ import annotations

import csv
import gzip
import io
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.data import sources
from fairlead.data.sources import read_table
from fairlead.errors import DataInvalidError, DataMissingError

NAMES = ["x", "y"]
ROWS = [("1", "a"), ("", "b")]


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("plain.csv", "x,y\n1,a\n,b\n"),
        ("no_end.csv", "x,y\n1,a\n,b"),
        ("crlf.csv", "x,y\r\n1,a\r\n,b\r\n"),
        ("old_mac.csv", "x,y\r1,a\r,b\r"),
        ("bom.csv", b"\xef\xbb\xbfx,y\n1,a\n,b\n"),
        ("semicolon.csv", "x;y\n1;a\n;b\n"),
        ("tab.tsv", "x\ty\n1\ta\n\tb\n"),
        ("bar.csv", "x|y\n1|a\n|b\n"),
        ("comma_in_semicolons.csv", "x;y;a,b\n1;a;1,5\n;b;\n"),
        ("quoted.csv", '"x","y"\n"1","a"\n"",b\n'),
        ("blank_lines.csv", "\nx,y\n\n1,a\n\r\n,b\n\n\n"),
        ("spaced_header.csv", " x , y\n1,a\n,b\n"),
        ("other_order.csv", "y,x\na,1\nb,\n"),
        ("more_columns.csv", "id,x,note,y\n7,1,,a\n8,,n,b\n"),
        ("repeated_other.csv", "id,x,id,y\n7,1,,a\n8,,n,b\n"),
        ("packed.csv.gz", gzip.compress(b"x,y\n1,a\n,b\n", mtime=0)),
    ],
)
def test_a_csv_is_read_as_it_stands(tmp_path: Path, name: str, content: str | bytes) -> None:
    table = read_table(write(tmp_path / name, content), NAMES)
    assert table.frame.rows() == ROWS
    assert table.frame.columns == NAMES
    assert not table.typed


def test_quoted_fields_may_hold_separators_quotes_and_line_ends(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", 'x,y\n"1,5","a ""b"""\n"two\nlines",5" pipe\n')
    assert read_table(path, NAMES).frame.rows() == [("1,5", 'a "b"'), ("two\nlines", '5" pipe')]


def test_columns_that_were_not_asked_for_are_named(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "id,x,y,note\n1,2,3,4\n")
    assert read_table(path, NAMES).others == ("id", "note")


def test_the_rest_of_a_file_is_read_behind_what_was_asked_for(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "id;x;;twice;y;twice\n7;1;;a;2;b\n")
    table = read_table(path, ["y"], rest=True)
    assert table.frame.columns == ["y", "id", "x"]
    assert table.frame.rows() == [("2", "7", "1")]
    assert table.others == ("", "twice", "twice")


def test_what_a_header_lacks_is_told_under_the_separator_that_makes_most_of_it(
    tmp_path: Path,
) -> None:
    path = write(tmp_path / "a.csv", "a;b;c\n1;2;3\n")
    with pytest.raises(DataInvalidError, match="no column y in the header a, b, c,"):
        read_table(path, ["y"], rest=True)


def test_a_parquet_file_keeps_its_types(tmp_path: Path) -> None:
    frame = pl.DataFrame({"y": [1.5, None], "x": [2**60, 3], "id": ["a", "b"]})
    frame.write_parquet(tmp_path / "a.parquet")
    table = read_table(tmp_path / "a.parquet", NAMES)
    assert table.frame.equals(frame.select("x", "y"))
    assert table.typed
    assert table.others == ("id",)
    assert read_table(tmp_path / "a.parquet", ["x"], rest=True).frame.columns == ["x", "y", "id"]


BAD = {
    "nothing": ("a.csv", b"", "an empty file"),
    "line ends": ("a.csv", b"\r\n\n", "an empty file"),
    "white space": ("a.csv", b" \n \t\n", "an empty file"),
    "other separator": ("a.csv", b"x:y\n1:2\n", "header x:y, .* separated by comma, semicolon"),
    "header alone": ("a.csv", b"x,y\n", "a header and no rows"),
    "column lacking": ("a.csv", b"x,z\n1,2\n", "no column y in the header x, z"),
    "misspelt": ("a.csv", b"X,why\n1,2\n", r"no column x \(is it X\?\), y in the header X, why"),
    "twice": ("a.csv", b"x,y,x\n1,2,3\n", "more than one column x"),
    "short row": ("a.csv", b"x,y\n1,2\n3\n", r"row 2 with 1 fields \(1 such rows .* expected 2"),
    "long row": ("a.csv", b"x,y\n1,2,3\n4,5,6\n", r"row 1 with 3 fields \(2 such rows"),
    "short and long": ("a.csv", b"x,y\n1\n1,2,3\n", r"row 1 with 1 fields \(2 such rows"),
    "open quote": ("a.csv", b'x,y\n1,"a\n2,b\n', "no CSV"),
    "text after quote": ("a.csv", b'x,y\n"1"2,a\n', "no CSV"),
    "latin-1": ("a.csv", b"x,y\n1,a\n2,\xe9\n", "not UTF-8 in line 3"),
    "latin-1 in quotes": ("a.csv", b'x,y\n"1",\xe9\n', "not UTF-8 in line 2"),
    "utf-16": ("a.csv", "x,y\n1,2\n".encode("utf-16"), "not UTF-8 in line 1"),
    "not packed": ("a.csv.gz", b"x,y\n1,2\n", "cannot be decompressed"),
    "cut": ("a.csv.gz", gzip.compress(b"x,y\n1,2\n" * 9, mtime=0)[:-9], "cannot be decompressed"),
    "no parquet": ("a.parquet", b"x,y\n1,2\n", "a damaged file"),
    "kind": ("a.xlsx", b"x", r"a\.xlsx, expected one that ends in \.csv, "),
}


@pytest.mark.parametrize("what", BAD)
def test_a_file_that_is_no_table_is_refused(what: str, tmp_path: Path) -> None:
    name, content, message = BAD[what]
    path = write(tmp_path / name, content)
    with pytest.raises(DataInvalidError, match=message) as caught:
        read_table(path, NAMES)
    assert caught.value.path == path


def test_a_parquet_file_without_a_column_or_a_row_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pl.DataFrame({"x": [1], "Y": [2]}).write_parquet(path)
    with pytest.raises(DataInvalidError, match=r"no column y \(is it Y\?\)"):
        read_table(path, NAMES)
    pl.DataFrame({"x": [], "y": []}).write_parquet(path)
    with pytest.raises(DataInvalidError, match="without a row"):
        read_table(path, NAMES)


def test_a_missing_file_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(DataMissingError, match="does not exist; fetch it"):
        read_table(tmp_path / "a.csv", NAMES, hint="fetch it")


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "a.csv").mkdir()
    with pytest.raises(DataInvalidError, match="directory"):
        read_table(tmp_path / "a.csv", NAMES)


@given(st.text(alphabet=",,\n\r ab1é;\t'#\x00", max_size=30))
def test_the_fast_reading_is_the_reading_of_the_csv_module(body: str) -> None:
    content = f"x,y\n{body}".encode().strip(b"\r\n") + b"\n"
    fast = sources._plain_rows(content, ",", 2)
    rows = [row for row in csv.reader(io.StringIO(content.decode(), newline="")) if row]
    assert fast is None or fast.rows() == [tuple(row) for row in rows[1:]]
