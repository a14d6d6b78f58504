from __future__ import annotations

import csv
import gzip
import io
import stat
import sys
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import fairlead
from fairlead.errors import (
    DataInvalidError,
    DataMissingError,
    DecisionError,
    FilesExistError,
    ProjectError,
    StorageError,
)
from fairlead.workflows.init import NewProject, init
from fairlead.workflows.load import load
from fairlead.workflows.read import read

HEADER = "number,rent (EUR),area,heating,built,note,status,day"
Maker = Callable[..., NewProject]


def flat(row: int) -> str:
    heating = ("gas", "district", "none at all", "")[row % 4]
    built = "" if row % 9 == 0 else str(1900 + row % 120)
    note = f'"flat {row}, with a view\nof ""everything"""'
    day = f"2026-01-{row % 28 + 1:02}"
    area = 20 + row % 90 / 2
    return f"{row},{500 + row * 3 % 700},{area},{heating},{built},{note},free,{day}"


FLATS = "\ufeff" + "\n".join([HEADER, *map(flat, range(1, 301))]) + "\n"


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Maker:
    monkeypatch.chdir(tmp_path)

    def made(text: str = FLATS, target: str = "rent (EUR)", **options: object) -> NewProject:
        Path("flats.csv").write_bytes(text.encode())
        return init(Path("flats.csv"), target, **options)  # type: ignore[arg-type]

    return made


def test_a_project_is_made_that_reads_its_data(make: Maker) -> None:
    made = make()
    project = load("flats")
    assert project.spec == made.project.spec
    assert (project.spec.name, project.spec.task) == ("flats", "regression")
    assert project.spec.data.path == "data/flats.csv"
    assert project.spec.data.target.header == "rent (EUR)"
    dataset = read(project)
    assert list(dataset.contract.columns) == ["area", "heating", "built", "day"]
    assert len(dataset.y) == 300
    assert not dataset.report.undeclared


def test_the_file_says_what_was_inferred_and_why(make: Maker) -> None:
    make()
    text = Path("flats/fairlead.yaml").read_text("utf-8")
    for line in (
        "# number numbers the rows: an identifier",
        "# status is the same in every row",
        "    area: {type: number, min: 0, max: 90}",
        (
            "    heating: {type: category, values: [district, gas, none at all], nullable: true, "
            "unknown: flag}"
        ),
        "    built: {type: integer, min: 1800, max: 2100, nullable: true}",
        "  target: {name: rent_EUR, header: rent (EUR)}",
        "# note is different in every row: an identifier or free text",
    ):
        assert line in text
    assert max(map(len, text.splitlines())) <= 100


def test_the_author_is_told_what_the_file_says(make: Maker) -> None:
    made = make()
    assert "number numbers the rows: an identifier" in made.remarks
    assert made.remarks[0].startswith("The numbers of the target are taken for quantities")


def test_a_column_that_predicts_the_target_alone_is_named(make: Maker) -> None:
    rows = [f"{row * 7 % 101},{row * 7 % 101 * 1.19:.2f},{row % 3}" for row in range(200)]
    made = make("\n".join(["net,gross,floor", *rows]), "gross")
    (told,) = [remark for remark in made.remarks if "alone predicts" in remark]
    assert told.startswith("net alone predicts gross (")
    assert made.project.spec.data.columns["net"].role == "feature"


def test_what_stands_around_the_project_file_is_valid(make: Maker) -> None:
    made = make()
    assert made.files == (
        ".github/workflows/ci.yml",
        ".gitignore",
        "README.md",
        "data/flats.csv",
        "dvc.yaml",
        "fairlead.yaml",
        "requirements.txt",
        "tests/test_project.py",
    )
    stages = yaml.safe_load(Path("flats/dvc.yaml").read_text())["stages"]
    assert list(stages) == ["check", "train", "evaluate", "bundle"]
    assert "data/flats.csv" in stages["train"]["deps"]
    pins = Path("flats/requirements.txt").read_text()
    assert pins == f"fairlead[mlflow,train]=={fairlead.__version__}\n"
    yaml.safe_load(Path("flats/.github/workflows/ci.yml").read_text())
    compile(Path("flats/tests/test_project.py").read_text(), "test_project.py", "exec")


def test_the_data_is_copied_as_it_is(make: Maker) -> None:
    make()
    assert Path("flats/data/flats.csv").read_bytes() == FLATS.encode()


def test_data_inside_the_project_stays_where_it_is(make: Maker) -> None:
    made = make(folder=Path())
    assert made.project.spec.data.path == "flats.csv"
    assert "data/flats.csv" not in made.files
    assert len(read(load(".")).y) == 300


def test_semicolons_and_decimal_commas_are_found(make: Maker) -> None:
    rows = [f"{row % 50 / 4};a,b {row % 2};{row * 1.5}".replace(".", ",") for row in range(60)]
    made = make("\n".join(["x;kind;y", *rows]), "y")
    data = made.project.spec.data
    assert data.decimal == ","
    assert data.columns["x"].type == "number"
    assert data.columns["kind"].values == ("a,b 0", "a,b 1")
    assert read(made.project).y[1] == 1.5


def test_columns_without_a_name_of_their_own_are_left_out(make: Maker) -> None:
    rows = [f"{row},{row % 7},{row % 5},1,2" for row in range(30)]
    made = make("\n".join([",a,y,twice,twice", *rows]), "y")
    assert list(made.project.spec.data.columns) == ["a"]
    assert "A column without a name is left out." in made.remarks
    assert "Columns that share a name are left out: `twice`." in made.remarks


