"""KServe's own client against a live worker, unchanged.

The client wants other versions of FastAPI and numpy than Fairlead, and a Kubernetes client: it
has an environment of its own, `.venv-kserve`, or the one that `KSERVE_PYTHON` names.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fairlead.bundle.reading import Bundle, load_bundle

ROOT = Path(__file__).resolve().parents[2]
KSERVE_PYTHON = Path(os.environ.get("KSERVE_PYTHON", ROOT / ".venv-kserve" / "bin" / "python"))
BUNDLES = ROOT / "tests" / "unit" / "serving" / "conftest.py"
CALLS = Path(__file__).with_name("kserve_calls.py")
X = np.array([[5.1, 3.5, 1.4, 0.2], [6.7, 3.0, 5.2, 2.3], [5.9, 3.0, 4.2, 1.5]])
PATIENCE_S = 60

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not KSERVE_PYTHON.exists(), reason="no KServe client: `make kserve-client`"),
]


@pytest.fixture(scope="module")
def flowers(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    spec = importlib.util.spec_from_file_location("serving_bundles", BUNDLES)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return load_bundle(module.write_flowers(tmp_path_factory.mktemp("bundles")))


@pytest.fixture(scope="module")
def url(flowers: Bundle) -> Iterator[str]:
    command = [sys.executable, "-m", "fairlead.serving.worker", "--bundle", str(flowers.path)]
    with subprocess.Popen(
        [*command, "--port", "0"], stdout=subprocess.PIPE, text=True, bufsize=1
    ) as process:
        assert process.stdout is not None
        events = (json.loads(line) for line in process.stdout)
        yield next(str(event["url"]) for event in events if event["event"] == "ready")
        process.kill()


@pytest.fixture(scope="module")
def understood(url: str) -> dict[str, Any]:
    done = subprocess.run(
        [str(KSERVE_PYTHON), str(CALLS), url, json.dumps(X.tolist())],
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
