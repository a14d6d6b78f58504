"""The routing table: which versions are served, which share of the traffic each one answers.

It is one file, `routes.json`, which the supervisor and the admin routes of any worker edit, and
which every worker follows. Readers see the old table or the new one, never a part.
"""

from __future__ import annotations

import fcntl
import re
from collections.abc import Callable
from pathlib import Path

import msgspec
from msgspec import Struct

from fairlead.registry.traffic import Traffic
from fairlead.serving.records import label_of
from fairlead.storage import write_whole

MODEL_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
"""Names under which callers may have models served: they stand in paths, metrics and files."""


class Version(Struct, frozen=True, forbid_unknown_fields=True):
    """A verified bundle on this machine.

    Attributes:
        path: its folder.
        digest: SHA-256 of its manifest.
        number: its version in the registry; None for a bundle that is served by its path.
    """

    path: str
    digest: str
    number: int | None = None


class Route(Struct, frozen=True, forbid_unknown_fields=True):
    """One way through a model, named by the alias or reference that was asked for.

    Attributes:
        version: key of `Served.versions`.
        weight: share of the traffic, relative to the other routes; 0 answers none.
    """

    version: str
    weight: float = 1.0


class Served(Struct, frozen=True, forbid_unknown_fields=True):
    """One model and its traffic.

    Attributes:
        versions: label (the number, or the first 12 digits of the digest) -> bundle.
        routes: name, such as `champion` -> version and share; at least one weight is positive.
        shadow: name of the route that sees a copy of the traffic and never answers, if any.
        sticky: what keeps a caller on one route: `header:<name>` or `field:<column>`.
        ledger: of the project, where a registry keeps the traffic and the supervisor follows it;
            None where the traffic is this service's own.
        asked: the traffic that an operator has asked this service for, and that the registry is
            still to be told.
    """

    versions: dict[str, Version]
    routes: dict[str, Route]
    shadow: str | None = None
    sticky: str | None = None
    ledger: str | None = None
    asked: Traffic | None = None


def served_alone(path: Path, digest: str) -> Served:
    """What is served of a bundle that is named by its folder: this version and no other.

    Args:
        path: the bundle's folder.
        digest: SHA-256 of its manifest.
    """
    label = label_of(None, digest)
    return Served({label: Version(str(path.resolve()), digest)}, {label: Route(label)})


class Trouble(Struct, frozen=True, forbid_unknown_fields=True):
    """Something that keeps the service from following what was asked of it.

    Attributes:
        kind: stable code: `registry_unavailable`, `bundle_refused`, `worker_crashed`, …
        what: one sentence for the operator; holds no secret and no row.
        model: which model, if it is about one.
        since: seconds since 1970.
    """

    kind: str
    what: str
    model: str | None = None
    since: float = 0.0


class Table(Struct, frozen=True, forbid_unknown_fields=True):
    """All that is served.

    Attributes:
        models: name -> what is served under it.
        default: the model that the short paths answer with; None when nothing is served.
        troubles: what is wrong at present.
        unloaded: what was taken out by request, and is not to come back by itself.
    """

    models: dict[str, Served]
    default: str | None = None
    troubles: tuple[Trouble, ...] = ()
    unloaded: dict[str, Served] = {}


class TableFile:
    """`routes.json` in a state folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> Table:
        """The table as it is now; an empty one if it was never written.

        Raises:
            ValueError: the file was written by something else.
        """
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return Table({})
        return msgspec.json.decode(content, type=Table)

    def stamp(self) -> tuple[int, int] | None:
        """What changes whenever the file is replaced; None if there is none."""
        try:
            status = self.path.stat()
        except FileNotFoundError:
            return None
        return status.st_mtime_ns, status.st_ino

    def edit(self, change: Callable[[Table], Table]) -> Table:
        """Replace the table by what `change` makes of it; editors take turns.

        Raises:
            StorageError: it could not be written; the old one is still there.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            before = self.read()
            after = change(before)
            if after != before or not self.path.exists():
                write_whole(self.path, msgspec.json.format(msgspec.json.encode(after)))
            return after
