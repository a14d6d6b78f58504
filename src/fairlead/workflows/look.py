"""Looks at a window of a project's champion: what it is, how it drifts, how good it is."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from fairlead.bundle.reading import Bundle
from fairlead.errors import FairleadError, ModelVersionNotFoundError
from fairlead.monitoring.observation import Fault, Observation, Watched
from fairlead.monitoring.records import DriftReport, Quality, Window
from fairlead.project.loading import Project
from fairlead.registry.port import ModelRegistry
from fairlead.registry.records import CHAMPION
from fairlead.serving.records import label_of
from fairlead.workflows.standing import champion_of

log = logging.getLogger(__name__)

Told = TypeVar("Told")


@dataclass(frozen=True)
class Measured:
    """Quality, and of which rows.

    Attributes:
        quality: in parts too; empty where nothing is labelled.
        window: of the labelled rows; None where nothing is labelled.
        current: of all rows of the window that was asked for, if that is another one.
        last_label: time of the newest prediction with a label, UTC; None without one.
    """

    quality: tuple[Quality, ...] = ()
    window: Window | None = None
    current: Quality | None = None
    last_label: datetime | None = None


@dataclass(frozen=True)
class Eyes:
    """What a look is made with; what is None is not looked at.

    Attributes:
        watched: the champion and its bundle.
        drift: of a window.
        quality: of a window, or of an earlier one where labels are late.
        newest: time of the newest prediction, UTC.
    """

    watched: Callable[[], tuple[Watched, Bundle]]
    drift: Callable[[Watched, Bundle, Window], DriftReport] | None = None
    quality: Callable[[Window], Measured] | None = None
    newest: Callable[[], datetime | None] | None = None


def look(eyes: Eyes, window: Window) -> Observation:
    """Look once; what fails is a fault of the observation, except the champion itself.

    Raises:
        ModelVersionNotFoundError: there is no champion.
        RegistryUnavailableError: the registry does not answer.
        BundleError: the champion's bundle is not what was written.
    """
    watched, bundle = eyes.watched()
    faults: list[Fault] = []

    def tried(name: str, part: Callable[[], Told], nothing: Told) -> Told:
        try:
            return part()
        except (FairleadError, OSError) as error:
            faults.append(Fault(name, str(error)))
        except Exception as error:
            # The edge of a part: told, and the others go on. Its message may quote a row.
            log.error("look_broke", exc_info=error, extra={"part": name})
            faults.append(Fault(name, f"{type(error).__name__}; the log has where"))
        return nothing

    drift, quality, newest = eyes.drift, eyes.quality, eyes.newest
    report = None if drift is None else tried("drift", lambda: drift(watched, bundle, window), None)
    measured = Measured()
    if quality is not None:
        measured = tried("quality", lambda: quality(window), measured)
    last = None if newest is None else tried("traffic", newest, None)
    return Observation(
        watched,
        window,
        drift=report,
        quality=measured.quality,
        quality_window=measured.window,
        current=measured.current,
        last_prediction=last,
        last_label=measured.last_label,
        faults=tuple(faults),
    )


def watched_champion(project: Project, registry: ModelRegistry | None) -> tuple[Watched, Bundle]:
    """The champion, or without a registry the bundle that the last training put forward.

    Raises:
        ModelVersionNotFoundError: there is none.
        RegistryUnavailableError: the registry does not answer.
        BundleError: its bundle is not what was written.
    """
    name = project.spec.name
    version = None if registry is None else registry.resolve(name, CHAMPION)
    bundle, _ = champion_of(project, registry)
    if bundle is None:
        raise ModelVersionNotFoundError(name, CHAMPION)
    trained = bundle.manifest["provenance"].get("created_at")
    watched = Watched(
        model=name,
        version=label_of(None if version is None else version.version, bundle.digest),
        digest=bundle.digest,
        run_id=None if version is None else version.run_id,
        trained_at=None if trained is None else datetime.fromisoformat(trained),
    )
    return watched, bundle
