"""A project with its verbs: what Python does with one in a line each."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fairlead import notebook, wiring
from fairlead.project import loading

if TYPE_CHECKING:
    from fairlead.bundle.reading import Bundle
    from fairlead.data.enforcement import Dataset
    from fairlead.data.fetch import FetchResult
    from fairlead.evaluation.leaderboard import Leaderboard
    from fairlead.workflows.check import CheckedData
    from fairlead.workflows.models import VersionComparison, Versions


@dataclass(frozen=True, repr=False)
class Project(loading.Project):
    """A project whose file is valid, and what can be done with it.

    Examples:
        >>> project = load("projects/iris")
        >>> project
        iris: classification of species from 4 columns
        candidates: rules, lda, decision_tree, random_forest, xgboost
    """

    def fetch(self, to: Path | None = None) -> FetchResult:
        """Bring the data to its place, from its source or the mirror; see `fairlead data fetch`.

        Args:
            to: another place; `data.path` if not given.

        Raises:
            ProjectError: the project names no source.
            FetchError: it could not be downloaded.
            DigestMismatchError: it is not what was declared.
        """
        from fairlead.progress import download_bar
        from fairlead.settings import read_settings
        from fairlead.workflows.fetch import fetch

        with download_bar(Path(self.spec.data.path).name) as bar:
            return fetch(self, read_settings(), bar, to=to)

    def read(self) -> Dataset:
        """The rows that keep the contract; `read().frame()` is a data frame.

        Raises:
            DataError: they are missing, damaged, or break the contract or a check.
        """
        from fairlead.workflows.read import read

        return read(self)

    def check(self) -> CheckedData:
        """The report on the data, whether or not they can be trained on; see `fairlead check`.

        Raises:
            DataError: the file is missing, or no table with the declared columns.
        """
        from fairlead.workflows.check import check

        return check(self)

    def leaderboard(self) -> Leaderboard:
        """The leaderboard of the last training.

        Raises:
            DataMissingError: nothing was trained here yet.
        """
        from fairlead.workflows.leaderboard import last_leaderboard

        return last_leaderboard(self)

    def versions(self) -> Versions:
        """The registered versions; see `fairlead models list`.

        Raises:
            ExtraMissingError: MLflow is not installed.
        """
        from fairlead.workflows.models import Versions

        return Versions(wiring.model_registry(self.root).versions(self.spec.name))

    def bundle(self, reference: str | int) -> Bundle:
        """Load a registered version by alias, candidate or number.

        Raises:
            ModelVersionNotFoundError: there is none; the known references are listed.
            ExtraMissingError: MLflow is not installed.
        """
        from fairlead.bundle.reading import load_bundle
        from fairlead.workflows.store import bundle_store

        registry = wiring.model_registry(self.root)
        version = registry.resolve(self.spec.name, str(reference))
        return load_bundle(registry.fetch(version, bundle_store(self)))

    def champion(self) -> Bundle:
        """Load the version that serves.

        Raises:
            ModelVersionNotFoundError: nothing was registered yet.
            ExtraMissingError: MLflow is not installed.
        """
        return self.bundle("champion")

    def compare(self, a: str | int, b: str | int) -> VersionComparison:
        """Compare two registered versions, by alias, candidate or number.

        Raises:
            ModelVersionNotFoundError: there is no such version.
            ExtraMissingError: MLflow is not installed.
        """
        from fairlead.workflows.models import compare

        return compare(wiring.model_registry(self.root), self, str(a), str(b))

    def __repr__(self) -> str:
        return f"{self._title}\ncandidates: {', '.join(self.spec.candidates)}"

    def _repr_html_(self) -> str:
        spec = self.spec
        evaluation, cv = spec.evaluation, spec.evaluation.cv
        known = {
            "about": spec.description or "",
            "data": spec.data.path,
            "derived": ", ".join(f"{name} = {text}" for name, text in spec.data.derived.items()),
            "compared by": f"{evaluation.metric}, {cv.kind.replace('_', '-')} cross-validation",
            "file": str(self.path),
        }
        candidates = [(name, one.family) for name, one in spec.candidates.items()]
        return notebook.view(
            self._title,
            notebook.facts({name: text for name, text in known.items() if text}),
            notebook.table(("candidate", "family"), candidates),
        )

    @property
    def _title(self) -> str:
        spec = self.spec
        features = sum(column.role == "feature" for column in spec.data.columns.values())
        columns = f"{features} column{'' if features == 1 else 's'}"
        return f"{spec.name}: {spec.task} of {spec.data.target.name} from {columns}"


def load(path: Path | str = ".") -> Project:
    """Load a project.

    Args:
        path: the project's folder, or its `fairlead.yaml`.

    Raises:
        ProjectError: the file has problems; all of them are listed.
    """
    from fairlead.workflows.load import load

    return Project(**vars(load(path)))
