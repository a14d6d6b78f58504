"""The servers: how each is started, and how it is asked."""

from __future__ import annotations

import sys
import sysconfig
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.serving.environments import PEERS, python_of
from benchmarks.serving.models import Model
from benchmarks.serving.questions import Rows, Shape

Command = Callable[[Model, int, Path], list[str]]
"""What starts a server, from the model, the port and a folder of its own."""
Variables = Callable[[Path], dict[str, str]]

FAIRLEAD = Path(sysconfig.get_path("scripts")) / "fairlead"
LOG = "predictions"
"""Folder of Fairlead's prediction log, in the server's own folder."""


@dataclass(frozen=True)
class Server:
    """One server in one mode.

    Attributes:
        title: its name in tables.
        role: `fairlead`, `peer` or `floor`.
        environment: whose Python runs it; None for the one that runs this.
        command: that starts it.
        shape: of its requests and answers.
        variables: environment variables of its own, from its folder.
    """

    title: str
    role: str
    environment: str | None
    command: Command
    shape: Shape
    variables: Variables = lambda _: {}


def _fairlead(model: Model, port: int, _: Path) -> list[str]:
    return [str(FAIRLEAD), "serve", str(model.bundle), "--port", str(port)]


def _fairlead_variables(folder: Path) -> dict[str, str]:
    return {"FAIRLEAD_WORKERS": "1", "FAIRLEAD_STATE": str(folder / "state")}


def _logging_variables(folder: Path) -> dict[str, str]:
    return _fairlead_variables(folder) | {"FAIRLEAD_PREDICTION_LOG": str(folder / LOG)}


def _mlflow(model: Model, port: int, _: Path) -> list[str]:
    command = [str(python_of("mlflow")), "-m", "mlflow", "models", "serve", "--workers", "1"]
    command += ["--model-uri", str(model.pipeline / "mlflow"), "--env-manager", "local"]
    return [*command, "--host", "127.0.0.1", "--port", str(port)]


def _bentoml(service: str) -> Command:
    def command(_: Model, port: int, folder: Path) -> list[str]:
        del folder
        run = [str(python_of("bentoml")), "-m", "bentoml", "serve", f"bentoml_service:{service}"]
        return [*run, "--working-dir", str(PEERS), "--host", "127.0.0.1", "--port", str(port)]

    return command


def _litserve(*mode: str) -> Command:
    def command(_: Model, port: int, folder: Path) -> list[str]:
        del folder
        return [str(python_of("litserve")), str(PEERS / "litserve_server.py"), str(port), *mode]

    return command


def _ray(_: Model, port: int, folder: Path) -> list[str]:
    return [str(python_of("ray")), str(PEERS / "ray_server.py"), str(port), str(folder)]


def _uvicorn(environment: str | None, app: str) -> Command:
    def command(_: Model, port: int, folder: Path) -> list[str]:
        del folder
        python = sys.executable if environment is None else str(python_of(environment))
        run = [python, "-m", "uvicorn", app, "--host", "127.0.0.1", "--port", str(port)]
        return [*run, "--loop", "uvloop", "--http", "httptools", "--no-access-log"]

    return command


def _split(rows: Rows) -> dict[str, Any]:
    names = list(rows[0])
    return {
        "dataframe_split": {
            "columns": names,
            "data": [[row[name] for name in names] for row in rows],
        }
    }


def _first(rows: Rows) -> Any:
    return rows[0]


def _named(name: str) -> Callable[[Rows], Any]:
    return lambda rows: {name: rows}


def _prediction(answer: Any) -> Any:
    return answer["prediction"] if "prediction" in answer else answer["predictions"]


NATIVE = Shape("/predict", _first, "/predict", _named("records"), _prediction)
ROWS = Shape("/predict", _named("rows"), "/predict", _named("rows"), _prediction)
BENTOML = Shape("/predict", _named("rows"), "/predict", _named("rows"), lambda answer: answer)
SPLIT = Shape("/invocations", _split, "/invocations", _split, _prediction)
TUTORIAL = Shape("/predict", _first, "/predict_batch", list, _prediction)
CONSTANT = Shape("/predict", _first, None, list, _prediction)

SERVERS = {
    "fairlead": Server("Fairlead", "fairlead", None, _fairlead, NATIVE, _logging_variables),
    "fairlead-no-log": Server(
        "Fairlead without its log", "fairlead", None, _fairlead, NATIVE, _fairlead_variables
    ),
    "fastapi": Server(
        "FastAPI + pandas", "peer", "fastapi", _uvicorn("fastapi", "fastapi_app:app"), TUTORIAL
    ),
    "mlflow": Server("MLflow", "peer", "mlflow", _mlflow, SPLIT),
    "bentoml": Server("BentoML", "peer", "bentoml", _bentoml("Plain"), BENTOML),
    "bentoml-batching": Server(
        "BentoML, batching", "peer", "bentoml", _bentoml("Batching"), BENTOML
    ),
    "litserve": Server("LitServe", "peer", "litserve", _litserve(), ROWS),
    "litserve-batching": Server("LitServe, batching", "peer", "litserve", _litserve("batch"), ROWS),
    "ray": Server("Ray Serve", "peer", "ray", _ray, ROWS),
    "floor-raw": Server(
        "constant, raw application", "floor", None, _uvicorn(None, "floors:raw"), CONSTANT
    ),
    "floor-fastapi": Server(
        "constant, FastAPI route", "floor", None, _uvicorn(None, "floors:route"), CONSTANT
    ),
}
