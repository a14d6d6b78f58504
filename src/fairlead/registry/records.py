"""Facts about registered versions and logged runs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

CHAMPION = "champion"
CHALLENGER = "challenger"
RETRAINING = "retraining"
"""Tag of versions that a retraining has made: which one."""
ALIAS = re.compile(r"(?!v\d+$|latest$)[A-Za-z][A-Za-z0-9_-]{0,62}")
"""What MLflow takes as an alias; `v3` and `latest` mean versions to it."""


@dataclass(frozen=True)
class ModelVersion:
    """One registered bundle.

    Attributes:
        name: name of the registered model, which is the project's.
        version: 1, 2, 3, … in the order of registration.
        digest: SHA-256 of the bundle's manifest; empty if something other than a bundle was
            registered under this name.
        candidate: name of the candidate in the project file.
        aliases: the aliases that point here, sorted.
        tags: what was noted at registration.
        run_id: the run that made it, if one was logged.
        created_at: when it was registered, UTC.
    """

    name: str
    version: int
    digest: str
    candidate: str
    aliases: tuple[str, ...]
    tags: Mapping[str, str]
    run_id: str | None
    created_at: datetime

    def __str__(self) -> str:
        return f"{self.name} version {self.version}"

    @property
    def is_retrained(self) -> bool:
        """Whether it has learned from labelled predictions."""
        return RETRAINING in self.tags


@dataclass(frozen=True)
class RunRecord:
    """What is logged of the training of one candidate.

    Attributes:
        candidate: name of the candidate in the project file.
        parameters: as the family took them.
        metrics: name -> value.
        standard_errors: metric name -> its standard error, logged as `<metric>_se`.
        tags: such as `git_commit`, `data_fingerprint`, `family`, `spec_digest`.
        artifacts: folder with figures and reports, logged as it is.
    """

    candidate: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    standard_errors: Mapping[str, float] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    artifacts: Path | None = None
