"""Adds one feature more to a project, to see how long that takes; nothing of it is kept."""

from __future__ import annotations

import time

import numpy as np
from threadpoolctl import threadpool_limits

from fairlead.bundle.making import compile_and_prove
from fairlead.data.enforcement import Dataset
from fairlead.evaluation.leaderboard import Leaderboard
from fairlead.graph.runtime import Session
from fairlead.project.spec import ProjectSpec
from fairlead.readiness.evidence import Probed
from fairlead.training.fitting import Candidate, fit

ROWS = 2_000
MAX_S = 60.0
NAME = "one_feature_more"


def new_feature(spec: ProjectSpec, dataset: Dataset, board: Leaderboard | None) -> Probed:
    """Train the quickest candidate with a derived column more, compile, prove and score it.

    Args:
        spec: the project.
        dataset: its data.
        board: says which candidate is the quickest; without it, the first one is taken.

    Raises:
        FairleadError: one of these steps failed.
    """
    name = _quickest(spec, board)
    if name is None:
        return Probed(passed=False, text="a rule list takes a feature only by a rule of its own")
    numbers = [key for key, column in dataset.contract.columns.items() if column.numeric]
    first = numbers[0] if numbers else next(iter(dataset.contract.columns))
    expression = f"{first} * {first}" if numbers else f"where(is_missing({first}), 1, 0)"
    derived = {**spec.data.derived, NAME: expression}
    candidate = Candidate.of(name, spec.candidates[name], derived, spec.evaluation.cv.seed)
    drawn = np.random.default_rng(spec.evaluation.cv.seed).permutation(len(dataset.y))[:ROWS]
    X, y = dataset.X[drawn], dataset.y[drawn]
    started = time.perf_counter()
    # On a busy machine several threads wait for each other.
    with threadpool_limits(1):
        graph = compile_and_prove(fit(candidate, dataset.contract, X, y), X)
    Session(graph.model).run(X)
    seconds = time.perf_counter() - started
    text = (
        f"`{expression}` in {name}: trained on {len(X):,} rows, compiled, proved and scored in "
        f"{seconds:.1f} s"
    )
    return Probed(seconds <= MAX_S, text)


def _quickest(spec: ProjectSpec, board: Leaderboard | None) -> str | None:
    seconds = {} if board is None else {entry.name: entry.training_s for entry in board.entries}
    able = [name for name, each in spec.candidates.items() if each.family != "rules"]
    return min(able, key=lambda name: seconds.get(name) or float("inf"), default=None)
