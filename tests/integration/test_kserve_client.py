"""KServe's own client against a live worker, unchanged.

The client wants other versions of FastAPI and numpy than Fairlead, and a Kubernetes client: it
has an environment of its own, `.venv-kserve`, which `make kserve-client` builds.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fairlead.bundle.reading import Bundle, load_bundle

ROOT = Path(__file__).resolve().parents[2]
KSERVE_PYTHON = ROOT / ".venv-kserve" / "bin" / "python"
BUNDLES = ROOT / "tests" / "unit" / "serving" / "conftest.py"
CALLS = Path(__file__).with_name("kserve_calls.py")
X = np.array([[5.1, 3.5, 1.4, 0.2], [6.7, 3.0, 5.2, 2.3], [5.9, 3.0, 4.2, 1.5]])
PATIENCE_S = 60

# Whole numbers have no missing value in bytes: `rooms` goes as numbers.
DATATYPES = {
    "age": "INT64",
    "rooms": "FP64",
    "income": "FP64",
    "distance": "FP64",
    "ocean": "BYTES",
    "agent": "BYTES",
    "garden": "BOOL",
    "sold": "BYTES",
}

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Bundle]:
    spec = importlib.util.spec_from_file_location("serving_bundles", BUNDLES)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    store = tmp_path_factory.mktemp("bundles")
    return {
        "flowers": load_bundle(module.write_flowers(store)),
        "houses": load_bundle(module.write_houses(store)),
    }


@pytest.fixture(scope="module")
def flowers(bundles: dict[str, Bundle]) -> Bundle:
    return bundles["flowers"]


@pytest.fixture(scope="module")
def url(bundles: dict[str, Bundle]) -> Iterator[str]:
    command = [sys.executable, "-m", "fairlead.serving.worker"]
    for bundle in bundles.values():
        command += ["--bundle", str(bundle.path)]
    with subprocess.Popen(
        [*command, "--port", "0"], stdout=subprocess.PIPE, text=True, bufsize=1
    ) as process:
        assert process.stdout is not None
        events = (json.loads(line) for line in process.stdout)
        yield next(str(event["url"]) for event in events if event["event"] == "ready")
        process.kill()


@pytest.fixture(scope="module")
def understood(url: str, bundles: dict[str, Bundle]) -> dict[str, Any]:
    if not KSERVE_PYTHON.exists():
        pytest.fail(f"{KSERVE_PYTHON} does not exist: run `make kserve-client`")
    records = bundles["houses"].golden()["records"]
    columns = [
        {"name": name, "datatype": datatype, "data": [record[name] for record in records]}
        for name, datatype in DATATYPES.items()
    ]
    done = subprocess.run(
        [str(KSERVE_PYTHON), str(CALLS)],
        input=json.dumps({"url": url, "X": X.tolist(), "columns": columns}),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    document: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return document


def test_the_client_finds_server_and_model_ready(understood: dict[str, Any]) -> None:
    assert understood["health"] == [True, True, True, False]


@pytest.mark.parametrize("way", ["json", "bytes", "answered in bytes"])
def test_the_client_gets_the_bits_of_the_bundle(
    understood: dict[str, Any], flowers: Bundle, way: str
) -> None:
    scores = flowers.score(X)
    assert scores.probabilities is not None
    assert understood[way] == {
        "id": "42",
        "outputs": {
            "predict": scores.prediction.tolist(),
            "predict_proba": scores.probabilities.tolist(),
        },
    }


@pytest.mark.parametrize("way", ["columns", "columns in bytes"])
def test_the_client_may_send_an_input_for_each_column(
    understood: dict[str, Any], flowers: Bundle, way: str
) -> None:
    scores = flowers.score(X.astype(np.float32).astype(np.float64))
    assert scores.probabilities is not None
    assert understood[way]["outputs"]["predict_proba"] == scores.probabilities.tolist()


def test_the_client_gets_the_output_that_it_asks_for(understood: dict[str, Any]) -> None:
    assert list(understood["one output"]["outputs"]) == ["predict_proba"]


def test_the_client_tells_why_it_was_refused(understood: dict[str, Any]) -> None:
    assert "row 0, sepal_length: Input should be less than or equal to 10" in understood["refusal"]


def test_the_client_speaks_the_protocol_v1(understood: dict[str, Any], flowers: Bundle) -> None:
    assert understood["v1"] == flowers.score(X).prediction.tolist()
    assert understood["v1 ready"]


@pytest.mark.parametrize("way", ["json", "bytes"])
def test_the_client_sends_columns_of_every_type_and_missing_values(
    understood: dict[str, Any], bundles: dict[str, Bundle], way: str
) -> None:
    houses = bundles["houses"]
    records = houses.golden()["records"]
    assert None in {record["rooms"] for record in records}
    assert understood["houses"][way] == houses.predict(records).tolist()
