"""Reads a project's data: its digest, its contract, its checks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from fairlead.data.checks import run_checks
from fairlead.data.enforcement import Dataset, examine
from fairlead.data.fetch import sha256_of
from fairlead.data.report import DataReport
from fairlead.errors import ChecksFailedError, ContractError, DigestMismatchError
from fairlead.project.loading import Project


def read(project: Project) -> Dataset:
    """Read the data, or say why it cannot be trained on.

    Raises:
        DataMissingError: there is no such file.
        DataInvalidError: it is no table with the declared columns.
        DigestMismatchError: it is not the file that `data.source` declares.
        ContractError: rows break the contract; all violations are listed.
        ChecksFailedError: one of `data.checks` does not hold.
    """
    dataset, report = inspect(project)
    if dataset is None:
        raise ContractError(report.source, report.violations)
    failed = tuple(str(check) for check in report.checks if not check.passed)
    if failed:
        raise ChecksFailedError(Path(report.source), failed)
    return dataset


def inspect(project: Project) -> tuple[Dataset | None, DataReport]:
    """Read the data and report on it, whether or not it keeps contract and checks.

    Returns:
        The rows, or None if the contract is broken, and the report.

    Raises:
        DataMissingError: there is no such file.
        DataInvalidError: it is no table with the declared columns.
        DigestMismatchError: it is not the file that `data.source` declares.
    """
    data = project.spec.data
    path = project.root / data.path
    if data.source is not None and path.is_file():
        actual = sha256_of(path)
        if actual != data.source.sha256:
            raise DigestMismatchError(path, data.source.sha256, actual)
    dataset, report = examine(path, project.spec.task, data)
    if dataset is None:
        return None, report
    return dataset, replace(report, checks=run_checks(dataset, data))
