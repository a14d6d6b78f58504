"""Looks at registered versions and moves their aliases."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fairlead import notebook
from fairlead.bundle.manifest import CARD, MANIFEST
from fairlead.data.versions import shown_version
from fairlead.errors import AliasNameError, ChampionAliasError
from fairlead.evaluation.metrics import find_metric
from fairlead.evaluation.tables import comparison_text
from fairlead.notebook import as_text
from fairlead.project.loading import Project
from fairlead.project.spec import ProjectSpec
from fairlead.registry import promotion
from fairlead.registry.ledger import Ledger
from fairlead.registry.moves import Act
from fairlead.registry.port import ModelRegistry
from fairlead.registry.records import ALIAS, CHAMPION, ModelVersion
from fairlead.workflows.evidence import Duel, compare_versions
from fairlead.workflows.store import bundles_of

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table


@dataclass(frozen=True)
class Described:
    """A version and what its bundle says of itself."""

    version: ModelVersion
    manifest: Mapping[str, Any]
    card: str


@dataclass(frozen=True)
class Compared:
    """One fact of two versions, side by side; None where a version does not have it."""

    name: str
    a: Any
    b: Any


class Versions(tuple[ModelVersion, ...]):
    """The versions of a model in the order of registration."""

    __slots__ = ()

    def render(self) -> Table:
        """For a terminal."""
        from rich.table import Table

        table = Table(*VERSION_COLUMNS, title=self[0].name if self else None)
        for version in self:
            table.add_row(*_version_row(version))
        return table

    def __repr__(self) -> str:
        return as_text(self.render()) if self else "no versions yet"

    def _repr_html_(self) -> str:
        if not self:
            return notebook.view("no versions yet")
        return notebook.view(self[0].name, notebook.table(VERSION_COLUMNS, map(_version_row, self)))


@dataclass(frozen=True)
class VersionComparison:
    """Two versions of a model side by side.

    Attributes:
        spec: the project that they are of.
        a, b: what they were asked for as: alias, candidate or number.
        facts: metrics, parameters, data and code.
        duel: the first against the second on the same rows.
    """

    spec: ProjectSpec
    a: str
    b: str
    facts: tuple[Compared, ...]
    duel: Duel

    @property
    def verdict(self) -> str:
        """What the rows that neither has seen say, as a sentence."""
        found = self.duel.comparison
        if found is None:
            return f"Not compared on the same rows: {self.duel.reason}."
        metric = find_metric(found.metric, self.spec.task)
        text = comparison_text(found, metric, self.a, self.b, self.spec.data.target.unit)
        where = "holdout" if self.duel.source == "holdout" else "cross-validation"
        return f"On the same {found.rows:,} rows of the {where}, {text}."

    def to_json(self) -> list[dict[str, Any]]:
        """As plain JSON values."""
        found = self.duel.comparison
        paired = {**vars(self.duel), "comparison": None if found is None else found.to_dict()}
        last = {"name": "on the same rows", "a": self.a, "b": self.b, **paired}
        return [*map(vars, self.facts), last]

    def render(self) -> RenderableType:
        """For a terminal."""
        from rich.console import Group
        from rich.table import Table

        table = Table(*self._head, title=self._title)
        for row in self._rows():
            table.add_row(*row)
        return Group(table, self.verdict)

    def __repr__(self) -> str:
        return as_text(self.render())

    def _repr_html_(self) -> str:
        compared = notebook.table(self._head, self._rows())
        return notebook.view(self._title, notebook.lines([self.verdict]), compared)

    @property
    def _title(self) -> str:
        return f"{self.spec.name}: {self.a} and {self.b}"

    @property
    def _head(self) -> tuple[str, ...]:
        return ("", self.a, self.b, "")

    def _rows(self) -> list[tuple[str, ...]]:
        return [
            (fact.name, _cell(fact.a), _cell(fact.b), "" if fact.a == fact.b else "differs")
            for fact in self.facts
        ]


VERSION_COLUMNS = ("version", "candidate", "aliases", "bundle", "registered")


def _version_row(version: ModelVersion) -> tuple[str, ...]:
    return (
        str(version.version),
        version.candidate,
        ", ".join(version.aliases),
        version.digest[:12],
        f"{version.created_at:%Y-%m-%d %H:%M}",
    )


def _cell(value: Any) -> str:
    return "–" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)


def describe(registry: ModelRegistry, root: Path, name: str, reference: str) -> Described:
    """Fetch a version's bundle and read its manifest.

    Args:
        registry: where the version is.
        root: the project's folder; the bundle goes to its store.
        name: name of the model.
        reference: alias, candidate or version number.

    Raises:
        ModelVersionNotFoundError: there is no such version.
        BundleError: what is stored is not what was registered.
    """
    version = registry.resolve(name, reference)
    folder = registry.fetch(version, bundles_of(root))
    # It was verified as it was fetched: there is no need to load the model itself.
    manifest = json.loads((folder / MANIFEST).read_bytes())
    return Described(version, manifest, (folder / CARD).read_text(encoding="utf-8"))


def compare(registry: ModelRegistry, project: Project, a: str, b: str) -> VersionComparison:
    """Put two versions side by side: metrics, parameters, data and code, and on the same rows.

    Args:
        registry: where they are.
        project: what they are of.
        a: alias, candidate or version number; the one that the verdict is on.
        b: the same of the other.

    Raises:
        ModelVersionNotFoundError: there is no such version.
        BundleError: what is stored is not what was registered.
    """
    root, spec = project.root, project.spec
    described = [describe(registry, root, spec.name, reference) for reference in (a, b)]
    first, second = map(_facts, described)
    facts = (Compared(key, first.get(key), second.get(key)) for key in {**first, **second})
    duel = compare_versions(root, spec, *(each.version for each in described))
    return VersionComparison(spec, a, b, tuple(facts), duel)


def _facts(described: Described) -> dict[str, Any]:
    manifest = described.manifest
    provenance = manifest["provenance"]
    version = provenance.get("data_version")
    return {
        "version": described.version.version,
        "candidate": manifest["candidate"],
        "family": manifest["family"],
        **{
            f"{source} {metric}": estimate["value"]
            for source, report in manifest["metrics"].items()
            for metric, estimate in report.items()
        },
        **{f"parameter {key}": value for key, value in manifest["parameters"].items()},
        "data_version": version and shown_version(version),
        **{key: provenance[key] for key in ("data_fingerprint", "git_commit", "spec_digest")},
    }


def move_alias(
    registry: ModelRegistry, ledger: Ledger, name: str, alias: str, reference: str, act: Act
) -> ModelVersion:
    """Point an alias at a version, wherever it pointed before.

    Args:
        registry: where the version is.
        ledger: where the move is written down.
        name: name of the model.
        alias: what is moved.
        reference: alias, candidate or version number: where to.
        act: who moves it, and why.

    Raises:
        ChampionAliasError: it is the champion.
        AliasNameError: no registry takes such a name.
        ModelVersionNotFoundError: there is no such version.
        AliasMovedError: somebody else moved the alias at the same time.
    """
    if not ALIAS.fullmatch(alias):
        raise AliasNameError(alias)
    version = registry.resolve(name, reference)
    if alias == CHAMPION:
        raise ChampionAliasError(reference)
    return promotion.move_alias(registry, ledger, name, alias, version.version, act)
