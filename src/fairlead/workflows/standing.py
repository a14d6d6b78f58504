"""Where a project's champion stands: its bundle, its training, the one before it, its canary."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from fairlead.bundle.manifest import MANIFEST
from fairlead.bundle.reading import Bundle, load_bundle, verify_bundle
from fairlead.errors import BundleError, DataError, LedgerError, LogQueryError
from fairlead.evaluation.leaderboard import Leaderboard
from fairlead.project.loading import Project
from fairlead.readiness.evidence import Canary, Champion, Former
from fairlead.readiness.model import trials_of
from fairlead.registry.champions import champion, former_champions
from fairlead.registry.ledger_lines import Entry
from fairlead.registry.moves import moved
from fairlead.registry.port import ModelRegistry
from fairlead.registry.records import CHAMPION, ModelVersion
from fairlead.serving.prediction_segments import folder_name, segments
from fairlead.settings import Settings
from fairlead.workflows.canary_place import KIND as CANARY
from fairlead.workflows.leaderboard import last_leaderboard
from fairlead.workflows.prediction_log import predictions_of
from fairlead.workflows.store import bundles_of, results_folder
from fairlead.workflows.traffic import KIND, ledger_of

SLOW_S = 10.0
"""Going back must not take longer."""
SMALL_SHARE = 50
"""A canary has less than so many percent of the traffic."""


def champion_of(
    project: Project, registry: ModelRegistry | None
) -> tuple[Bundle, Champion] | tuple[None, None]:
    """The champion, or without a registry the first of the last leaderboard; None without one.

    Raises:
        BundleError: its bundle is not what was written.
        RegistryUnavailableError: the registry does not answer.
    """
    if registry is None:
        folder = _selected(project)
        return (None, None) if folder is None else _described(load_bundle(folder))
    version = champion(registry, project.spec.name)
    if version is None:
        return None, None
    return _described(load_bundle(registry.fetch(version, bundles_of(project.root))), version)


def _described(bundle: Bundle, version: ModelVersion | None = None) -> tuple[Bundle, Champion]:
    label = bundle.digest[:12] if version is None else str(version)
    registered, number = (None, None) if version is None else (version.created_at, version.version)
    label = f"{label} ({bundle.candidate})"
    return bundle, Champion(label, bundle.digest, bundle.manifest, registered, number)


def _selected(project: Project) -> Path | None:
    """The bundle that the last training has put forward."""
    board = _last_board(project)
    if board is None or board.selected is None:
        return None
    for file in sorted(bundles_of(project.root).glob(f"*/{MANIFEST}")):
        manifest = _json(file)
        if manifest is not None and is_of(board, manifest, board.selected.name):
            return file.parent
    return None


def board_of(project: Project, own: Champion) -> Leaderboard | None:
    """The last leaderboard, if the champion stands on it."""
    board = _last_board(project)
    known = board is not None and is_of(board, own.manifest, own.candidate)
    return board if known else None


def searches_of(project: Project, board: Leaderboard) -> dict[str, int]:
    """The candidates of a leaderboard -> how many trials found their parameters."""
    manifests = map(_json, sorted(bundles_of(project.root).glob(f"*/{MANIFEST}")))
    return {
        str(manifest["candidate"]): trials_of(manifest)
        for manifest in manifests
        if manifest is not None and is_of(board, manifest, str(manifest.get("candidate")))
    }


def is_of(board: Leaderboard, manifest: Mapping[str, Any], name: str) -> bool:
    """Whether a bundle is that of a candidate on a leaderboard: the same figure to the last bit."""
    entry = next((each for each in board.entries if each.name == name), None)
    if entry is None or manifest.get("candidate") != name or board.metric not in entry.cv:
        return False
    estimate = manifest["metrics"].get("cv", {}).get(board.metric)
    return estimate is not None and estimate["value"] == entry.cv[board.metric].value


def _last_board(project: Project) -> Leaderboard | None:
    try:
        return last_leaderboard(project)
    except DataError:
        return None


def study_of(project: Project, name: str, own: Champion) -> Mapping[str, Any] | None:
    """A study such as `importance`, if it is of the champion and of its training."""
    document = _json(results_folder(project) / f"{name}.json")
    if document is None or document.get("candidate") != own.candidate:
        return None
    keys = ("created_at", "data_fingerprint")
    same = all(document.get(key) == own.provenance.get(key) for key in keys)
    return document if same else None


def reproduction_of(project: Project, own: Champion) -> Mapping[str, Any] | None:
    """What `fairlead reproduce` found of the champion."""
    return _json(results_folder(project) / "reproduction" / f"{own.digest}.json")


def former_of(project: Project, registry: ModelRegistry, own: Champion) -> Former | None:
    """Load the version that a rollback leads to.

    Raises:
        RegistryUnavailableError: the registry does not answer.
    """
    name = project.spec.name
    current = registry.resolve(name, CHAMPION).version
    versions = {each.version: each for each in registry.versions(name)}
    history = [each for each in former_champions(registry, name) if each in versions]
    history = [each for each in history if each != current]
    if not history:
        return None
    version = versions[history[-1]]
    label = f"{version} ({version.candidate})"
    try:
        folder = registry.fetch(version, bundles_of(project.root))
        started = time.perf_counter()
        bundle = verify_bundle(folder)
        seconds = time.perf_counter() - started
    except BundleError as error:
        return Former(label, problem=str(error))
    keys = ("task", "columns", "classes")
    same = all(bundle.manifest["contract"][key] == own.manifest["contract"][key] for key in keys)
    if not same:
        return Former(label, seconds, "it takes other rows than the champion")
    slow = f"it takes {seconds:.0f} s to load, allowed {SLOW_S:.0f}" if seconds > SLOW_S else None
    return Former(label, seconds, slow)


def canary_of(project: Project, settings: Settings, own: Champion) -> Canary | None:
    """The champion's first, small share of the traffic, as ledger and prediction log have it."""
    ledger = ledger_of(project.root)
    try:
        ledger.verify()
        entries = ledger.entries(project.spec.name)
    except LedgerError:
        return None
    registered, judged = own.registered_at, _judged(entries, own)
    routes = set(_answered_routes(predictions_of(project.root, settings), project.spec.name, own))
    aliases: dict[str, int | None] = {}
    found = []
    for entry in entries:
        aliases |= moved(entry) or {}
        late = registered is not None and entry.at >= registered.isoformat()
        if entry.kind != KIND or not late or not isinstance(entry.after, dict):
            continue
        weights = entry.after.get("weights") or {}
        for route, weight in weights.items():
            # Of an alias that the ledger does not know, the prediction log tells whose it was.
            version = int(route) if route.isdigit() else aliases.get(route, own.version)
            small = 0 < 100 * weight < SMALL_SHARE * sum(weights.values())
            if route != CHAMPION and version == own.version and small:
                percent = 100 * weight / sum(weights.values())
                found.append(Canary(percent, entry.at, entry.sequence, route in routes, judged))
    # One that was answered is better evidence than an earlier one that was not.
    return min(found, key=lambda each: (not each.answered, each.percent), default=None)


