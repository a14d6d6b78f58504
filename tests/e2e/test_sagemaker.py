"""What SageMaker does to a container, done to `fairlead serve`: its contract, without Docker."""

from __future__ import annotations

import csv
import importlib.util
import io
import json
import os
import shutil
import signal
import socket
import subprocess
import sysconfig
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import pytest

from fairlead.bundle.reading import Bundle, load_bundle

pytestmark = pytest.mark.slow

FAIRLEAD = Path(sysconfig.get_path("scripts")) / "fairlead"
BUNDLES = Path(__file__).parents[1] / "unit" / "serving" / "conftest.py"
START_S = 240.0
"""What SageMaker gives a container until its first answer to a ping."""
PING_S = 2.0
STOP_S = 30.0
"""What a container gets between SIGTERM and SIGKILL."""
PATIENCE_S = 60.0
HEADERS = {
    "X-Amzn-SageMaker-Custom-Attributes": "trace-id=c000b4f9",
    "X-Amzn-SageMaker-Target-Variant": "blue",
    "X-Amzn-SageMaker-Something-New": "1",
}


class Container:
    """A process that was started as SageMaker starts a container."""

    def __init__(self, process: subprocess.Popen[str], port: int) -> None:
        self.process = process
        self.client = httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE_S)

    def wait_for_ping(self) -> None:
        """Ask every little while, as SageMaker does, until a ping is answered with 200."""
        until = time.monotonic() + START_S
        while self.ping() != 200:
            assert self.process.poll() is None
            assert time.monotonic() < until
            time.sleep(0.1)

    def ping(self) -> int:
        """Status of a ping, which has two seconds; 0 if nobody has answered by then."""
        try:
            answer = self.client.get("/ping", timeout=PING_S)
        except (httpx2.ConnectError, httpx2.ReadTimeout):
            return 0
        assert not answer.content.strip()
        return answer.status_code

    def invoke(self, content: bytes, kind: str, **headers: str) -> httpx2.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.post(
            "/invocations", content=content, headers={"Content-Type": kind, **HEADERS, **named}
        )

    def stop(self) -> int:
        """The exit code after SIGTERM."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOP_S)


def environment(**environ: str) -> dict[str, str]:
    """What a container sees: nothing of this machine's settings, and the platform's variables."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("FAIRLEAD_", "SAGEMAKER_", "MLFLOW_TRACKING"))
    }
    # A container listens everywhere; a test stays on this machine.
    platform = {"FAIRLEAD_HOST": "127.0.0.1", "SAGEMAKER_REGION": "eu-west-1"}
    return {**inherited, **platform, **environ}


@contextmanager
def running(folder: Path, **environ: str) -> Iterator[Container]:
    """`docker run IMAGE serve`, the image's entry point being `fairlead`."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    work = folder / "work"
    work.mkdir(exist_ok=True)
    process = subprocess.Popen(
        [FAIRLEAD, "serve"],
        cwd=work,
        env=environment(
            SAGEMAKER_BASE_DIR=str(folder), SAGEMAKER_BIND_TO_PORT=str(port), **environ
        ),
        stdout=subprocess.DEVNULL,
        text=True,
    )
    container = Container(process, port)
    try:
        container.wait_for_ping()
        yield container
    finally:
        container.client.close()
        process.kill()
        process.wait(PATIENCE_S)


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Bundle]:
    spec = importlib.util.spec_from_file_location("serving_bundles", BUNDLES)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    store = tmp_path_factory.mktemp("bundles")
    paths = (module.write_flowers(store), module.write_houses(store))
    return {bundle.name: bundle for bundle in map(load_bundle, paths)}


@pytest.fixture(scope="module")
def houses(bundles: dict[str, Bundle]) -> Bundle:
    return bundles["houses"]


@pytest.fixture(scope="module")
def ml(houses: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`/opt/ml`, into which SageMaker has unpacked the model's archive."""
    folder = tmp_path_factory.mktemp("ml")
    shutil.copytree(houses.path, folder / "model")
    return folder


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("log")


@pytest.fixture(scope="module")
def container(ml: Path, log: Path) -> Iterator[Container]:
    with running(ml, FAIRLEAD_PREDICTION_LOG=str(log)) as started:
        yield started


def csv_of(bundle: Bundle) -> bytes:
    """The golden rows as SageMaker's clients send them: without a header."""
    text = io.StringIO()
    writer = csv.writer(text)
    for record in bundle.golden()["records"]:
        writer.writerow([record[name] for name in bundle.contract.columns])
    return text.getvalue().encode()


def test_the_model_that_was_unpacked_is_served(container: Container) -> None:
    assert container.ping() == 200
    assert [one["modelName"] for one in container.client.get("/models").json()["models"]] == [
        "houses"
    ]


def test_json_is_answered_with_the_bits_of_the_bundle(container: Container, houses: Bundle) -> None:
    golden = houses.golden()
    body = json.dumps({"instances": golden["records"]}).encode()
    answer = container.invoke(body, "application/json", Accept="application/json")
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {"predictions": golden["prediction"]}


def test_csv_without_a_header_is_answered_in_csv(container: Container, houses: Bundle) -> None:
    answer = container.invoke(csv_of(houses), "text/csv", Accept="text/csv")
    assert answer.headers["content-type"] == "text/csv"
    assert [float(line) for line in answer.text.splitlines()] == houses.golden()["prediction"]


@pytest.mark.parametrize("accept", ["*/*", "application/json, text/csv"])
def test_csv_is_answered_in_json_unless_asked_otherwise(
    container: Container, houses: Bundle, accept: str
) -> None:
    answer = container.invoke(csv_of(houses), "text/csv; charset=utf-8", Accept=accept)
    assert answer.json() == {"predictions": houses.golden()["prediction"]}


