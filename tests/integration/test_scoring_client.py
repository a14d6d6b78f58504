"""MLflow's own scoring clients speak to live workers as to MLflow's servers."""

from __future__ import annotations

import importlib
import importlib.util
import io
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import httpx2
import numpy as np
import pandas as pd
import pytest
from mlflow.models import convert_input_example_to_serving_input
from mlflow.models import predict as mlflow_predict
from mlflow.pyfunc.scoring_server.client import ScoringServerClient

from fairlead.bundle.reading import Bundle, load_bundle
from fairlead.testing.registry import sample_bundle

PATIENCE_S = 30
BUNDLES = Path(__file__).parents[1] / "unit" / "serving" / "conftest.py"


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Bundle]:
    spec = importlib.util.spec_from_file_location("serving_bundles", BUNDLES)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    store = tmp_path_factory.mktemp("bundles")
    paths = (sample_bundle(store), module.write_flowers(store), module.write_houses(store))
    return {bundle.name: bundle for bundle in map(load_bundle, paths)}


@pytest.fixture(scope="module")
def clients(bundles: dict[str, Bundle]) -> Iterator[dict[str, ScoringServerClient]]:
    """A client of each bundle's own worker."""
    workers: dict[str, subprocess.Popen[str]] = {}
    found = {}
    try:
        for name, bundle in bundles.items():
            command = [sys.executable, "-m", "fairlead.serving.worker", "--bundle", bundle.path]
            workers[name] = subprocess.Popen(
                [*command, "--port", "0"], stdout=subprocess.PIPE, text=True
            )
        for name, worker in workers.items():
            assert worker.stdout is not None
            events = map(json.loads, worker.stdout)
            url = next(event["url"] for event in events if event["event"] == "ready")
            found[name] = ScoringServerClient("127.0.0.1", url.rpartition(":")[2])
        yield found
    finally:
        for worker in workers.values():
            worker.terminate()
        for worker in workers.values():
            worker.communicate(timeout=PATIENCE_S)


@pytest.fixture
def client(clients: dict[str, ScoringServerClient]) -> ScoringServerClient:
    return clients["sample"]


@pytest.fixture
def bundle(bundles: dict[str, Bundle]) -> Bundle:
    return bundles["sample"]


@pytest.fixture
def houses(bundles: dict[str, Bundle]) -> Bundle:
    return bundles["houses"]


@pytest.fixture
def frame(houses: Bundle) -> pd.DataFrame:
    """Rows with columns of every type, some values missing, as pandas reads them."""
    return pd.DataFrame(houses.golden()["records"], columns=list(houses.contract.columns))


def test_it_finds_the_server_ready(client: ScoringServerClient) -> None:
    # Raises where the server does not answer as MLflow's does.
    client.wait_server_ready(timeout=PATIENCE_S)
    client.ping()
    assert client.get_version()


def test_a_frame_is_answered_with_the_predictions_of_the_bundle(
    client: ScoringServerClient, bundle: Bundle
) -> None:
    frame = pd.DataFrame(bundle.golden()["records"])
    told = client.invoke(frame).get_predictions()
    assert told.iloc[:, 0].tolist() == bundle.predict(frame).tolist()


def test_a_refusal_reaches_the_caller_and_names_the_column(
    client: ScoringServerClient, bundle: Bundle
) -> None:
    frame = pd.DataFrame(bundle.golden()["records"][:1])
    column = frame.columns[0]
    with pytest.raises(Exception, match=column):
        client.invoke(frame.drop(columns=[column]))


def plain(frame: pd.DataFrame) -> pd.DataFrame:
    return frame