def _judged(entries: Sequence[Entry], own: Champion) -> str | None:
    """What the last look of a canary said of a version; None if none was judged."""
    looks = [
        str(entry.after["outcome"])
        for entry in entries
        if entry.kind == CANARY
        and isinstance(entry.after, dict)
        and entry.before["challenger"] == own.version
    ]
    return looks[-1] if looks else None


def _answered_routes(folder: Path, name: str, own: Champion) -> Iterator[str]:
    """The routes by which a bundle answered, as the prediction log has them."""
    import polars as pl

    for segment in segments(folder, name):
        try:
            header = segment.header()
            if header is None or header.digest != own.digest:
                continue
            with segment.open() as opened:
                lines = opened.read().splitlines()[1:]
        except (FileNotFoundError, LogQueryError):
            continue
        yield from (str(line["route"]) for text in lines if (line := _parsed(text)) is not None)
    for file in folder.glob(f"{folder_name(name)}/*/day=*/*.parquet"):
        # A version's label is its number, or the first digits of its digest.
        if file.parents[1].name in own.label.split() or own.digest.startswith(file.parents[1].name):
            yield from map(str, pl.read_parquet(file, columns=["route"])["route"].unique())


def _parsed(line: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) and "route" in found else None


def _json(file: Path) -> dict[str, Any] | None:
    """A document; None if it is not there or cannot be read."""
    try:
        found = json.loads(file.read_bytes())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None
