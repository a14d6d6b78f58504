"""Loads a project and checks everything that its file can be checked for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from fairlead.errors import EvaluationError, ExpressionError, Problem
from fairlead.evaluation.metrics import find_metric
from fairlead.models.candidates import check_candidates
from fairlead.project.expressions import parse
from fairlead.project.loading import Project, load_project
from fairlead.project.scope import gate_scope
from fairlead.project.spec import ProjectSpec
from fairlead.registry.gates import known_names


def load(path: Path | str = ".") -> Project:
    """Load a project.

    Args:
        path: the project's folder, or its `fairlead.yaml`.

    Raises:
        ProjectError: the file has problems; all of them are listed.
    """
    return load_project(path, check_candidates, check_metrics, check_gates)


def check_metrics(spec: ProjectSpec) -> Iterator[Problem]:
    """Find the metrics that do not exist, or not for the task."""
    evaluation = spec.evaluation
    places = [
        ("evaluation.metric", evaluation.metric),
        *((f"evaluation.also[{index}]", name) for index, name in enumerate(evaluation.also)),
    ]
    for where, name in places:
        try:
            find_metric(name, spec.task, spec.data.target.classes or None)
        except EvaluationError as error:
            yield Problem(where, error.found, error.expected)


def check_gates(spec: ProjectSpec) -> Iterator[Problem]:
    """Find what the gates name that can be neither computed nor measured."""
    known = known_names(spec)
    for index, text in enumerate(spec.promotion.gates):
        try:
            names = parse(text, gate_scope(text)).names
        except ExpressionError:
            continue  # told already
        for name in names:
            if name not in known:
                where = f"promotion.gates[{index}]"
                yield Problem(where, f"`{name}` in `{text}`", f"some of {', '.join(known)}")
