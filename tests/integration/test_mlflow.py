"""Bundles, runs and versions in a real MLflow."""

from __future__ import annotations

import json
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

mlflow = pytest.importorskip("mlflow")

from fairlead.adapters.mlflow_registry import MlflowRegistry  # noqa: E402
from fairlead.adapters.mlflow_tracking import MlflowTracker  # noqa: E402
from fairlead.bundle.reading import load_bundle  # noqa: E402
from fairlead.errors import (  # noqa: E402
    BundleError,
    ExtraMissingError,
    ModelVersionNotFoundError,
    RegistryUnavailableError,
    StorageError,
)
from fairlead.registry.ledger import Ledger  # noqa: E402
from fairlead.registry.moves import Act  # noqa: E402
from fairlead.registry.promotion import promote, rollback  # noqa: E402
from fairlead.registry.records import RunRecord  # noqa: E402
from fairlead.testing.registry import contents, sample_bundle  # noqa: E402
from fairlead.wiring import train  # noqa: E402
from fairlead.workflows.load import load  # noqa: E402

ADA = Act("ada@host", datetime.now(UTC))
FRAMES = {
    "plain": pd.DataFrame({"length": [1.5, 9.0], "count": [1, 2], "colour": ["red", "blue"]}),
    "whole numbers": pd.DataFrame({"length": [1, 9], "count": [1, 2], "colour": ["red", "blue"]}),
    "missing": pd.DataFrame({"length": [1.5, 9.0], "count": [None, 2], "colour": ["red", "blue"]}),
    "nullable": pd.DataFrame(
        {"length": [1.5, 9.0], "count": pd.array([None, 2], "Int64"), "colour": ["red", "blue"]}
    ),
    "categorical": pd.DataFrame(
        {"length": [1.5, 9.0], "count": [1, 2], "colour": pd.Categorical(["red", "blue"])}
    ),
    "unknown category": pd.DataFrame(
        {"length": [1.5, 9.0], "count": [1, 2], "colour": ["green", "blue"]}
    ),
    "nullable column left out": pd.DataFrame({"length": [1.5, 9.0], "colour": ["red", "blue"]}),
    "another order and an extra column": pd.DataFrame(
        {"colour": ["red", "blue"], "extra": [0, 0], "count": [1, 2], "length": [1.5, 9.0]}
    ),
    "one row": pd.DataFrame({"length": [9.0], "count": [2], "colour": ["blue"]}),
}


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sample_bundle(tmp_path_factory.mktemp("bundles"))


@pytest.fixture
def folder(bundle: Path, tmp_path: Path) -> Path:
    """A copy: Python leaves byte code beside the loader."""
    return Path(shutil.copytree(bundle, tmp_path / "bundle"))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"sqlite:///{tmp_path_factory.mktemp('mlflow')}/mlflow.db"


@pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES.keys())
def test_pyfunc_predicts_what_the_bundle_predicts(folder: Path, frame: pd.DataFrame) -> None:
    bundle = load_bundle(folder)
    model = mlflow.pyfunc.load_model(str(folder))
    assert model.predict(frame).tolist() == bundle.predict(frame).tolist()
    probabilities = model.predict(frame, params={"probabilities": True})
    assert list(probabilities.columns) == list(bundle.contract.classes)
    assert probabilities.to_numpy().tolist() == bundle.predict_proba(frame).tolist()


@pytest.mark.parametrize(
    ("column", "value", "rule"),
    [
        ("length", 12345.5, "<= 10"),
        ("length", "12345.5", "a finite number"),
        ("length", None, "not missing"),
        ("count", 30.5, "a whole number"),
        ("colour", 5.5, "a category, as text"),
    ],
)
def test_pyfunc_refuses_what_the_contract_refuses_without_showing_it(
    folder: Path, column: str, value: object, rule: str
) -> None:
    frame = FRAMES["plain"].astype(object)
    frame.loc[1, column] = value
    model = mlflow.pyfunc.load_model(str(folder))
    with pytest.raises(ValueError, match="breaks the contract") as caught:
        model.predict(frame)
    assert f"column {column}: must be {rule} (row 1; 1 in all)" in str(caught.value)
    assert "12345" not in str(caught.value)
    assert "30.5" not in str(caught.value)


