"""What is wrong with the candidates of a project file, before anything is trained."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from pydantic import ValidationError

from fairlead.errors import Problem
from fairlead.models.family import families, family
from fairlead.project.problems import closest, refusals, shown
from fairlead.project.spec import CandidateSpec, ProjectSpec


def check_candidates(spec: ProjectSpec) -> list[Problem]:
    """Check every candidate's family and parameters.

    Returns:
        All problems, in the order of the candidates; `where` is the key path in the file.
    """
    return [
        replace(problem, where=f"candidates.{name}.{problem.where}".rstrip("."))
        for name, candidate in spec.candidates.items()
        for problem in _problems(candidate, spec)
    ]


def _problems(candidate: CandidateSpec, spec: ProjectSpec) -> Iterator[Problem]:
    if candidate.family not in families():
        known = closest(candidate.family, sorted(families()))
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