def with_objects(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.astype(object).where(frame.notna(), None)


def with_types_of_pandas(frame: pd.DataFrame) -> pd.DataFrame:
    times = pd.to_datetime(frame["sold"])
    return frame.assign(
        sold=times, ocean=frame["ocean"].astype("category"), age=frame["age"].astype("Int64")
    )


def with_other_columns(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(note="NaT", weight=np.nan)[[*reversed(frame.columns), "note", "weight"]]


def with_an_index(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.set_index(pd.Index([f"house {row}" for row in range(len(frame))]))


@pytest.mark.parametrize(
    "change", [plain, with_objects, with_types_of_pandas, with_other_columns, with_an_index]
)
def test_missing_values_reach_the_model_as_missing(
    clients: dict[str, ScoringServerClient], houses: Bundle, frame: pd.DataFrame, change: Any
) -> None:
    assert frame["rooms"].isna().any()
    told = clients["houses"].invoke(change(frame)).get_predictions("ndarray")
    assert told.tolist() == houses.golden()["prediction"]


def test_a_missing_time_reaches_the_model_as_missing(
    clients: dict[str, ScoringServerClient], houses: Bundle, frame: pd.DataFrame
) -> None:
    never = frame.assign(sold=pd.Series(pd.NaT, frame.index))
    told = clients["houses"].invoke(never).get_predictions("ndarray")
    records = [record | {"sold": None} for record in houses.golden()["records"]]
    assert told.tolist() == houses.predict(records).tolist()


def test_a_null_that_the_contract_forbids_is_refused(
    clients: dict[str, ScoringServerClient], frame: pd.DataFrame
) -> None:
    with pytest.raises(Exception, match="row 0, column income: Input should be a valid number"):
        clients["houses"].invoke(frame.assign(income=np.nan))


@pytest.mark.parametrize("kind", [np.array, list])
def test_an_array_and_a_list_are_answered(
    clients: dict[str, ScoringServerClient], bundles: dict[str, Bundle], kind: Any
) -> None:
    X = [[5.1, 3.5, 1.4, 0.2], [7.7, 2.6, 6.9, 2.3]]
    told = clients["flowers"].invoke(kind(X)).get_predictions()
    assert told.iloc[:, 0].tolist() == bundles["flowers"].score(np.array(X)).prediction.tolist()


def test_a_parameter_asks_for_probabilities(
    clients: dict[str, ScoringServerClient], bundles: dict[str, Bundle]
) -> None:
    X = np.array([[5.1, 3.5, 1.4, 0.2]])
    told = clients["flowers"].invoke(X, params={"probabilities": True}).get_predictions()
    probabilities = bundles["flowers"].score(X).probabilities
    assert probabilities is not None
    assert list(told.columns) == list(bundles["flowers"].contract.classes)
    assert told.to_numpy().tolist() == probabilities.tolist()


def test_what_mlflow_makes_of_an_input_example_is_answered(
    clients: dict[str, ScoringServerClient], houses: Bundle, frame: pd.DataFrame
) -> None:
    body = convert_input_example_to_serving_input(frame)
    told = clients["houses"].invoke(body).get_predictions("ndarray")
    assert told.tolist() == houses.golden()["prediction"]


@pytest.mark.parametrize("index", [False, True])
def test_csv_as_pandas_writes_it_is_answered(
    clients: dict[str, ScoringServerClient], houses: Bundle, frame: pd.DataFrame, index: bool
) -> None:
    # What `curl --data-binary @file.csv` sends to MLflow's server.
    found = httpx2.post(
        f"{clients['houses'].url_prefix}/invocations",
        content=frame.to_csv(index=index).encode(),
        headers={"Content-Type": "text/csv"},
    )
    assert found.json() == {"predictions": houses.golden()["prediction"]}


@pytest.mark.slow
def test_mlflow_predicts_what_the_service_answers(
    client: ScoringServerClient, bundle: Bundle, tmp_path: Path
) -> None:
    frame = pd.DataFrame(bundle.golden()["records"])
    # As `mlflow models predict` does.
    mlflow_predict(
        str(bundle.path),
        input_data=frame,
        env_manager="local",
        output_path=str(tmp_path / "out.json"),
    )
    told = client.invoke(frame)
    assert dict(told) == json.loads((tmp_path / "out.json").read_text("utf-8"))


def test_the_deployment_client_for_sagemaker_is_answered(
    monkeypatch: pytest.MonkeyPatch,
    clients: dict[str, ScoringServerClient],
    houses: Bundle,
    frame: pd.DataFrame,
) -> None:
    def invoke_endpoint(EndpointName: str, Body: str, ContentType: str) -> dict[str, Any]:
        # SageMaker sends to the container what it was sent.
        url = f"{clients['houses'].url_prefix}/invocations"
        found = httpx2.post(url, content=Body.encode(), headers={"Content-Type": ContentType})
        return {"Body": io.BytesIO(found.content)}

    boto3: Any = ModuleType("boto3")
    boto3.client = lambda *_, **__: SimpleNamespace(invoke_endpoint=invoke_endpoint)
    monkeypatch.setitem(sys.modules, "boto3", boto3)
    get_deploy_client = importlib.import_module("mlflow.deployments").get_deploy_client
    told = get_deploy_client("sagemaker:/eu-west-1").predict("houses", frame)
    assert told.get_predictions("ndarray").tolist() == houses.golden()["prediction"]