@pytest.mark.parametrize("name", ["model.onnx", "golden.json", "manifest.json"])
def test_pyfunc_does_not_load_a_damaged_bundle(folder: Path, name: str) -> None:
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / name).write_bytes(content)
    with pytest.raises(RuntimeError, match="is not what manifest"):
        mlflow.pyfunc.load_model(str(folder))


def test_the_input_example_of_a_bundle_can_be_predicted(folder: Path) -> None:
    model = mlflow.pyfunc.load_model(str(folder))
    assert model.predict(model.input_example).tolist() == ["small", "small"]


def test_the_registered_champion_loads_where_fairlead_is_not_installed(
    bundle: Path, store: str, tmp_path: Path
) -> None:
    MlflowRegistry(store).register("iris", bundle, aliases=("champion",))
    program = """
import json, sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "fairlead":
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Refuse())
import mlflow, pandas
mlflow.set_tracking_uri(sys.argv[1])
model = mlflow.pyfunc.load_model("models:/iris@champion")
frame = pandas.DataFrame({"length": [1.5, 9.0], "count": [1, 2], "colour": ["red", "blue"]})
probabilities = model.predict(frame, params={"probabilities": True})
print(json.dumps([model.predict(frame).tolist(), probabilities.to_numpy().tolist()]))
assert not [name for name in sys.modules if name.split(".")[0] == "fairlead"]
"""
    result = subprocess.run(
        [sys.executable, "-c", program, store],
        cwd=tmp_path,
        env=os.environ | {"MLFLOW_DISABLE_TELEMETRY": "true"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    here = load_bundle(bundle)
    frame = FRAMES["plain"]
    expected = [here.predict(frame).tolist(), here.predict_proba(frame).tolist()]
    assert json.loads(result.stdout.splitlines()[-1]) == expected


def test_a_bundle_is_fetched_byte_for_byte_after_mlflow_has_loaded_it(
    bundle: Path, store: str, tmp_path: Path
) -> None:
    registry = MlflowRegistry(store)
    version = registry.register("loaded", bundle)
    mlflow.set_tracking_uri(store)
    mlflow.pyfunc.load_model("models:/loaded/1")
    assert contents(registry.fetch(version, tmp_path)) == contents(bundle)


def test_nothing_is_written_to_the_working_folder(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    registry = MlflowRegistry(f"sqlite:///{tmp_path}/.fairlead/mlflow.db")
    registry.fetch(registry.register("iris", bundle), tmp_path / "cache")
    assert list((tmp_path / "here").iterdir()) == []
    assert (tmp_path / ".fairlead" / "mlflow-artifacts").is_dir()


def test_a_run_keeps_parameters_metrics_tags_figures_and_its_bundle(
    bundle: Path, store: str, tmp_path: Path
) -> None:
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures" / "leaderboard.svg").write_text("<svg/>")
    tracker = MlflowTracker(store, "runs")
    parent = tracker.start("training", {"git_commit": "abc"})
    record = RunRecord(
        candidate="rules",
        parameters={"depth": 3, "rules": ["x" * 7000]},
        metrics={"cv_accuracy": 0.96},
        standard_errors={"cv_accuracy": 0.016},
        tags={"git_commit": "abc", "data_fingerprint": "f00"},
        artifacts=tmp_path,
    )
    run_id = tracker.log_run(record, parent_id=parent)
    tracker.finish(parent)
    version = MlflowRegistry(store).register("runs", bundle, run_id=run_id)

    client = mlflow.MlflowClient(store, store)
    run = client.get_run(run_id)
    assert version.run_id == run_id
    assert run.info.run_name == "rules"
    assert run.info.status == "FINISHED"
    assert run.data.params["depth"] == "3"
    assert run.data.metrics == {"cv_accuracy": 0.96, "cv_accuracy_se": 0.016}
    assert run.data.tags["mlflow.parentRunId"] == parent
    assert run.data.tags["mlflow.source.git.commit"] == "abc"
    assert run.data.tags["fairlead.data_fingerprint"] == "f00"
    assert [file.path for file in client.list_artifacts(run_id, "figures")] == [
        "figures/leaderboard.svg"
    ]
    assert len(run.outputs.model_outputs) == 1


def test_two_processes_may_use_a_fresh_database_at_once(tmp_path: Path) -> None:
    program = (
        "import sys; from fairlead.adapters.mlflow_registry import MlflowRegistry; "
        "print(MlflowRegistry(sys.argv[1]).versions('iris'))"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", program, f"sqlite:///{tmp_path}/fresh/mlflow.db"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    answers = [process.communicate(timeout=120) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], answers
    assert [out for out, _ in answers] == ["()\n", "()\n"]


def test_a_server_that_is_down_is_reported_soon_and_without_its_password(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    registry = MlflowRegistry(f"http://user:secret@127.0.0.1:{free_port()}")
    started = time.monotonic()
    with pytest.raises(RegistryUnavailableError) as caught:
        registry.versions("iris")
    assert time.monotonic() - started < 10
    assert "secret" not in str(caught.value)


def test_an_address_that_mlflow_does_not_know_is_refused() -> None:
    with pytest.raises(RegistryUnavailableError, match="nosuch"):
        MlflowRegistry("nosuch://somewhere").versions("iris")


def test_a_missing_extra_is_named_before_anything_is_done(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(ExtraMissingError, match=r"fairlead\[mlflow\]"):
        MlflowRegistry("sqlite:///mlflow.db")


def test_a_database_that_cannot_be_made_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError):
        MlflowRegistry(f"sqlite:///{tmp_path}/file/mlflow.db").versions("iris")


def test_a_server_that_is_down_is_noticed_before_anything_is_trained(
    reference_project: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    project = load(reference_project("iris"))
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{free_port()}")
    with pytest.raises(RegistryUnavailableError):
        train(project, only=["rules"])
    assert not (project.root / ".fairlead").exists()


def test_a_damaged_database_is_told_without_a_trace(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_bytes(b"not a database" * 1000)
    with pytest.raises(RegistryUnavailableError, match="file is not a database"):
        MlflowRegistry(f"sqlite:///{tmp_path}/mlflow.db").versions("iris")


def test_a_database_of_a_newer_mlflow_is_told_without_a_trace(bundle: Path, tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    MlflowRegistry(uri).register("iris", bundle)
    with closing(sqlite3.connect(tmp_path / "mlflow.db")) as database, database:
        database.execute("update alembic_version set version_num = 'of tomorrow'")
    program = (
        "import sys; from fairlead.adapters.mlflow_registry import MlflowRegistry\n"
        "from fairlead.errors import RegistryUnavailableError\n"
        "try: MlflowRegistry(sys.argv[1]).versions('iris')\n"
        "except RegistryUnavailableError as error: print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, uri],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert "of tomorrow" in done.stdout or "schema" in done.stdout


def test_a_moved_project_finds_its_bundles_and_goes_on(tmp_path: Path) -> None:
    before, after = tmp_path / "before", tmp_path / "after"
    bundle = sample_bundle(before / "bundles")
    registry = MlflowRegistry(f"sqlite:///{before}/mlflow.db")
    tracker = MlflowTracker(f"sqlite:///{before}/mlflow.db", "iris")
    first = registry.register("iris", bundle, run_id=tracker.log_run(RunRecord("rules")))
    before.rename(after)

    registry = MlflowRegistry(f"sqlite:///{after}/mlflow.db")
    tracker = MlflowTracker(f"sqlite:///{after}/mlflow.db", "iris")
    found = registry.fetch(registry.resolve("iris", "1"), after / "bundles")
    second = registry.register("iris", found, run_id=tracker.log_run(RunRecord("rules")))

    assert found == after / "bundles" / first.digest
    assert contents(registry.fetch(second, tmp_path / "elsewhere")) == contents(found)
    assert not before.exists()
    with pytest.raises(RegistryUnavailableError, match="before"):
        registry.fetch(first, tmp_path / "empty")


def test_what_another_program_registered_is_listed_but_neither_fetched_nor_promoted(
    bundle: Path, store: str, tmp_path: Path
) -> None:
    registry = MlflowRegistry(store)
    registry.register("shared", bundle, aliases=("champion",))
    mlflow.MlflowClient(store, store).create_model_version("shared", str(tmp_path))
    stranger = registry.resolve("shared", "2")
    assert [version.digest for version in registry.versions("shared")][1:] == [""]
    with pytest.raises(BundleError, match="not registered by Fairlead"):
        registry.fetch(stranger, tmp_path)
    with pytest.raises(BundleError, match="not registered by Fairlead"):
        promote(registry, Ledger(tmp_path / "ledger.jsonl"), "shared", 2, ADA, expected=1)
    assert registry.resolve("shared", "champion").version == 1


def test_versions_and_aliases_removed_in_mlflow_are_gone_here_too(
    bundle: Path, store: str, tmp_path: Path
) -> None:
    registry, ledger = MlflowRegistry(store), Ledger(tmp_path / "ledger.jsonl")
    for expected in (None, 1, 2):
        version = registry.register("pruned", bundle).version
        promote(registry, ledger, "pruned", version, ADA, expected=expected)
    client = mlflow.MlflowClient(store, store)
    client.delete_model_version("pruned", "2")
    assert rollback(registry, ledger, "pruned", ADA).version == 1
    client.delete_model_version("pruned", "1")
    with pytest.raises(ModelVersionNotFoundError) as caught:
        registry.resolve("pruned", "champion")
    assert caught.value.known == ("3",)
    again = promote(registry, ledger, "pruned", 3, ADA, expected=None)
    assert again.aliases == ("champion",)
    assert [entry.kind for entry in ledger.entries()][-2:] == ["foreign", "promotion"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a real `mlflow server` that keeps the artifacts itself."""
    folder = tmp_path_factory.mktemp("server")
    port = free_port()
    command = [
        *(sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)),
        *("--workers", "1", "--backend-store-uri", f"sqlite:///{folder}/mlflow.db"),
        *("--artifacts-destination", str(folder / "artifacts")),
    ]
    quiet = {
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "1",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            command, cwd=folder, env=os.environ | quiet, stdout=log, stderr=subprocess.STDOUT
        )
        try:
            wait_until_healthy(f"http://127.0.0.1:{port}", process)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@pytest.mark.slow
def test_a_server_registers_aliases_and_gives_back_the_same_bytes(
    server: str, bundle: Path, tmp_path: Path
) -> None:
    registry = MlflowRegistry(server)
    run_id = MlflowTracker(server, "iris").log_run(RunRecord("rules", metrics={"accuracy": 1.0}))
    first = registry.register("iris", bundle, run_id=run_id, aliases=("rules",))
    second = registry.register("iris", bundle)
    registry.set_alias("iris", "champion", second.version, expected=None)
    assert first.run_id == run_id
    assert [one.aliases for one in registry.versions("iris")] == [("rules",), ("champion",)]
    assert contents(registry.fetch(first, tmp_path)) == contents(bundle)


@pytest.mark.slow
def test_a_model_of_a_server_loads_by_its_alias(server: str, bundle: Path) -> None:
    MlflowRegistry(server).register("served", bundle, aliases=("champion",))
    mlflow.set_tracking_uri(server)
    model = mlflow.pyfunc.load_model("models:/served@champion")
    expected = load_bundle(bundle).predict(FRAMES["plain"])
    assert model.predict(FRAMES["plain"]).tolist() == expected.tolist()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until_healthy(address: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{address}/health", timeout=2):  # noqa: S310
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.3)
    pytest.fail("mlflow server did not start")