def test_a_column_named_rows_is_not_taken_for_their_number(make: Maker) -> None:
    lines = [f"{row % 7 - 3},{row * row}" for row in range(30)]
    made = make("\n".join(["rows,y", *lines]), "y")
    assert made.project.spec.data.checks == ()


def test_name_and_folder_may_be_given(make: Maker) -> None:
    made = make(name="rents", folder=Path("deep/er"))
    assert made.project.spec.name == "rents"
    assert Path("deep/er/fairlead.yaml").is_file()


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("My Data.csv", "my-data"),
        ("2026_sales.csv.gz", "project-2026_sales"),
        ("ä.csv", "project"),
    ],
)
def test_a_project_is_called_like_its_file(
    file: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = "\n".join(["x,y", *(f"{row % 3},{row * row}" for row in range(20))])
    content = text.encode()
    if file.endswith(".gz"):
        content = gzip.compress(content)
    Path(file).write_bytes(content)
    assert init(Path(file), "y").project.spec.name == name


@pytest.mark.parametrize("file", ["fairlead.yaml", "README.md", "tests/test_project.py"])
def test_nothing_is_overwritten_and_nothing_written_beside_it(make: Maker, file: str) -> None:
    mine = Path("flats") / file
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    with pytest.raises(FilesExistError, match=f"has {file} already; nothing was written"):
        make()
    assert [path for path in Path("flats").rglob("*") if path.is_file()] == [mine]
    assert mine.read_text() == "mine"
    assert sorted(path.name for path in Path().iterdir()) == ["flats", "flats.csv"]


def test_files_of_the_user_stay_beside_a_new_project(make: Maker) -> None:
    Path("flats").mkdir()
    Path("flats/notes.txt").write_text("mine")
    make()
    assert Path("flats/notes.txt").read_text() == "mine"
    assert load("flats")


@pytest.mark.skipif(sys.platform == "win32", reason="folders are closed otherwise")
def test_where_nothing_can_be_written_nothing_is_left(make: Maker) -> None:
    Path("flats").write_text("a file where the folder should be")
    with pytest.raises((StorageError, FilesExistError)):
        make()
    assert stat.S_ISREG(Path("flats").stat().st_mode)
    assert sorted(path.name for path in Path().iterdir()) == ["flats", "flats.csv"]


@pytest.mark.parametrize(
    ("text", "target", "error", "told"),
    [
        (FLATS, "rent EUR", DataInvalidError, r"no column rent EUR \(is it rent \(EUR\)\?\)"),
        (FLATS, "note", DecisionError, "hardly classes; to decide: what else to predict"),
        (FLATS, "status", DecisionError, "the same value of `status` in every row"),
        (FLATS, "built", DecisionError, "33 rows without a value of `built`"),
        ("y\n" + "2\n3\n" * 9, "y", DecisionError, "there is no other"),
        ("c,y\n" + "1,2\n1,3\n" * 9, "y", DecisionError, "c is the same in every row"),
        ("", "y", DataInvalidError, "an empty file"),
    ],
)
def test_a_file_that_needs_a_decision_says_which(
    make: Maker, text: str, target: str, error: type[Exception], told: str
) -> None:
    with pytest.raises(error, match=told):
        make(text, target)
    assert not Path("flats").exists()


def test_a_name_that_cannot_be_one_is_refused(make: Maker) -> None:
    with pytest.raises(ProjectError, match="found `Flats!`, expected a name in lower case"):
        make(name="Flats!")


def test_a_parquet_file_and_no_file_are_refused(tmp_path: Path) -> None:
    pl.DataFrame({"x": [1, 2], "y": [1, 2]}).write_parquet(tmp_path / "a.parquet")
    with pytest.raises(DataInvalidError, match="a Parquet file, expected a CSV"):
        init(tmp_path / "a.parquet", "y")
    with pytest.raises(DataMissingError):
        init(tmp_path / "a.csv", "y")


CELL = st.one_of(
    st.sampled_from(["", "NA", "a", "b", "0", "1", "1.5", "2,5", "true", "2026-01-01", "x\ny"]),
    st.integers(-50, 50).map(str),
    st.floats(allow_nan=False).map(str),
    st.text(max_size=6),
)
NAMES = st.sampled_from(["a", "b c", "id", "", "rows", "class", "%", "größe", "no", 'q"'])


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[list[str]], str]:
    """A table of any cells, some of whose columns are of few values, and its separator."""
    width = draw(st.integers(1, 4))
    header = [*draw(st.lists(NAMES, min_size=width, max_size=width)), "y"]
    pools = [draw(st.lists(CELL, min_size=1, max_size=6)) for _ in header]
    rows = draw(
        st.lists(st.tuples(*(st.sampled_from(pool) for pool in pools)), min_size=10, max_size=40)
    )
    return [header, *map(list, rows)], draw(st.sampled_from(",;\t|"))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(tables())
def test_whatever_the_file_a_project_reads_it_or_a_decision_is_named(
    tmp_path_factory: pytest.TempPathFactory, table: tuple[list[list[str]], str]
) -> None:
    rows, separator = table
    folder = tmp_path_factory.mktemp("any")
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=separator, quoting=csv.QUOTE_ALL).writerows(rows)
    (folder / "any.csv").write_bytes(text.getvalue().encode("utf-8", "surrogatepass"))
    try:
        made = init(folder / "any.csv", "y", folder=folder / "made")
    except (DecisionError, DataInvalidError):
        assert [path.name for path in folder.iterdir()] == ["any.csv"]
    else:
        assert len(read(load(made.project.root)).y) == len(rows) - 1
