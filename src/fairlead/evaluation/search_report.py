"""A search in words: what it found, and the line that fixes it in the project file."""

from __future__ import annotations

import math

from fairlead.evaluation.metrics import Metric
from fairlead.evaluation.records import Estimate
from fairlead.evaluation.tables import decimals, number_text, unit_of
from fairlead.project.document import write_entry
from fairlead.project.spec import CandidateSpec
from fairlead.training.search import SearchResult, Trial


def value_text(trial: Trial, metric: Metric, unit: str | None = None) -> str:
    """Such as `46,510 ± 450 USD`; a dash where the trial has no value."""
    numbers = (trial.value, trial.standard_error)
    estimate = Estimate(*(math.nan if number is None else number for number in numbers))
    text = number_text(metric, estimate, decimals(metric, [estimate]))
    named = unit_of(metric, unit)
    return f"{text} {named}" if named and estimate.is_defined else text


def search_text(
    result: SearchResult, candidate: CandidateSpec, metric: Metric, unit: str | None = None
) -> list[str]:
    """What a search has found, and how to keep it.

    Args:
        result: the search.
        candidate: as the project file has it.
        metric: by which trials were compared.
        unit: unit of the target of a regression.
    """
    counts = [f"{result.count('complete')} complete", f"{result.count('pruned')} given up early"]
    if failed := result.count("failed"):
        counts.append(f"{failed} failed")
    first, best = (value_text(t, metric, unit) for t in (result.trials[0], result.chosen))
    head = f"{result.candidate}: {len(result.trials)} trials ({', '.join(counts)})"
    where = f"{metric.name} on the {result.folds} folds of the search"
    if result.is_as_written:
        return [f"{head}, none better than as written: {where} {first}."]
    written = candidate.model_dump(mode="json", exclude_unset=True, exclude={"search"})
    fixed = {**written, **result.chosen.parameters}
    return [
        f"{head}, {where} {best}, as written {first}. To fix what was found, write:",
        *(f"  {line}" for line in write_entry(result.candidate, fixed)),
    ]