def test_what_is_not_read_is_refused_and_the_container_stays_well(container: Container) -> None:
    assert container.invoke(b"\x93NUMPY", "application/x-npy").status_code == 415
    assert container.invoke(b"{", "application/json").status_code == 400
    assert container.ping() == 200


def test_pings_are_answered_in_time_while_much_is_scored(
    container: Container, houses: Bundle
) -> None:
    body = csv_of(houses) * (10_000 // len(houses.golden()["records"]))
    with ThreadPoolExecutor(4) as pool:
        answers = [pool.submit(container.invoke, body, "text/csv") for _ in range(8)]
        while not all(answer.done() for answer in answers):
            # Raises where a ping takes more than two seconds.
            assert container.ping() == 200
    assert {answer.result().status_code for answer in answers} == {200}


def test_the_inference_id_is_the_predictions_id_in_the_log(
    container: Container, houses: Bundle, log: Path
) -> None:
    answer = container.invoke(
        csv_of(houses).splitlines()[0], "text/csv", X_Amzn_SageMaker_Inference_Id="order-4711"
    )
    assert answer.headers["x-request-id"] == "order-4711"
    until = time.monotonic() + PATIENCE_S
    while "order-4711" not in logged(log):
        assert time.monotonic() < until
        time.sleep(0.05)


def logged(folder: Path) -> list[str]:
    """The ids of the predictions that are logged by now."""
    lines = [line for path in folder.rglob("*.jsonl") for line in path.read_text().splitlines()]
    return [json.loads(line).get("id", "") for line in lines if line.endswith("}")]


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_container_ends_well_within_its_time(ml: Path, workers: str) -> None:
    with running(ml, SAGEMAKER_MODEL_SERVER_WORKERS=workers) as container:
        assert container.stop() == 0


def test_an_archive_with_a_folder_around_the_bundle_is_told(houses: Bundle, tmp_path: Path) -> None:
    shutil.copytree(houses.path, tmp_path / "model" / "houses")
    work = tmp_path / "work"
    work.mkdir()
    done = subprocess.run(
        [FAIRLEAD, "serve"],
        cwd=work,
        env=environment(SAGEMAKER_BASE_DIR=str(tmp_path)),
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )
    assert done.returncode != 0
    assert "an archive has the bundle's files at its top, in no folder" in done.stderr


@pytest.fixture(scope="module")
def several(bundles: dict[str, Bundle], tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Name -> folder into which SageMaker has unpacked the archive of that model."""
    folder = tmp_path_factory.mktemp("ml")
    for name, bundle in bundles.items():
        shutil.copytree(bundle.path, folder / "models" / name / "model")
    return {name: str(folder / "models" / name / "model") for name in bundles}


def load(client: httpx2.Client, name: str, url: str) -> int:
    return client.post("/models", json={"model_name": name, "url": url}).status_code


def invoke(client: httpx2.Client, name: str, instances: Any) -> httpx2.Response:
    headers = {"X-Amzn-SageMaker-Target-Model": f"{name}.tar.gz", **HEADERS}
    body = {"instances": instances}
    return client.post(f"/models/{name}/invoke", json=body, headers=headers)


def test_a_container_of_several_models_begins_with_none(
    several: dict[str, str], bundles: dict[str, Bundle], tmp_path: Path
) -> None:
    rows = {"flowers": [[5.1, 3.5, 1.4, 0.2]], "houses": bundles["houses"].golden()["records"]}
    with running(tmp_path, SAGEMAKER_MULTI_MODEL="true") as container:
        client = container.client
        assert client.get("/models").json() == {"models": []}
        assert invoke(client, "flowers", rows["flowers"]).status_code == 404

        assert [load(client, name, url) for name, url in several.items()] == [200, 200]
        assert load(client, "flowers", several["flowers"]) == 409
        assert client.get("/models").json() == {
            "models": [{"modelName": name, "modelUrl": url} for name, url in several.items()]
        }
        url = several["houses"]
        assert client.get("/models/houses").json() == {"modelName": "houses", "modelUrl": url}
        told = {
            name: invoke(client, name, each).json()["predictions"] for name, each in rows.items()
        }
        assert told == {
            "flowers": bundles["flowers"].score(np.array(rows["flowers"])).prediction.tolist(),
            "houses": bundles["houses"].golden()["prediction"],
        }

        assert client.delete("/models/flowers").status_code == 200
        assert client.delete("/models/flowers").status_code == 404
        assert client.get("/models/flowers").status_code == 404
        assert invoke(client, "flowers", rows["flowers"]).status_code == 404
        assert invoke(client, "houses", rows["houses"]).status_code == 200
        assert load(client, "flowers", several["flowers"]) == 200
        assert load(client, "nothing", several["flowers"] + "/nothing") == 400

        assert [client.delete(f"/models/{name}").status_code for name in several] == [200, 200]
        assert container.ping() == 200
        assert container.stop() == 0


def test_a_model_answers_in_every_worker_once_it_is_loaded(
    several: dict[str, str], tmp_path: Path
) -> None:
    environ = {"SAGEMAKER_MULTI_MODEL": "true", "SAGEMAKER_MODEL_SERVER_WORKERS": "2"}
    with running(tmp_path, **environ) as container:
        for number in range(5):
            name = f"model{number}"
            assert load(container.client, name, several["flowers"]) == 200
            statuses = []
            for _ in range(8):
                # On a new connection, which any worker may take.
                with httpx2.Client(base_url=container.client.base_url, timeout=30) as client:
                    statuses.append(invoke(client, name, [[5.1, 3.5, 1.4, 0.2]]).status_code)
            assert statuses == [200] * 8
