"""What follows from the alerts of a model: what to do next, by rule."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

from fairlead.monitoring.alerts import Alert, Kind
from fairlead.monitoring.observation import Observation

Action = Literal["none", "mend_pipeline", "retrain", "collect_labels", "watch"]

MOVED: tuple[Kind, ...] = ("drift", "estimate", "prediction")
"""What is no loss yet."""


class Consequence(Struct, frozen=True):
    """What to do next.

    Attributes:
        action: `mend_pipeline` (a model that is trained on broken data learns the fault),
            `retrain`, `collect_labels` (nobody knows yet whether the model is worse), `watch` (the
            data moved and the model copes), or `none`.
        reason: why, in words.
        alerts: ids of the alerts that it follows from.
        kind: of the first of these; None where it follows from none.
    """

    action: Action
    reason: str
    alerts: tuple[str, ...] = ()
    kind: Kind | None = None


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
        return Consequence("mend_pipeline", why, by_kind["pipeline"], "pipeline")
    if "quality" in by_kind:
        why = "labels show that the predictions are worse than the model's baseline"
        return Consequence("retrain", why, by_kind["quality"], "quality")
    kinds: list[Kind] = [kind for kind in MOVED if kind in by_kind]
    moved = tuple(each for kind in kinds for each in by_kind[kind])
    if not moved:
        return _of_age([alert for alert in alerts if alert.is_firing and alert.kind == "stale"])
    quality = seen.overall
    if quality is None or quality.measured is None:
        why = "the data moved, and there are too few labels to tell whether the model is worse"
        return Consequence("collect_labels", why, moved, kinds[0])
    why = "the data moved, but on labelled rows the model holds"
    return Consequence("watch", why, moved, kinds[0])


def _of_age(stale: Sequence[Alert]) -> Consequence:
    ids = tuple(alert.id for alert in stale)
    if any("age" in alert.subjects for alert in stale):
        return Consequence("retrain", "the model is older than the project allows", ids, "stale")
    if ids:
        return Consequence("watch", "predictions or labels have not come for long", ids, "stale")
    return Consequence("none", "no alert goes on")
