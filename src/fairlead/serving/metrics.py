"""Prometheus metrics of one process; every label has few values."""

from __future__ import annotations

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)

SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
MODEL_LABELS = ("model", "version")


class Metrics:
    """Counts requests and rows in a registry of its own.

    Args:
        model: name of the registered model.
        version: its version's label.
        digest: the bundle's digest.
        candidate: name of the candidate in the project file.
    """

    def __init__(self, *, model: str, version: str, digest: str, candidate: str) -> None:
        self.registry = CollectorRegistry()
        self._labels = (model, version)
        self._requests = Counter(
            "fairlead_requests",
            "Requests answered, by status class.",
            (*MODEL_LABELS, "route", "status"),
            registry=self.registry,
        )
        self._seconds = Histogram(
            "fairlead_request_duration_seconds",
            "Seconds from a request's first byte to its whole answer.",
            (*MODEL_LABELS, "route"),
            buckets=SECONDS,
            registry=self.registry,
        )
        self._rows = Counter(
            "fairlead_rows",
            "Rows sent to be scored, by outcome.",
            (*MODEL_LABELS, "outcome"),
            registry=self.registry,
        )
        self._ready = Gauge(
            "fairlead_ready", "1 while requests are welcome.", MODEL_LABELS, registry=self.registry
        )
        Gauge(
            "fairlead_model_info",
            "The bundle that is served.",
            (*MODEL_LABELS, "digest", "candidate"),
            registry=self.registry,
        ).labels(model, version, digest, candidate).set(1)
        ProcessCollector(registry=self.registry)

    def request(self, route: str, status: int, seconds: float) -> None:
        """Count one answered request."""
        self._requests.labels(*self._labels, route, f"{status // 100}xx").inc()
        self._seconds.labels(*self._labels, route).observe(seconds)

    def rows(self, *, scored: int, refused: int) -> None:
        """Count the rows of one request."""
        self._rows.labels(*self._labels, "scored").inc(scored)
        self._rows.labels(*self._labels, "refused").inc(refused)

    def expose(self, *, ready: bool) -> bytes:
        """Everything in Prometheus' text format."""
        self._ready.labels(*self._labels).set(ready)
        return generate_latest(self.registry)
