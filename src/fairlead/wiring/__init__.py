"""Joins workflows to the adapters that this process uses; the only importer of adapters."""

from fairlead.wiring.flows import run_flow, serve_flows
from fairlead.wiring.loop import (
    alert_sinks,
    drift_page,
    monitor,
    promote,
    retrain,
    retrain_if_asked,
)
from fairlead.wiring.stores import (
    log_database,
    model_registry,
    registry_or_none,
    run_tracker,
    tracking_uri,
)
from fairlead.wiring.training import adopt, reproduce, score, train

__all__ = [
    "adopt",
    "alert_sinks",
    "drift_page",
    "log_database",
    "model_registry",
    "monitor",
    "promote",
    "registry_or_none",
    "reproduce",
    "retrain",
    "retrain_if_asked",
    "run_flow",
    "run_tracker",
    "score",
    "serve_flows",
    "tracking_uri",
    "train",
]
