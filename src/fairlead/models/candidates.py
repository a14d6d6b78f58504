"""What is wrong with the candidates of a project file, before anything is trained."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from pydantic import ValidationError

from fairlead.errors import Problem
from fairlead.models.combinations import COMBINATIONS, check_combination
from fairlead.models.family import families, family
from fairlead.models.search_space import search_problems
from fairlead.project.columns import Task
from fairlead.project.neighbours import NeighboursSpec
from fairlead.project.problems import closest, refusals, shown
from fairlead.project.spec import CandidateSpec, DataSpec, ProjectSpec


def check_candidates(spec: ProjectSpec) -> list[Problem]:
    """Check every candidate's family and parameters.

    Returns:
        All problems, in the order of the candidates; `where` is the key path in the file.
    """
    return [
        replace(problem, where=f"candidates.{name}.{problem.where}".rstrip("."))
        for name, candidate in spec.candidates.items()
        for problem in _problems(name, candidate, spec)
    ]


def _problems(name: str, candidate: CandidateSpec, spec: ProjectSpec) -> Iterator[Problem]:
    yield from _feature_problems(candidate, spec.data, spec.task)
    yield from _task_problems(candidate, spec)
    if candidate.family in COMBINATIONS:
        yield from check_combination(name, candidate, spec)
        yield from search_problems(candidate, spec.task)
        return
    if candidate.family not in families():
        known = closest(candidate.family, sorted({*families(), *COMBINATIONS}))
        yield Problem("family", shown(candidate.family), known)
        return
    chosen = family(candidate.family)
    if spec.task not in chosen.tasks:
        suited = [name for name in sorted(families()) if spec.task in family(name).tasks]
        expected = f"a family for {spec.task}: {', '.join(f'`{name}`' for name in suited)}"
        yield Problem("family", shown(candidate.family), expected)
        return
    for key in candidate.parameters:
        task = chosen.parameters.only.get(key, spec.task)
        if task != spec.task:
            yield Problem(key, shown(key), f"this key for {task} only")
    try:
        parameters = chosen.parameters.model_validate(candidate.parameters)
    except ValidationError as error:
        found = refusals(error, candidate.parameters, chosen.parameters)
        yield from (refusal.problem for refusal in found)
        return
    yield from chosen.problems(parameters, spec.data, spec.task)
    yield from search_problems(candidate, spec.task)


def _task_problems(candidate: CandidateSpec, spec: ProjectSpec) -> Iterator[Problem]:
    """Keys of every candidate that fit one task only."""
    for key, task in (("transform_target", "regression"), ("calibrate", "classification")):
        value = getattr(candidate, key)
        if value is not None and spec.task != task:
            yield Problem(key, shown(value), f"this key for {task} only")


def _ratio_problems(neighbours: NeighboursSpec, data: DataSpec, task: Task) -> Iterator[Problem]:
    for first, second in neighbours.ratio.items():
        where = f"neighbours.ratio.{first}"
        if second == data.target.name:
            yield Problem(where, f"`{second}`, the target", "what is known of a row itself")
        if first == data.target.name and task == "classification":
            yield Problem(where, f"`{first}`, a class", "a number")


def _feature_problems(candidate: CandidateSpec, data: DataSpec, task: Task) -> Iterator[Problem]:
    """What is wrong with the columns that a candidate leaves out or looks for neighbours in."""
    features = [name for name, column in data.columns.items() if column.role == "feature"]
    known = [*features, *data.derived]
    for index, name in enumerate(candidate.without):
        if name not in known:
            yield Problem(f"without[{index}]", shown(name), closest(name, known))
    if set(known) <= set(candidate.without) and candidate.neighbours is None:
        yield Problem("without", "every feature", "at least one feature that is left")
    if candidate.neighbours is None:
        return
    for name in candidate.neighbours.columns:
        where, column = f"neighbours.columns.{name}", data.columns.get(name)
        if column is None or name not in features:
            yield Problem(where, shown(name), closest(name, features))
        elif not column.numeric:
            yield Problem(where, f"`{name}`, a {column.type}", "a number or an integer")
        elif column.nullable and column.missing is None:
            found = f"`{name}`, which may be missing"
            yield Problem(where, found, "a column that is filled, or may not be missing")
    averaged = [*known, data.target.name]
    yield from _ratio_problems(candidate.neighbours, data, task)
    for index, name in enumerate(candidate.neighbours.mean):
        where, column = f"neighbours.mean[{index}]", data.columns.get(name)
        if name not in averaged:
            yield Problem(where, shown(name), closest(name, averaged))
        elif column is not None and not column.numeric and column.type != "boolean":
            yield Problem(where, f"`{name}`, a {column.type}", "a number, an integer or a boolean")
