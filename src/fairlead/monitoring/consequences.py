"""What follows from the alerts of a model: what to do next, by rule."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

from fairlead.monitoring.alerts import Alert
from fairlead.monitoring.observation import Observation

Action = Literal["none", "mend_pipeline", "retrain", "collect_labels", "watch"]


class Consequence(Struct, frozen=True):
    """What to do next.

    Attributes:
        action: `mend_pipeline` (a model that is trained on broken data learns the fault),
            `retrain`, `collect_labels` (nobody knows yet whether the model is worse), `watch` (the
            data moved and the model copes), or `none`.
        reason: why, in words.
        alerts: ids of the alerts that it follows from.
    """

    action: Action
    reason: str
    alerts: tuple[str, ...] = ()


def what_follows(alerts: Sequence[Alert], seen: Observation) -> Consequence:
    """Decide what to do: the pipeline first, then the quality, then the data.

    Args:
        alerts: of the model; those that are over do not count.
        seen: the last look, which tells whether there are labels.
    """
    by_kind: dict[str, tuple[str, ...]] = {}
    for alert in alerts:
        if alert.is_firing:
            by_kind[alert.kind] = (*by_kind.get(alert.kind, ()), alert.id)
    if "pipeline" in by_kind:
        why = "columns look like a fault upstream: mend that, do not train on it"
        return Consequence("mend_pipeline", why, by_kind["pipeline"])
    if "quality" in by_kind:
        why = "labels show that the predictions are worse than the model's baseline"
        return Consequence("retrain", why, by_kind["quality"])
    moved = tuple(
        each for kind in ("drift", "estimate", "prediction") for each in by_kind.get(kind, ())
    )
    if not moved:
        return _of_age([alert for alert in alerts if alert.is_firing and alert.kind == "stale"])
    quality = seen.overall
    if quality is None or quality.measured is None:
        why = "the data moved, and there are too few labels to tell whether the model is worse"
        return Consequence("collect_labels", why, moved)
    return Consequence("watch", "the data moved, but on labelled rows the model holds", moved)


def _of_age(stale: Sequence[Alert]) -> Consequence:
    ids = tuple(alert.id for alert in stale)
    if any("age" in alert.subjects for alert in stale):
        return Consequence("retrain", "the model is older than the project allows", ids)
    if ids:
        return Consequence("watch", "predictions or labels have not come for long", ids)
    return Consequence("none", "nothing is wrong")
