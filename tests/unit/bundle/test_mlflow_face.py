"""The files that make a bundle an MLflow model folder."""

from __future__ import annotations

import json
import re
from pathlib import Path

import yaml

from fairlead.bundle.mlflow_face import write_mlflow_face
from fairlead.data import encoding
from fairlead.data.contract import Contract
from fairlead.project.columns import ColumnSpec, TargetSpec
from fairlead.testing.registry import SAMPLE_CONTRACT, contents

EXAMPLE = [{"length": 1.5, "count": None, "colour": "red"}]


def written(folder: Path) -> dict[str, bytes]:
    folder.mkdir()
    write_mlflow_face(folder, SAMPLE_CONTRACT, EXAMPLE)
    return contents(folder)


def test_the_same_contract_gives_the_same_bytes(tmp_path: Path) -> None:
    assert written(tmp_path / "a") == written(tmp_path / "b")


def test_no_file_names_a_path_of_this_machine_or_a_time(tmp_path: Path) -> None:
    text = b"".join(
        content for name, content in written(tmp_path / "a").items() if not name.endswith(".py")
    ).decode()
    assert str(tmp_path) not in text
    assert not re.search(r"20\d\d-\d\d-\d\d", text)


def test_the_loader_lies_beside_a_verbatim_copy_of_the_encoding(tmp_path: Path) -> None:
    files = written(tmp_path / "a")
    loader = yaml.safe_load(files["MLmodel"])["flavors"]["python_function"]["loader_module"]
    assert files[f"code/{loader}/encoding.py"] == Path(encoding.__file__).read_bytes()


def test_the_loader_imports_nothing_of_fairlead(tmp_path: Path) -> None:
    code = [content for name, content in written(tmp_path / "a").items() if name.endswith(".py")]
    assert len(code) == 2
    assert not re.search(rb"^\s*(from|import) fairlead", b"\n".join(code), re.MULTILINE)


def test_requirements_are_exact_versions(tmp_path: Path) -> None:
    lines = written(tmp_path / "a")["requirements.txt"].decode().splitlines()
    assert [line.partition("==")[0] for line in lines] == [
        "mlflow-skinny",
        "numpy",
        "onnxruntime",
        "pandas",
    ]


def test_the_signature_names_every_column_and_which_may_be_left_out(tmp_path: Path) -> None:
    signature = yaml.safe_load(written(tmp_path / "a")["MLmodel"])["signature"]
    inputs = json.loads(signature["inputs"])
    assert [(column["name"], column["required"]) for column in inputs] == [
        ("length", True),
        ("count", False),
        ("colour", True),
    ]
    assert json.loads(signature["outputs"])[0]["type"] == "string"


def test_a_regression_predicts_doubles_and_has_no_probabilities(tmp_path: Path) -> None:
    contract = Contract("regression", {"x": ColumnSpec(type="number")}, TargetSpec(name="y"))
    write_mlflow_face(tmp_path, contract, [{"x": 1.0}])
    signature = yaml.safe_load((tmp_path / "MLmodel").read_text())["signature"]
    assert json.loads(signature["outputs"])[0]["type"] == "double"
    assert "params" not in signature
