"""What a running service holds: the model, its counters, and whether it is leaving."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fairlead.serving.metrics import Metrics
from fairlead.serving.monitor import Monitor
from fairlead.serving.predictor import Answer, Predictor
from fairlead.serving.records import ServedVersion
from fairlead.settings import Settings

PUBLIC = ("name", "candidate", "family", "parameters", "metrics", "provenance")


@dataclass
class Service:
    """The state of one process that answers requests."""

    predictor: Predictor
    version: ServedVersion
    settings: Settings
    monitor: Monitor
    metrics: Metrics
    draining: bool = False
    """Set when the process was told to stop: it still answers, but wants no new traffic."""

    @property
    def label(self) -> str:
        """The served version, as headers and metrics give it."""
        return self.version.label(self.predictor.bundle.digest)

    def observe(self, answer: Answer, seconds: float) -> None:
        """Count what one request asked and got."""
        self.metrics.rows(scored=len(answer.X), refused=answer.refused)
        self.monitor.observe(answer.X, answer.scores, refused=answer.refused, seconds=seconds)

    def version_document(self) -> dict[str, Any]:
        """As `/version` answers."""
        bundle = self.predictor.bundle
        return {
            "model": bundle.manifest["name"],
            "candidate": bundle.manifest["candidate"],
            "version": self.version.number,
            "alias": self.version.alias,
            "digest": bundle.digest,
        }

    def model_document(self) -> dict[str, Any]:
        """As `/model_info` answers: the manifest's public part."""
        bundle = self.predictor.bundle
        contract = bundle.contract.to_json()
        return {
            **{key: bundle.manifest.get(key) for key in PUBLIC},
            **{key: contract[key] for key in ("task", "columns", "target", "classes")},
            "version": self.version.number,
            "alias": self.version.alias,
            "digest": bundle.digest,
        }
