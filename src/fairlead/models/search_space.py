"""What a search may try for a candidate, and what is wrong with what was asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, get_args, get_origin

from pydantic import ValidationError

from fairlead.errors import Problem
from fairlead.models.combinations import COMBINATIONS
from fairlead.models.family import Family, Range, family
from fairlead.project.columns import Task
from fairlead.project.problems import closest, refusals, shown
from fairlead.project.spec import CandidateSpec, RangeSpec

Space = Mapping[str, Range | tuple[Any, ...]]
"""Parameter -> the values that a search may try."""


def search_space(candidate: CandidateSpec, task: Task) -> dict[str, Range | tuple[Any, ...]]:
    """The family's own space without the parameters that are written, and what `space` names.

    Where the file asks for no search, it is the whole space of the family; a combination has none.

    Args:
        candidate: whose `search.space` was checked.
        task: what is predicted; parameters of another task are left out.
    """
    if candidate.family in COMBINATIONS:
        return {}
    chosen = family(candidate.family)
    fixed = candidate.parameters if candidate.search else {}
    space = {
        name: values
        for name, values in chosen.search_space.items()
        if name not in fixed and _is_for(chosen, name, task)
    }
    for name, values in (candidate.search.space if candidate.search else {}).items():
        if isinstance(values, RangeSpec):
            whole = _takes(chosen, name, int) and not _takes(chosen, name, float)
            space[name] = Range(values.low, values.high, log=values.log, whole=whole)
        else:
            space[name] = values
    return space


def search_problems(candidate: CandidateSpec, task: Task) -> Iterator[Problem]:
    """What is wrong with the `search` of a candidate whose parameters are sound."""
    if candidate.search is None:
        return
    if candidate.family in COMBINATIONS:
        yield Problem("search", "`search` on a combination", "it on what is combined")
        return
    chosen = family(candidate.family)
    known = [name for name in chosen.parameters.model_fields if _is_for(chosen, name, task)]
    faulty = False
    for name, values in candidate.search.space.items():
        where = f"search.space.{name}"
        if name not in known:
            found = [Problem(where, shown(name), closest(name, known) if known else "no parameter")]
        elif not isinstance(values, RangeSpec):
            found = [
                problem
                for index, value in enumerate(values)
                for problem in _refused(candidate, name, value, f"{where}[{index}]")
            ]
        elif not (_takes(chosen, name, int) or _takes(chosen, name, float)):
            found = [Problem(where, "a range", "a list of values")]
        else:
            found = [
                problem
                for end in ("low", "high")
                for problem in _refused(candidate, name, getattr(values, end), f"{where}.{end}")
            ]
        faulty = faulty or bool(found)
        yield from found
    if not faulty and not search_space(candidate, task):
        own = [name for name in chosen.search_space if _is_for(chosen, name, task)]
        if own:
            found_ = f"{', '.join(f'`{name}`' for name in own)} written, and nothing else to search"
            yield Problem("search", found_, "one of them left out, or a `space`")
        else:
            yield Problem("search", f"`{candidate.family}`, which has no space", "a `space`")


def _is_for(chosen: Family, name: str, task: Task) -> bool:
    return chosen.parameters.only.get(name, task) == task


def _takes(chosen: Family, name: str, kind: type) -> bool:
    return kind in _kinds(chosen.parameters.model_fields[name].annotation)


def _kinds(annotation: Any) -> set[Any]:
    """The types that a value may have, bounds and literals left aside."""
    inner = get_args(annotation)
    if get_origin(annotation) is Annotated:
        return _kinds(inner[0])
    return set().union(*map(_kinds, inner)) if inner else {annotation}


def _refused(candidate: CandidateSpec, name: str, value: Any, where: str) -> Iterator[Problem]:
    """What the family says of one value beside the parameters that are written."""
    model = family(candidate.family).parameters
    values = {**candidate.parameters, name: value}
    try:
        model.model_validate(values)
    except ValidationError as error:
        for refusal in refusals(error, values, model):
            yield Problem(where, refusal.problem.found, refusal.problem.expected)
