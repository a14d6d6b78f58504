from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from fairlead.bundle.reading import Bundle, load_bundle
from fairlead.errors import ContractError, DataInvalidError
from fairlead.workflows import predict as batch
from fairlead.workflows.load import load
from fairlead.workflows.predict import predict
from fairlead.workflows.train import build

SPEC = """
name: fruit
task: classification
data:
  path: fruit.csv
  target: {name: kind, classes: [apple, pear]}
  columns:
    weight: {type: number, min: 0}
    farm: {type: integer, role: ignore}
  split: {kind: none}
candidates:
  tree: {family: decision_tree, max_depth: 2}
evaluation: {metric: accuracy, cv: {kind: stratified, folds: 2}}
"""
ROWS = "weight,farm,kind\n" + "\n".join(
    f"{n},{n % 3},{'apple' if n < 10 else 'pear'}" for n in range(20)
)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    root = tmp_path_factory.mktemp("fruit")
    (root / "fruit.csv").write_text(ROWS)
    (root / "fairlead.yaml").write_text(SPEC)
    return load_bundle(build(load(root), "tree", jobs=1))


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_rows_come_back_in_their_order_with_what_is_predicted(
    bundle: Bundle, tmp_path: Path, ending: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch, "CHUNK_ROWS", 3)
    rows, to = tmp_path / "rows.csv", tmp_path / f"said.{ending}"
    rows.write_text("note,weight\na,1\nb,15\nc,2\nd,16\ne,3\n")
    assert predict(bundle, rows, to) == 5
    said = pl.read_csv(to) if ending == "csv" else pl.read_parquet(to)
    assert said.columns == ["weight", "note", "prediction", "P(apple)", "P(pear)"]
    assert said["note"].to_list() == list("abcde")
    assert said["prediction"].to_list() == ["apple", "pear", "apple", "pear", "apple"]


def test_a_wrong_row_refuses_the_file_and_writes_nothing(bundle: Bundle, tmp_path: Path) -> None:
    rows, to = tmp_path / "rows.csv", tmp_path / "said.csv"
    rows.write_text("weight\n1\nheavy\n-3\n")
    with pytest.raises(ContractError, match="row 2"):
        predict(bundle, rows, to)
    assert not to.exists()


def test_a_column_that_would_be_overwritten_is_told(bundle: Bundle, tmp_path: Path) -> None:
    rows = tmp_path / "rows.csv"
    rows.write_text("weight,prediction\n1,2\n")
    with pytest.raises(DataInvalidError, match="a column prediction"):
        predict(bundle, rows, tmp_path / "said.csv")
    with pytest.raises(DataInvalidError, match=r"said\.txt"):
        predict(bundle, rows, tmp_path / "said.txt")
