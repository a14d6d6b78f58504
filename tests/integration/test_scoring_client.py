"""MLflow's own scoring client speaks to a live worker as to MLflow's server."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator

import pandas as pd
import pytest
from mlflow.pyfunc.scoring_server.client import ScoringServerClient

from fairlead.bundle.reading import Bundle, load_bundle
from fairlead.testing.registry import sample_bundle

PATIENCE_S = 30


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return load_bundle(sample_bundle(tmp_path_factory.mktemp("bundles")))


@pytest.fixture(scope="module")
def client(bundle: Bundle) -> Iterator[ScoringServerClient]:
    command = [sys.executable, "-m", "fairlead.serving.worker", "--bundle", str(bundle.path)]
    with subprocess.Popen([*command, "--port", "0"], stdout=subprocess.PIPE, text=True) as worker:
        assert worker.stdout is not None
        events = map(json.loads, worker.stdout)
        url = next(event["url"] for event in events if event["event"] == "ready")
        yield ScoringServerClient("127.0.0.1", url.rpartition(":")[2])
        worker.terminate()
        worker.wait(PATIENCE_S)


def test_it_finds_the_server_ready(client: ScoringServerClient) -> None:
    # Raises where the server does not answer as MLflow's does.
    client.wait_server_ready(timeout=PATIENCE_S)
    client.ping()


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
