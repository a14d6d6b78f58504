"""What a monitor knows, in Prometheus' text format, for the node exporter's text files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import product

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from fairlead.monitoring.alerts import KINDS, SEVERITIES
from fairlead.monitoring.observation import Observation
from fairlead.monitoring.records import ColumnDrift, DriftReport, Quality
from fairlead.monitoring.state import MonitorState


class _Families(Collector):
    """Everything that `expose` tells."""

    def __init__(self, state: MonitorState, seen: Observation | None) -> None:
        self._state = state
        self._seen = seen
        self._model = state.model

    def collect(self) -> Iterator[Metric]:
        yield from self._of_monitor()
        yield from self._of_alerts()
        seen = self._seen
        if seen is not None and seen.drift is not None:
            yield from self._of_drift(seen.drift)
        if seen is not None and seen.overall is not None:
            yield from self._of_quality(seen.overall)

    def _gauge(self, name: str, help_text: str, *labels: str) -> GaugeMetricFamily:
        return GaugeMetricFamily(f"fairlead_{name}", help_text, labels=("model", *labels))

    def _of_monitor(self) -> Iterator[Metric]:
        state = self._state
        ticked = self._gauge("monitor_last_tick_timestamp_seconds", "When the last tick began.")
        if state.ticked_at is not None:
            ticked.add_metric((self._model,), state.ticked_at.timestamp())
        ticks = CounterMetricFamily("fairlead_monitor_ticks", "Ticks.", labels=("model",))
        ticks.add_metric((self._model,), state.ticks)
        failing = self._gauge("monitor_steps_failing", "Steps that did not work at the last tick.")
        failing.add_metric((self._model,), len(state.failing))
        trained = self._gauge("model_trained_timestamp_seconds", "Training.", "version")
        watched = None if self._seen is None else self._seen.watched
        if watched is not None and watched.trained_at is not None:
            trained.add_metric((self._model, watched.version), watched.trained_at.timestamp())
        yield from (ticked, ticks, failing, trained)

    def _of_alerts(self) -> Iterator[Metric]:
        state = self._state
        firing = self._gauge("alerts_firing", "Alerts that go on.", "kind", "severity")
        counts = Counter((each.kind, each.severity) for each in state.policy.firing)
        for kind, severity in product(KINDS, SEVERITIES):
            firing.add_metric((self._model, kind, severity), counts[kind, severity])
        raised = CounterMetricFamily(
            "fairlead_alerts_raised", "Alerts that were ever raised.", labels=("model",)
        )
        raised.add_metric((self._model,), state.policy.count)
        waiting = self._gauge("alert_deliveries_waiting", "Deliveries that wait.")
        waiting.add_metric((self._model,), len(state.outbox))
        lost = CounterMetricFamily(
            "fairlead_alert_deliveries_given_up", "Never arrived.", labels=("model",)
        )
        lost.add_metric((self._model,), state.given_up)
        yield from (firing, raised, waiting, lost)

    def _of_drift(self, report: DriftReport) -> Iterator[Metric]:
        rows = self._gauge("drift_rows", "Rows in the window.")
        rows.add_metric((self._model,), report.rows)
        share = self._gauge("drift_share", "Share of the columns that have drifted.")
        share.add_metric((self._model,), report.share)
        yield from (rows, share)
        columns: list[ColumnDrift] = [*report.columns]
        columns += [report.prediction] if report.prediction else []
        told = {
            "drift_effect": ("Distance from the reference.", "effect"),
            "drift_threshold": ("Distance from which a column has drifted.", "threshold"),
            "drift_column": ("1 if the column has drifted.", "is_drifted"),
            "drift_column_broken": ("1 if it looks like a fault of the pipeline.", "is_broken"),
            "drift_missing_ratio": ("Share of missing values.", "missing"),
            "drift_unknown_ratio": ("Share of unknown categories.", "unknown"),
        }
        for name, (help_text, field) in told.items():
            family = self._gauge(name, help_text, "column")
            for each in columns:
                family.add_metric((self._model, each.column), float(getattr(each, field)))
            yield family

    def _of_quality(self, quality: Quality) -> Iterator[Metric]:
        values = self._gauge("quality", "The ranking metric.", "metric", "kind")
        for kind in ("measured", "expected", "baseline"):
            estimate = getattr(quality, kind)
            if estimate is not None:
                values.add_metric((self._model, quality.metric, kind), estimate.value)
        labelled = self._gauge("quality_labelled_rows", "Predictions with a label.")
        labelled.add_metric((self._model,), quality.labelled)
        yield from (values, labelled)


def expose(state: MonitorState, seen: Observation | None) -> bytes:
    """All of it.

    Args:
        state: what is remembered after a tick.
        seen: what the tick saw; None if it saw nothing, and then nothing is told of it.
    """
    registry = CollectorRegistry()
    registry.register(_Families(state, seen))
    return generate_latest(registry)
