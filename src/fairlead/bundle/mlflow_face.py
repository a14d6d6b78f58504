"""What makes a bundle a valid MLflow model folder: the same bytes for the same model."""

from __future__ import annotations

import json
import platform
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import yaml

from fairlead.bundle.manifest import digest, to_json
from fairlead.data import encoding
from fairlead.data.contract import Contract

LOADER = Path(__file__).with_name("mlflow_loader.py")
REQUIREMENTS = {
    "mlflow-skinny": ">=3.10,<3.18",
    "numpy": ">=2.1",
    "onnxruntime": ">=1.23",
    "pandas": ">=2.2,<3",
}
"""What loading a bundle takes, and the versions allowed where none is installed here."""


def write_mlflow_face(folder: Path, contract: Contract, example: Sequence[dict[str, Any]]) -> None:
    """Write `MLmodel`, the loader, the requirements and an input example into a bundle.

    Args:
        folder: the bundle that is being built; its digests are taken afterwards.
        contract: the columns, the target and the classes.
        example: at least one record that keeps the contract.
    """
    loader = _write_loader(folder)
    columns = list(contract.columns)
    split = {"columns": columns, "data": [[row.get(name) for name in columns] for row in example]}
    (folder / "input_example.json").write_bytes(to_json(split))
    (folder / "serving_input_example.json").write_bytes(to_json({"dataframe_split": split}))
    (folder / "requirements.txt").write_text(
        "".join(f"{name}{_version(name)}\n" for name in REQUIREMENTS)
    )
    environment = {
        "python": platform.python_version(),
        "build_dependencies": ["pip"],
        "dependencies": ["-r requirements.txt"],
    }
    (folder / "python_env.yaml").write_text(yaml.safe_dump(environment, sort_keys=False))
    (folder / "MLmodel").write_text(
        yaml.safe_dump(_mlmodel(contract, loader), sort_keys=False, width=10_000)
    )


def _write_loader(folder: Path) -> str:
    """Put the loader into `code` and return its module name.

    The name holds a digest of the code: Python loads a module name once per process, and models
    of different Fairlead versions may be loaded side by side.
    """
    source = LOADER.read_text(encoding="utf-8")
    source = source.replace("from fairlead.data.encoding import", "from .encoding import")
    rules = Path(encoding.__file__).read_text(encoding="utf-8")
    name = f"fairlead_pyfunc_{digest((source + rules).encode())[:12]}"
    package = folder / "code" / name
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(source, encoding="utf-8")
    (package / "encoding.py").write_text(rules, encoding="utf-8")
    return name


def _mlmodel(contract: Contract, loader: str) -> dict[str, Any]:
    document: dict[str, Any] = {
        "flavors": {
            "python_function": {
                "loader_module": loader,
                "code": "code",
                "env": {"virtualenv": "python_env.yaml"},
                "python_version": platform.python_version(),
            }
        },
        "saved_input_example_info": {
            "artifact_path": "input_example.json",
            "serving_input_path": "serving_input_example.json",
            "type": "dataframe",
            "pandas_orient": "split",
        },
        "signature": _signature(contract),
    }
    if (installed := _version("mlflow-skinny")).startswith("=="):
        document["mlflow_version"] = installed.removeprefix("==")
    return document


def _signature(contract: Contract) -> dict[str, str]:
    # `any`, because MLflow's own types refuse an int64 for a double and any nullable integer
    # (mlflow 3.17); the loader enforces the contract itself.
    inputs = [
        {"type": "any", "name": name, "required": not column.nullable}
        for name, column in contract.columns.items()
    ]
    kind = "string" if contract.task == "classification" else "double"
    signature: dict[str, list[dict[str, Any]]] = {
        "inputs": inputs,
        "outputs": [{"type": kind, "required": True}],
    }
    if contract.task == "classification":
        signature["params"] = [
            {"name": "probabilities", "type": "boolean", "default": False, "shape": None}
        ]
    return {part: json.dumps(columns) for part, columns in signature.items()}


def _version(package: str) -> str:
    try:
        return f"=={version(package)}"
    except PackageNotFoundError:
        return REQUIREMENTS[package]
