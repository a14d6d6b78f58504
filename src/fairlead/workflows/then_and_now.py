"""Puts a version beside what was made of its record: graph, metrics, code, environment."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from fairlead.bundle.differences import graph_differences
from fairlead.bundle.golden import differing_rows
from fairlead.bundle.manifest import GRAPH, PROJECT
from fairlead.bundle.reading import Bundle
from fairlead.project.loading import Project, canonical_json
from fairlead.project.spec import ProjectSpec
from fairlead.workflows.environment import environment_of
from fairlead.workflows.provenance import NAMED, provenance
from fairlead.workflows.recorded import Recorded
from fairlead.workflows.recorded_data import FoundData
from fairlead.workflows.reproduction import Change, Graphs, Metric, Reproduction

NAMES = {"git_commit": "commit", "fairlead": "Fairlead", "fairlead_digest": "Fairlead's modules"}
"""What is told of the code -> how it is called."""


def put_beside(
    project: Project, recorded: Recorded, made: Bundle, data: FoundData, place: Path
) -> Reproduction:
    """Compare a version with what was made again of it.

    Args:
        project: the project as it is now.
        recorded: the version.
        made: the bundle that was made again.
        data: what it was trained on.
        place: the project's folder whose code made it; another one than the project's if the
            recorded commit was checked out.
    """
    environment = environment_of(place)
    # The project's repository is that of the place; Fairlead is the one that has made the bundle.
    ran = {key: made.manifest["provenance"].get(key) for key in NAMES if key != "git_commit"}
    now = {**provenance(place, environment), **ran}
    commit, here = now["git_commit"], place == project.root
    source = "the code that runs now" if here else f"the code of commit {str(commit)[:12]}"
    return Reproduction(
        version=recorded.label,
        candidate=recorded.bundle.candidate,
        digest=recorded.bundle.digest,
        code=source,
        graphs=_graphs(recorded.bundle, made),
        metrics=tuple(_metrics(recorded.bundle.manifest, made.manifest)),
        data=data,
        changes=_all_changes(project, recorded, now, environment),
        remarks=tuple(_remarks(project, recorded, now, here=here)),
    )


def _graphs(then: Bundle, now: Bundle) -> Graphs:
    differing, rows = None, then.golden()
    if list(then.contract.columns) == list(now.contract.columns):
        differing = len(differing_rows(rows, now.score(then.encode(rows["records"]))))
    return Graphs(
        then=then.manifest["files"][GRAPH],
        now=now.manifest["files"][GRAPH],
        differences=graph_differences(*((each.path / GRAPH).read_bytes() for each in (then, now))),
        golden_rows=len(rows["records"]),
        golden_differing=differing,
    )


def _metrics(then: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[Metric]:
    for source, report in then["metrics"].items():
        others = now["metrics"].get(source, {})
        for name, estimate in report.items():
            yield Metric(source, name, estimate["value"], others.get(name, {}).get("value"))


def _all_changes(
    project: Project, recorded: Recorded, now: Mapping[str, Any], environment: Mapping[str, Any]
) -> dict[str, tuple[Change, ...] | None]:
    origin, spec = recorded.provenance, recorded.spec()
    then = recorded.environment or {"distributions": origin["libraries"]}
    installed = environment["distributions"]
    if recorded.environment is None:
        # Such a bundle names only these.
        installed = {name: installed.get(name) for name in origin["libraries"]}
    told = [key for key in NAMES if key in origin]
    code = [{NAMES[key]: each[key] for key in told} for each in (origin, now)]
    libraries = _changes(then["distributions"], installed)
    written = None if spec is None else _changes(*map(_keys, (spec, project.spec)))
    return {
        "code": _changes(*code),
        "project file": written,
        "libraries": tuple(sorted(libraries, key=lambda each: each.name not in NAMED)),
        "platform": _recorded_changes(then, environment, "platform"),
        "lock files": _recorded_changes(then, environment, "locks"),
    }


def _recorded_changes(
    then: Mapping[str, Any], now: Mapping[str, Any], part: str
) -> tuple[Change, ...] | None:
    return _changes(then[part], now[part]) if part in then else None


def _changes(then: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[Change, ...]:
    return tuple(
        Change(name, then.get(name), now.get(name))
        for name in dict.fromkeys([*then, *now])
        if then.get(name) != now.get(name)
    )


def _keys(spec: ProjectSpec) -> dict[str, Any]:
    """What a training depends on, as paths and values."""
    return _flat(json.loads(canonical_json(spec)))


def _flat(values: Mapping[str, Any], path: str = "") -> dict[str, Any]:
    """Nested mappings as one, with paths such as `data.columns.age.min` for keys."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            found |= _flat(value, f"{path}{key}.")
        else:
            found[f"{path}{key}"] = value
    return found


def _remarks(
    project: Project, recorded: Recorded, now: Mapping[str, Any], *, here: bool
) -> Iterator[str]:
    origin = recorded.provenance
    if origin["git_dirty"]:
        yield "It was trained with uncommitted changes, which its commit does not hold."
    if here and now["git_dirty"]:
        yield "The repository has uncommitted changes now."
    if here and origin["git_commit"] and origin["git_commit"] != now["git_commit"]:
        yield f"--checkout takes the code of its commit, {origin['git_commit'][:12]}."
    if recorded.spec_json is None:
        yield f"The bundle is older than {PROJECT}: it was made again by the project file."
        if here and origin["spec_digest"] != project.digest:
            yield "That file, or what Fairlead reads of it, is not what it was then."
