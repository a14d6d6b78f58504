"""The suite that every `ModelRegistry` passes; needs pytest and the `train` extra."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto

from fairlead.bundle.golden import records, to_document
from fairlead.bundle.manifest import FORMAT, GOLDEN, GRAPH, MANIFEST, file_digest, to_json
from fairlead.bundle.mlflow_face import write_mlflow_face
from fairlead.bundle.reading import load_bundle, scores
from fairlead.bundle.writing import write_bundle
from fairlead.data.contract import Contract
from fairlead.errors import AliasMovedError, BundleError, ModelVersionNotFoundError
from fairlead.graph.builder import Graph, serialize
from fairlead.graph.runtime import Session
from fairlead.project.columns import ColumnSpec, TargetSpec
from fairlead.registry.port import ModelRegistry
from fairlead.registry.records import ModelVersion

SAMPLE_CONTRACT = Contract(
    task="classification",
    columns={
        "length": ColumnSpec(type="number", min=0, max=10),
        "count": ColumnSpec(type="integer", min=0, nullable=True),
        "colour": ColumnSpec(type="category", values=("red", "blue"), unknown="flag"),
    },
    target=TargetSpec(name="kind"),
    classes=("small", "large"),
)


def sample_bundle(store: Path, candidate: str = "rules", threshold: float = 5.0) -> Path:
    """Write a small real bundle: `large` where `length` is above the threshold.

    Args:
        store: folder of bundles.
        candidate: name of the candidate.
        threshold: bundles with other thresholds have other digests.

    Returns:
        The bundle's folder.
    """
    graph = Graph(width=3)
    above = graph.op("Greater", graph.column(graph.X, 0), graph.constant(np.array([[threshold]])))
    large = graph.op("Where", above, graph.constant(0.75), graph.constant(0.25))
    both = graph.op("Concat", graph.op("Sub", graph.constant(1.0), large), large, axis=1)
    model = graph.model(
        {
            "prediction": (graph.op("Cast", above, to=TensorProto.INT64), TensorProto.INT64, 1),
            "probabilities": (both, TensorProto.DOUBLE, 2),
        }
    )
    X = np.array(
        [[length, np.nan if length > 5 else length, length % 3 - 1] for length in range(10)]
    )
    classes = np.array(SAMPLE_CONTRACT.classes, object)
    golden = to_document(SAMPLE_CONTRACT, X, scores(Session(serialize(model)), X, classes))
    manifest = {
        "format": FORMAT,
        "name": "sample",
        "candidate": candidate,
        "family": "rules",
        "parameters": {"threshold": threshold},
        "contract": SAMPLE_CONTRACT.to_json(),
        "metrics": {},
        "parity": {},
        "provenance": {},
    }
    return write_bundle(
        store,
        manifest,
        {GRAPH: serialize(model), GOLDEN: to_json(golden)},
        lambda folder: write_mlflow_face(folder, SAMPLE_CONTRACT, records(SAMPLE_CONTRACT, X[:2])),
    )


def point(registry: ModelRegistry, name: str, alias: str, reference: str) -> ModelVersion:
    """Move an alias wherever it is, and write nothing down, as another program would."""
    version = registry.resolve(name, reference).version
    holders = [each.version for each in registry.versions(name) if alias in each.aliases]
    registry.set_alias(name, alias, version, expected=holders[0] if holders else None)
    return registry.resolve(name, alias)


class RegistryContract:
    """Subclass it with a fixture `registry`; each test uses a model name of its own."""

    @pytest.fixture
    def registry(self) -> ModelRegistry:
        """The registry under test."""
        raise NotImplementedError("a subclass gives the fixture `registry`")

    @pytest.fixture
    def name(self) -> str:
        """A model name that no other test uses."""
        return f"model_{uuid.uuid4().hex[:12]}"

    @pytest.fixture
    def bundle(self, tmp_path_factory: pytest.TempPathFactory) -> Path:
        """A bundle."""
        return sample_bundle(tmp_path_factory.mktemp("bundles"))

    @pytest.fixture
    def other_bundle(self, tmp_path_factory: pytest.TempPathFactory) -> Path:
        """Another bundle."""
        return sample_bundle(tmp_path_factory.mktemp("bundles"), "tree", threshold=6.0)

    def test_versions_count_from_one_in_the_order_of_registration(
        self, registry: ModelRegistry, name: str, bundle: Path, other_bundle: Path
    ) -> None:
        registry.register(name, bundle)
        registry.register(name, other_bundle)
        found = [(one.version, one.candidate) for one in registry.versions(name)]
        assert found == [(1, "rules"), (2, "tree")]

    def test_a_model_that_was_never_registered_has_no_versions(
        self, registry: ModelRegistry, name: str
    ) -> None:
        assert registry.versions(name) == ()

    def test_a_version_keeps_digest_tags_and_aliases(
        self, registry: ModelRegistry, name: str, bundle: Path
    ) -> None:
        version = registry.register(name, bundle, tags={"family": "rules"}, aliases=("b", "a"))
        assert version.digest == file_digest(bundle / MANIFEST)
        assert version.tags == {"family": "rules"}
        assert version.aliases == ("a", "b")
        assert version.run_id is None

    def test_a_new_version_takes_over_its_aliases(
        self, registry: ModelRegistry, name: str, bundle: Path, other_bundle: Path
    ) -> None:
        registry.register(name, bundle, aliases=("tree",))
        registry.register(name, other_bundle, aliases=("tree",))
        assert [one.aliases for one in registry.versions(name)] == [(), ("tree",)]

    @pytest.mark.parametrize("reference", ["rules", "1"])
    def test_alias_and_number_resolve_to_the_same_version(
        self, registry: ModelRegistry, name: str, bundle: Path, reference: str
    ) -> None:
        registered = registry.register(name, bundle, aliases=("rules",))
        assert registry.resolve(name, reference) == registered

    @pytest.mark.parametrize("reference", ["nothing", "2", "0", "-1", "1.0", "9" * 30, ""])
    def test_an_unknown_reference_lists_the_known_ones(
        self, registry: ModelRegistry, name: str, bundle: Path, reference: str
    ) -> None:
        registry.register(name, bundle, aliases=("rules",))
        with pytest.raises(ModelVersionNotFoundError) as caught:
            registry.resolve(name, reference)
        assert caught.value.known == ("rules", "1")

    def test_an_unknown_model_is_not_found(self, registry: ModelRegistry, name: str) -> None:
        with pytest.raises(ModelVersionNotFoundError):
            registry.resolve(name, "1")

    def test_an_alias_moves_when_it_is_where_it_was_expected(
        self, registry: ModelRegistry, name: str, bundle: Path, other_bundle: Path
    ) -> None:
        registry.register(name, bundle)
        registry.register(name, other_bundle)
        registry.set_alias(name, "champion", 1, expected=None)
        registry.set_alias(name, "champion", 2, expected=1)
        assert registry.resolve(name, "champion").version == 2

    @pytest.mark.parametrize("expected", [None, 2])
    def test_an_alias_stays_when_it_is_elsewhere(
        self, registry: ModelRegistry, name: str, bundle: Path, expected: int | None
    ) -> None:
        registry.register(name, bundle, aliases=("champion",))
        with pytest.raises(AliasMovedError) as caught:
            registry.set_alias(name, "champion", 1, expected=expected)
        assert caught.value.actual == 1

    def test_an_alias_never_points_to_a_version_that_does_not_exist(
        self, registry: ModelRegistry, name: str, bundle: Path
    ) -> None:
        registry.register(name, bundle, aliases=("champion",))
        with pytest.raises(ModelVersionNotFoundError):
            registry.set_alias(name, "champion", 7, expected=1)
        assert registry.resolve(name, "champion").version == 1

    def test_a_fetched_bundle_is_the_registered_one_byte_for_byte(
        self, registry: ModelRegistry, name: str, bundle: Path, tmp_path: Path
    ) -> None:
        version = registry.register(name, bundle)
        fetched = registry.fetch(version, tmp_path / "cache")
        assert fetched == tmp_path / "cache" / version.digest
        assert contents(fetched) == contents(bundle)
        assert [entry.name for entry in fetched.parent.iterdir()] == [version.digest]
        assert load_bundle(fetched).digest == version.digest

    def test_a_bundle_that_is_there_is_not_fetched_again(
        self, registry: ModelRegistry, name: str, bundle: Path, tmp_path: Path
    ) -> None:
        version = registry.register(name, bundle)
        fetched = registry.fetch(version, tmp_path)
        before = (fetched / MANIFEST).stat().st_ino
        assert registry.fetch(version, tmp_path) == fetched
        assert (fetched / MANIFEST).stat().st_ino == before

    def test_a_damaged_bundle_is_not_registered(
        self, registry: ModelRegistry, name: str, tmp_path: Path
    ) -> None:
        damaged = sample_bundle(tmp_path)
        (damaged / GRAPH).write_bytes(b"")
        with pytest.raises(BundleError):
            registry.register(name, damaged)
        assert registry.versions(name) == ()

    def test_a_note_replaces_an_older_one(
        self, registry: ModelRegistry, name: str, bundle: Path
    ) -> None:
        registry.register(name, bundle)
        assert registry.notes(name) == {}
        registry.set_note(name, "history", "[]")
        registry.set_note(name, "history", "[1]")
        assert registry.notes(name) == {"history": "[1]"}

    def test_there_are_no_notes_on_an_unknown_model(
        self, registry: ModelRegistry, name: str
    ) -> None:
        with pytest.raises(ModelVersionNotFoundError):
            registry.notes(name)
        with pytest.raises(ModelVersionNotFoundError):
            registry.set_note(name, "history", "[]")

    def test_versions_registered_at_once_are_all_kept(
        self, registry: ModelRegistry, name: str, bundle: Path
    ) -> None:
        with ThreadPoolExecutor(3) as pool:
            versions = list(pool.map(lambda _: registry.register(name, bundle), range(3)))
        assert sorted(version.version for version in versions) == [1, 2, 3]
        assert [version.version for version in registry.versions(name)] == [1, 2, 3]


def contents(folder: Path) -> dict[str, bytes]:
    """Relative path -> content of every file below a folder."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }
