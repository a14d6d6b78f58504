"""Two small bundles: a classifier of flowers, a regression with every type and policy."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from numpy.typing import NDArray
from onnx import TensorProto

from fairlead.bundle.golden import golden_matrix, to_document
from fairlead.bundle.manifest import CONFORMAL, FORMAT, GOLDEN, GRAPH, to_json
from fairlead.bundle.reading import Bundle, conformal_scores, load_bundle, scores
from fairlead.bundle.writing import write_bundle
from fairlead.data.contract import Contract
from fairlead.graph.builder import Graph, serialize
from fairlead.graph.runtime import Session
from fairlead.project.columns import ColumnSpec, TargetSpec
from fairlead.serving.logs import LineWriter
from fairlead.serving.records import label_of
from fairlead.serving.table import Route, Served, Table, TableFile, Version
from fairlead.serving.worker import TABLE, make_gateway, with_cors
from fairlead.settings import Settings
from fairlead.training.conformal import Sets

FLOWERS = Contract(
    task="classification",
    columns={
        "sepal_length": ColumnSpec(type="number", min=0, max=10, unit="cm"),
        "sepal_width": ColumnSpec(type="number", min=0, max=10, unit="cm"),
        "petal_length": ColumnSpec(type="number", min=0, max=10, unit="cm"),
        "petal_width": ColumnSpec(type="number", min=0, max=10, unit="cm"),
    },
    target=TargetSpec(name="species"),
    classes=("setosa", "versicolor", "virginica"),
)
HOUSES = Contract(
    task="regression",
    columns={
        "age": ColumnSpec(type="integer", min=0, max=52),
        "rooms": ColumnSpec(type="integer", nullable=True, description="Rooms in all."),
        "income": ColumnSpec(type="number", min=0, max=15, outliers="clip", unit="10,000 USD"),
        "distance": ColumnSpec(type="number", min=-2.5, outliers="flag"),
        "ocean": ColumnSpec(type="category", values=("<1H OCEAN", "INLAND", "NEAR BAY")),
        "agent": ColumnSpec(type="category", values=("café", "web"), unknown="flag", nullable=True),
        "garden": ColumnSpec(type="boolean"),
        "sold": ColumnSpec(type="datetime", nullable=True),
    },
    target=TargetSpec(name="price", unit="USD"),
)


def flowers_matrix() -> NDArray[np.float64]:
    """Rows like iris, encoded."""
    rng = np.random.default_rng(42)
    return np.round(rng.uniform(0.1, 7.9, (60, 4)), 1)


def houses_matrix() -> NDArray[np.float64]:
    """Rows of houses, encoded, some values missing."""
    rng = np.random.default_rng(42)
    rows = 60
    X = np.column_stack(
        [
            rng.integers(0, 53, rows),
            rng.integers(1, 3000, rows),
            np.round(rng.uniform(0.5, 15, rows), 4),
            np.round(rng.normal(size=rows), 3),
            rng.integers(0, 3, rows),
            rng.integers(-1, 2, rows),
            rng.integers(0, 2, rows),
            rng.integers(10**9, 2 * 10**9, rows),
        ]
    ).astype(np.float64)
    X[::5, 1] = np.nan
    return X


def write_flowers(store: Path) -> Path:
    """Write the bundle of a softmax over the four columns."""
    graph = Graph(4)
    weights = np.array([[0.3, 0.1, -0.4], [0.9, -0.2, -0.7], [-1.3, 0.2, 1.1], [-0.8, -0.1, 0.9]])
    logits = graph.op("MatMul", graph.X, graph.constant(weights))
    probabilities = graph.op("Softmax", logits, axis=1)
    code = graph.op("ArgMax", probabilities, axis=1, keepdims=1)
    model = graph.model(
        {
            "prediction": (code, TensorProto.INT64, 1),
            "probabilities": (probabilities, TensorProto.DOUBLE, 3),
        }
    )
    return _write(store, "flowers", FLOWERS, serialize(model), flowers_matrix())


def write_houses(store: Path) -> Path:
    """Write the bundle of a linear model that takes a missing value as -7."""
    graph = Graph(8)
    missing = graph.op("IsNaN", graph.X)
    filled = graph.op("Where", missing, graph.constant(np.float64(-7.0)), graph.X)
    weights = np.array([[-0.1], [0.37], [41.7], [1 / 3], [7.1], [0.7], [11.3], [1e-6]])
    price = graph.op("MatMul", filled, graph.constant(weights))
    model = graph.model({"prediction": (price, TensorProto.DOUBLE, 1)})
    return _write(store, "houses", HOUSES, serialize(model), houses_matrix())


def write_sure(store: Path, bundle: Bundle) -> Path:
    """Write a bundle once more, with sets of classes, or with intervals of +/- 1.5."""
    contract = bundle.contract
    if contract.classes:
        said = Sets(0.9, np.array([0.6, 0.7, 0.8])).compile()
    else:
        width = len(contract.columns) + 1
        graph = Graph(width)
        prediction = graph.column(graph.X, width - 1)
        ends = graph.op("Add", prediction, graph.constant(np.array([-1.5, 1.5])))
        said = graph.model({"interval": (ends, TensorProto.DOUBLE, 2)})
    X = flowers_matrix() if contract.classes else houses_matrix()
    model = (bundle.path / GRAPH).read_bytes()
    return _write(store, bundle.name, contract, model, X, serialize(said))


def _write(
    store: Path,
    name: str,
    contract: Contract,
    model: bytes,
    X: NDArray[np.float64],
    conformal: bytes | None = None,
) -> Path:
    rows, classes = golden_matrix(contract, X, 42), np.array(contract.classes, object)
    expected, said, more = scores(Session(model), rows, classes), None, {}
    if conformal is not None:
        more = {CONFORMAL: conformal}
        _, said = conformal_scores(Session(model), Session(conformal), rows, classes)
    manifest: dict[str, Any] = {
        "format": FORMAT,
        "name": name,
        "candidate": "linear",
        "family": "linear",
        "parameters": {"alpha": 1.0},
        "contract": contract.to_json(),
        "metrics": {},
        "provenance": {"seed": 42},
        "parity": {},
        **({"coverage": {"target": 0.9}} if more else {}),
    }
    golden = to_json(to_document(contract, rows, expected, said))
    return write_bundle(store, manifest, {GRAPH: model, GOLDEN: golden, **more})


@pytest.fixture(scope="session")
def flowers(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """The classifier."""
    return load_bundle(write_flowers(tmp_path_factory.mktemp("flowers")))


@pytest.fixture(scope="session")
def houses(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """The regression."""
    return load_bundle(write_houses(tmp_path_factory.mktemp("houses")))


@pytest.fixture(scope="session")
def sure_flowers(flowers: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """The classifier, with sets of classes."""
    return load_bundle(write_sure(tmp_path_factory.mktemp("sure"), flowers))


@pytest.fixture(scope="session")
def sure_houses(houses: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """The regression, with intervals."""
    return load_bundle(write_sure(tmp_path_factory.mktemp("sure"), houses))


@pytest.fixture
def settings() -> Settings:
    """Small bounds, one origin for browsers."""
    return Settings(max_body_bytes=200_000, cors_origins=("https://app.example",))


class Client(TestClient):
    """Speaks to a gateway without a server between them."""

    def __init__(self, state: Path, settings: Settings) -> None:
        self._log = (state / "log.jsonl").open("w+b")
        self._writer = LineWriter(self._log.fileno())
        self.gateway, loader = make_gateway(state, settings, self._writer)
        asyncio.run(loader.follow())
        self.service = self.gateway.service
        super().__init__(with_cors(self.gateway, settings), raise_server_exceptions=False)

    def end(self) -> None:
        """Leave nothing open."""
        self.gateway.close()
        if self.service.shadow is not None:
            self.service.shadow.close()
        if self.service.log is not None:
            self.service.log.close()
        if self.service.labels is not None:
            self.service.labels.close()
        self._writer.close()
        self._log.close()

    def logged(self) -> list[dict[str, Any]]:
        """The lines of the log so far; there will be no more."""
        self.gateway.flush()
        self._writer.close()
        self._log.seek(0)
        return [json.loads(line) for line in self._log]


@pytest.fixture
def client_of(tmp_path: Path, settings: Settings) -> Iterator[Callable[..., Client]]:
    """Makes clients of services with the routing tables that are given."""
    made: list[Client] = []

    def make(table: Table, settings: Settings = settings) -> Client:
        state = tmp_path / f"state{len(made)}"
        TableFile(state / TABLE).edit(lambda _: table)
        made.append(Client(state, settings))
        return made[-1]

    yield make
    for client in made:
        client.end()


def _served(bundle: Bundle, number: int | None = None, route: str = "champion") -> Served:
    label = label_of(number, bundle.digest)
    return Served({label: Version(str(bundle.path), bundle.digest, number)}, {route: Route(label)})


@pytest.fixture
def served() -> Callable[..., Served]:
    """Makes the entry of one version of a bundle that answers everything."""
    return _served


@pytest.fixture
def flowers_client(flowers: Bundle, client_of: Callable[..., Client]) -> Client:
    """Speaks to a service of version 3 of the classifier."""
    return client_of(Table({"flowers": _served(flowers, 3)}, "flowers"))


@pytest.fixture
def houses_client(houses: Bundle, client_of: Callable[..., Client]) -> Client:
    """Speaks to a service of the regression, which has no version."""
    return client_of(Table({"houses": _served(houses)}, "houses"))
