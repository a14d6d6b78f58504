"""Checks a project's data: the contract, its own checks, and what may spoil a model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType

from fairlead.data.quality.assessment import assess
from fairlead.data.quality.records import QualityReport
from fairlead.data.report import DataReport
from fairlead.notebook import as_text
from fairlead.project.loading import Project
from fairlead.storage import write_whole
from fairlead.workflows.read import inspect


@dataclass(frozen=True)
class CheckedData:
    """What was found in a project's data.

    Attributes:
        project: the project.
        data: what the contract and the checks say.
        quality: what may spoil a model; None if the contract is broken.
    """

    project: Project
    data: DataReport
    quality: QualityReport | None

    @property
    def passed(self) -> bool:
        """Whether the data keep the contract, the checks and the rules of `data.quality`."""
        return self.data.passed and (self.quality is None or self.quality.passed)

    def __repr__(self) -> str:
        return as_text(self.render())

    def _repr_html_(self) -> str:
        from fairlead.data.views import findings_view, report_view

        if self.quality is None:
            return report_view(self.data)
        return report_view(self.data, findings_view(self.quality))

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values."""
        quality = self.quality and self.quality.to_json()
        return {**self.data.to_json(), "passed": self.passed, "quality": quality}

    def render(self) -> RenderableType:
        """For a terminal."""
        parts = [self.data.render()]
        if self.quality is not None:
            parts += ["", self.quality.render()]
        return Group(*parts)

    def write_html(self, path: Path) -> None:
        """Write one file that needs no other.

        Raises:
            StorageError: it cannot be written.
        """
        from fairlead.evaluation.data_page import data_page

        write_whole(path, data_page(self.project.spec, self.data, self.quality).encode())


def check(project: Project) -> CheckedData:
    """Read a project's data and report on it, whether or not it can be trained on.

    Raises:
        DataMissingError: there is no such file.
        DataInvalidError: it is no table with the declared columns.
        DigestMismatchError: it is not the file that `data.source` declares.
    """
    dataset, data = inspect(project)
    quality = None if dataset is None else assess(project.spec, dataset)
    return CheckedData(project, data, quality)
