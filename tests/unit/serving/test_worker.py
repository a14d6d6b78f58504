from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from fairlead.bundle.reading import Bundle
from fairlead.serving.worker import main

HEAVY = (
    "pandas",
    "polars",
    "sklearn",
    "onnx",
    "mlflow",
    "pyarrow",
    "duckdb",
    "matplotlib",
    "scipy",
)
# FastAPI imports OpenTelemetry's API by itself; the SDK and what sends come with tracing.
OF_TRACING = ("opentelemetry.sdk", "opentelemetry.exporter", "requests", "fairlead.serving.tracing")

ANSWER = """
import asyncio, os, sys
from pathlib import Path
from fairlead.serving import worker
from fairlead.serving.logs import LineWriter
from fairlead.serving.table import TableFile
from fairlead.settings import Settings
state = Path(sys.argv[2])
TableFile(state / worker.TABLE).edit(lambda _: worker.table_of([Path(sys.argv[1])]))
settings = Settings(prediction_log=state / "predictions")
gateway, loader = worker.make_gateway(state, settings, LineWriter(os.open(os.devnull, 1)))
asyncio.run(loader.follow())
assert gateway.service.ready
print(*sys.modules)
"""


def test_a_worker_needs_no_training_library_and_no_registry_client(
    flowers: Bundle, tmp_path: Path
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", ANSWER, flowers.path, tmp_path],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    loaded = set(done.stdout.split())
    assert "onnxruntime" in loaded
    assert loaded.isdisjoint(HEAVY)
    assert loaded.isdisjoint(OF_TRACING)


def test_a_wrong_setting_is_told_before_anything_starts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAIRLEAD_PORT", "many")
    assert main(["--bundle", str(tmp_path)]) == 2
    assert "FAIRLEAD_PORT" in capsys.readouterr().err


def test_a_damaged_bundle_is_not_served_and_the_log_names_its_faults(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "fairlead.serving.worker", "--bundle", tmp_path, "--port", "0"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    document = json.loads(done.stdout)
    assert (done.returncode, done.stderr) == (1, "")
    assert document["event"] == "bundle_refused"
    assert "manifest.json is missing" in document["faults"][0]


def test_without_a_bundle_a_worker_starts_only_where_models_are_loaded_by_request(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as caught:
        main([])
    assert caught.value.code == 2
    assert "expected --bundle or --state" in capsys.readouterr().err


def test_a_port_that_does_not_exist_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--bundle", str(tmp_path), "--port", "99999"])
    assert caught.value.code == 2
    assert "found 99999, expected 0 to 65535" in capsys.readouterr().err
