"""Deletes what the prediction log has kept for long enough, while services write to it.

Labels are kept as long as predictions, from when they came: they outlive what they are of.
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from fairlead.serving.labels import IMPORTED, LABELS, header_of, label_files
from fairlead.serving.prediction_segments import SKETCHES, STAMP, claimed, files

log = logging.getLogger(__name__)

DAY = re.compile(r"(?:day=)?(\d{4}-\d{2}-\d{2})")
EVERY_S = 3600.0


class Deleted(NamedTuple):
    """What `retain` has done.

    Attributes:
        files: number that were deleted.
        failed: number that should have been, and could not be.
        reason: of the first of these.
    """

    files: int = 0
    failed: int = 0
    reason: str = ""


def retain(
    folder: Path, days: int, now: datetime | None = None, *, sketch_days: int | None = None
) -> Deleted:
    """Delete what is older than so many days, the oldest first; never what is being written.

    Labels count from when they came, and are kept a day longer.

    Several processes may do it at once, and write, compact and query meanwhile.

    Args:
        folder: of the log.
        days: that predictions are kept at least; files are deleted when they are a day older.
        now: the time, if it is not the present one.
        sketch_days: the same for the sketches, which hold no rows; for ever if not given.

    Raises:
        OSError: the folder cannot be read.
    """
    now = now or datetime.now(UTC)
    limit = now - timedelta(days=days + 1)
    over = _days_until(limit, folder.glob("*/*/day=*"))
    if sketch_days is not None:
        last = now - timedelta(days=sketch_days + 1)
        over += _days_until(last, folder.glob(f"*/*/{SKETCHES}/*"))
    old = [(f"{day:%Y%m%d}", path) for day, parent in over for path in _content(parent)]
    old += [(each.stem, each.path) for each in files(folder) if each.began <= limit]
    # A day more: no label goes before the prediction that it is of.
    old += _old_labels(folder, limit - timedelta(days=1))
    deleted, reasons = 0, []
    for _, path in sorted(old):
        try:
            with claimed(path) as is_finished:
                if is_finished:
                    path.unlink()
                    deleted += 1
        except OSError as error:
            reasons.append(error.strerror or type(error).__name__)
    for _, path in over:
        try:
            path.rmdir()
        except OSError:
            continue  # it holds more, or another process was faster
    return Deleted(deleted, len(reasons), reasons[0] if reasons else "")


class Retention:
    """Deletes what is too old at once, and then every hour, in a thread of its own.

    Args:
        folder: of the log.
        days, sketch_days: as `retain` takes them.
        every_s: pause in between.
    """

    def __init__(
        self, folder: Path, days: int, every_s: float = EVERY_S, *, sketch_days: int | None = None
    ) -> None:
        self._folder = folder
        self._days, self._sketch_days = days, sketch_days
        self._every_s = every_s
        self._ending = threading.Event()
        threading.Thread(target=self._run, name="prediction-retention", daemon=True).start()

    def close(self) -> None:
        """Begin no further pass."""
        self._ending.set()

    def _run(self) -> None:
        while True:
            self._delete()
            if self._ending.wait(self._every_s):
                return

    def _delete(self) -> None:
        try:
            done = retain(self._folder, self._days, sketch_days=self._sketch_days)
        except OSError as error:
            done = Deleted(failed=1, reason=error.strerror or type(error).__name__)
        if done.files:
            log.info("predictions_expired", extra={"files": done.files})
        if done.failed:
            fields = {"files": done.failed, "reason": done.reason}
            log.error("predictions_not_deleted", extra=fields)


def _old_labels(folder: Path, limit: datetime) -> list[tuple[str, Path]]:
    found = []
    for path in label_files(folder):
        header = header_of(path)
        if header is not None and header.began <= limit.timestamp() * 1e6:
            began = datetime.fromtimestamp(header.began / 1e6, UTC)
            found.append((f"{began:{STAMP}}", path))
    # What an import has left that was killed.
    for path in folder.glob(f"*/{LABELS}/{IMPORTED}/.*.part"):
        with suppress(FileNotFoundError):
            if path.stat().st_mtime <= limit.timestamp():
                found.append(("", path))
    return found


def _days_until(limit: datetime, folders: Iterable[Path]) -> list[tuple[datetime, Path]]:
    dated = ((_day(path), path) for path in folders)
    return [(day, path) for day, path in dated if day is not None and day <= limit]


def _day(folder: Path) -> datetime | None:
    match = DAY.fullmatch(folder.name)
    return datetime.fromisoformat(match[1]).replace(tzinfo=UTC) if match else None


def _content(folder: Path) -> list[Path]:
    try:
        return [path for path in folder.iterdir() if path.is_file()]
    except (FileNotFoundError, NotADirectoryError):
        return []  # another process was faster, or it is no folder of ours
