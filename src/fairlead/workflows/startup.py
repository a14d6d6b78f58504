"""What a service begins with: what it served last, what the registry says now, and bundles."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence

import msgspec

from fairlead.bundle.reading import load_bundle
from fairlead.errors import BundleError, FairleadError, RegistryUnavailableError
from fairlead.serving.table import Served, Table, TableFile, Version
from fairlead.workflows.follower import Follower
from fairlead.workflows.serve import Registered

log = logging.getLogger(__name__)

FIRST_LOOK_S = 10.0
"""What the registry gets to answer before the service starts with what it served last."""


def take_over(file: TableFile, names: Sequence[str]) -> None:
    """Keep of the run before what is asked for again and still sound, and nothing else."""
    try:
        file.read()
    except ValueError as error:
        log.warning("table_unreadable", extra={"path": str(file.path), "reason": str(error)})
        file.path.unlink(missing_ok=True)

    def change(table: Table) -> Table:
        before = {**table.unloaded, **table.models}
        models = {name: before[name] for name in names if name in before}
        sound = {name: each for name, each in models.items() if all(map(_sound, _routed(each)))}
        return Table(sound)

    file.edit(change)


def _routed(served: Served) -> list[Version]:
    return [served.versions[route.version] for route in served.routes.values()]


def _sound(version: Version) -> bool:
    try:
        return load_bundle(version.path).digest == version.digest
    except BundleError:
        return False


def first_look(follower: Follower, file: TableFile, wanted: Sequence[Registered]) -> None:
    """Ask the registry before the service starts; what it served last will do if that fails.

    Raises:
        FairleadError: a model cannot be found, and was not served before either.
    """
    failed: dict[str, FairleadError] = {}
    crashed: list[BaseException] = []

    def look() -> None:
        try:
            failed.update(follower.look())
        except FairleadError as error:
            crashed.append(error)

    # A registry that never answers must not keep a service from starting.
    thread = threading.Thread(target=look, name="first-look", daemon=True)
    thread.start()
    thread.join(FIRST_LOOK_S)
    if crashed:
        raise crashed[0]
    if thread.is_alive():
        follower.give_up(FIRST_LOOK_S)
    known = file.read().models
    for model in wanted:
        if model.name in known:
            continue
        raise failed.get(model.name) or RegistryUnavailableError(
            str(model.root), f"no answer within {FIRST_LOOK_S:g} seconds"
        )


def add_bundles(file: TableFile, bundles: Mapping[str, Served], default: str | None) -> None:
    """Write bundles that are served by their folders into the table, and the default model."""

    def change(table: Table) -> Table:
        models = {**table.models, **bundles}
        return msgspec.structs.replace(
            table, models=models, default=default or next(iter(models), None)
        )

    file.edit(change)
