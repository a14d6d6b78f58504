"""What all workers have counted, in Prometheus' text format."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import product

import numpy as np
from numpy.typing import NDArray
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from fairlead.serving.counted import Snapshot
from fairlead.serving.recorder import BUCKETS, COUNTERS, SECONDS

MODEL_LABELS = ("model", "version")


class _Families(Collector):
    """Everything that `expose` tells."""

    def __init__(self, merged: Snapshot) -> None:
        self._merged = merged

    def collect(self) -> Iterator[Metric]:
        yield from self._requests()
        yield from self._counters()
        yield from self._workers()

    def _requests(self) -> Iterator[Metric]:
        labels = (*MODEL_LABELS, "route", "operation", "status")
        requests = CounterMetricFamily(
            "fairlead_requests", "Requests answered, by status class.", labels=labels
        )
        rows = CounterMetricFamily(
            "fairlead_rows",
            "Rows sent to be scored, by outcome.",
            labels=(*MODEL_LABELS, "outcome"),
        )
        seconds = HistogramMetricFamily(
            "fairlead_request_duration_seconds",
            "Seconds from a request's first byte to its whole answer.",
            labels=(*MODEL_LABELS, "operation"),
        )
        outcomes: Counter[tuple[str, str, str]] = Counter()
        durations: dict[tuple[str, str, str], tuple[NDArray[np.int64], float]] = {}
        for each in self._merged.requests:
            model = (each.model, each.version)
            for status, count in sorted(each.statuses.items()):
                requests.add_metric((*model, each.route, each.operation, status), count)
            if each.model:
                outcomes[*model, "scored"] += each.scored
                outcomes[*model, "refused"] += each.refused
            key = (*model, each.operation)
            counts, total = durations.get(key, (np.zeros(BUCKETS, np.int64), 0.0))
            durations[key] = (counts + each.seconds, total + each.seconds_sum)
        for key, count in outcomes.items():
            rows.add_metric(key, count)
        bounds = [*map(str, SECONDS), "+Inf"]
        for key, (counts, total) in durations.items():
            cumulative = counts.cumsum().tolist()
            seconds.add_metric(key, list(zip(bounds, cumulative, strict=True)), total)
        yield from (requests, seconds, rows)

    def _counters(self) -> Iterator[Metric]:
        values = {(each.name, each.labels): each.value for each in self._merged.counters}
        for name, declared in COUNTERS.items():
            family = CounterMetricFamily(
                f"fairlead_{name}", declared.help, labels=[*declared.labels]
            )
            known = [labels for counter, labels in values if counter == name]
            # What never happened is told as 0, where all that can happen is known.
            possible = product(*(allowed or () for allowed in declared.labels.values()))
            for labels in sorted({*known, *possible}):
                family.add_metric(labels, values.get((name, labels), 0))
            yield family

    def _workers(self) -> Iterator[Metric]:
        workers = self._merged.workers
        ready = GaugeMetricFamily(
            "fairlead_ready", "1 while requests are welcome.", labels=("worker",)
        )
        memory = GaugeMetricFamily(
            "fairlead_worker_resident_bytes", "Memory that a worker holds.", labels=("worker",)
        )
        processor = CounterMetricFamily(
            "fairlead_worker_cpu_seconds", "Processor time of a worker.", labels=("worker",)
        )
        files = GaugeMetricFamily(
            "fairlead_worker_open_files", "Files and connections of a worker.", labels=("worker",)
        )
        info = GaugeMetricFamily(
            "fairlead_model_info",
            "The bundles that are served.",
            labels=(*MODEL_LABELS, "digest", "candidate"),
        )
        for worker in workers:
            ready.add_metric((worker.id,), worker.ready)
            processor.add_metric((worker.id,), worker.cpu_s)
            if worker.resident_bytes is not None:
                memory.add_metric((worker.id,), worker.resident_bytes)
            if worker.open_files is not None:
                files.add_metric((worker.id,), worker.open_files)
        for each in sorted({each for worker in workers for each in worker.serves}, key=repr):
            info.add_metric((each.model, each.version, each.digest, each.candidate), 1)
        yield from (ready, info, processor, memory, files)


def expose(merged: Snapshot) -> bytes:
    """What all workers have counted, in Prometheus' text format."""
    registry = CollectorRegistry()
    registry.register(_Families(merged))
    return generate_latest(registry)
