"""Keeps the evidence of each alert in a folder of its own."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from fairlead.errors import AlertNotFoundError, FairleadError, MonitorStateError
from fairlead.monitoring.alerts import Alert
from fairlead.monitoring.consequences import Consequence
from fairlead.monitoring.observation import Observation
from fairlead.monitoring.state import Looked
from fairlead.monitoring.triage import triage
from fairlead.storage import staged, write_whole
from fairlead.workflows.triage_facts import Evidence

log = logging.getLogger(__name__)

ALERT = "alert.json"
ACKNOWLEDGED = "ack.json"
TRIAGE = "triage.md"
Extra = Callable[[Path, Alert, Observation, Sequence[Looked]], None]
"""Puts one more file into the folder while it is made, such as a picture."""
Page = Callable[[Path, Alert], object]
"""Writes one more file whole, when everybody has been told; it may take long."""


class Acknowledgement(msgspec.Struct, frozen=True):
    """Somebody looks after an alert.

    Attributes:
        by: who, as `user@host`.
        at: UTC.
        note: in their words; may be empty.
    """

    by: str
    at: datetime
    note: str = ""


@dataclass(frozen=True)
class Kept:
    """An alert as it lies on the disk.

    Attributes:
        alert: as it was when the monitor wrote it last.
        folder: its evidence.
        acknowledged: None while nobody looks after it.
    """

    alert: Alert
    folder: Path
    acknowledged: Acknowledgement | None = None


def keep(
    folder: Path,
    alert: Alert,
    seen: Observation,
    follows: Consequence,
    looks: Sequence[Looked],
    evidence: Evidence,
    extras: Mapping[str, Extra],
) -> Path:
    """Write the evidence of a new alert: the whole folder or nothing.

    A folder with the same number was written by a monitor that was ended before it could
    remember the alert; it goes.

    Args:
        folder: of all alerts.
        alert: the new one.
        seen: what raised it.
        follows: what is to be done.
        looks: earlier looks and this one.
        evidence: where further facts are.
        extras: file -> what makes it; one that fails is missing, and the page says why.

    Returns:
        The alert's own folder.

    Raises:
        StorageError: it could not be written.
    """
    own = folder / alert.id
    facts = evidence.facts(alert, seen, follows, looks)
    with staged(own) as stage:
        missing = []
        for name, extra in extras.items():
            try:
                extra(stage / name, alert, seen, looks)
            except (FairleadError, ImportError, OSError) as error:
                missing.append(f"{name}: {error}")
            except Exception as error:
                # A picture is no reason to lose the rest; the message may quote a row.
                log.error("evidence_broke", exc_info=error, extra={"file": name})
                missing.append(f"{name}: {type(error).__name__}; the log has where")
        drift = None if seen.drift is None else seen.drift.to_json()
        _write(stage / "drift.json", drift)
        _write(stage / "quality.json", [each.to_json() for each in seen.quality])
        page = triage(replace(facts, unknown=(*facts.unknown, *missing)))
        (stage / TRIAGE).write_text(page, encoding="utf-8")
        (stage / ALERT).write_bytes(_encoded(alert))
        for orphan in folder.glob(f"{alert.number:04d}-*"):
            shutil.rmtree(orphan)
        stage.rename(own)
    return own


def bring_up_to_date(folder: Path, alerts: Sequence[Alert]) -> None:
    """Write what became of alerts into their folders, where it is not there yet.

    One that goes on gets a folder even where its evidence could not be written.

    Raises:
        StorageError: it could not be written.
    """
    for alert in alerts:
        file = folder / alert.id / ALERT
        content = _encoded(alert)
        is_new = not file.is_file() or file.read_bytes() != content
        if is_new and (alert.is_firing or file.parent.is_dir()):
            write_whole(file, content)


def add_pages(folder: Path, alerts: Sequence[Alert], pages: Mapping[str, Page]) -> None:
    """Make what is missing in the folders of alerts that go on.

    Where a page cannot be made, `<name>.missing.txt` says why, and it is not tried again.

    Args:
        folder: of all alerts.
        alerts: any.
        pages: file -> what makes it.

    Raises:
        StorageError: not even that could be written.
    """
    for alert in alerts:
        own = folder / alert.id
        for name, page in pages.items():
            why = own / f"{name}.missing.txt"
            if not alert.is_firing or (own / name).exists() or why.exists():
                continue
            try:
                page(own / name, alert)
            except (FairleadError, ImportError, OSError) as error:
                write_whole(why, f"{error}\n".encode())


def kept_alerts(folder: Path) -> tuple[Kept, ...]:
    """All alerts that have a folder, the newest first.

    Raises:
        MonitorStateError: one of them is not what a monitor wrote.
    """
    found = [_read(file.parent) for file in folder.glob(f"[0-9]*/{ALERT}")]
    return tuple(sorted(found, key=lambda each: (each.alert.raised_at, each.alert.number))[::-1])


def kept_alert(folder: Path, name: str) -> Kept:
    """One alert, by its id, the start of it, or its number.

    Raises:
        AlertNotFoundError: there is none, or several begin like that.
        MonitorStateError: it is not what a monitor wrote.
    """
    everything = kept_alerts(folder)
    found = [each for each in everything if each.alert.id == name]
    found = found or [each for each in everything if name == str(each.alert.number)]
    found = found or [each for each in everything if name and each.alert.id.startswith(name)]
    if len(found) != 1:
        raise AlertNotFoundError(name, tuple(each.alert.id for each in everything[:10]))
    return found[0]


def acknowledge(kept: Kept, by: str, note: str, now: datetime) -> Kept:
    """Note that somebody looks after an alert; a second time replaces the first.

    Raises:
        StorageError: it could not be written.
    """
    noted = Acknowledgement(by, now, note)
    write_whole(kept.folder / ACKNOWLEDGED, _encoded(noted))
    return replace(kept, acknowledged=noted)


def sweep(folder: Path) -> None:
    """Remove what a monitor that was killed had begun to write; only one may run."""
    for stage in folder.glob(".*.part"):
        shutil.rmtree(stage, ignore_errors=True)


def _read(folder: Path) -> Kept:
    noted = folder / ACKNOWLEDGED
    try:
        alert = msgspec.json.decode((folder / ALERT).read_bytes(), type=Alert)
        if not noted.is_file():
            return Kept(alert, folder)
        known = msgspec.json.decode(noted.read_bytes(), type=Acknowledgement)
    except msgspec.DecodeError as error:
        raise MonitorStateError(folder, str(error)) from error
    return Kept(alert, folder, known)


def _encoded(document: Any) -> bytes:
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"


def _write(file: Path, document: Any) -> None:
    file.write_text(json.dumps(document, indent=2, allow_nan=False) + "\n", encoding="utf-8")
