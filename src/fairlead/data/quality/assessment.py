"""Makes every observation on a data set and judges it by the project's rules."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from fairlead.data.enforcement import Dataset
from fairlead.data.parsing import ParsedColumn
from fairlead.data.quality import columns, leakage, overlap, synthetic, targets
from fairlead.data.quality.evidence import Evidence, Indices
from fairlead.data.quality.records import Observation, QualityReport
from fairlead.data.quality.rules import judge
from fairlead.data.report import ColumnReport, counted
from fairlead.data.splits import holdout_split
from fairlead.data.summary import summarise
from fairlead.errors import DataInvalidError
from fairlead.project.columns import ColumnSpec
from fairlead.project.spec import ProjectSpec

OBSERVATIONS = (
    overlap.repeated_rows,
    overlap.shared_rows,
    overlap.shared_locations,
    overlap.shared_groups,
    overlap.later_rows,
    targets.class_sizes,
    targets.capped_target,
    targets.capped_columns,
    synthetic.computed_rows,
    columns.forgiven_values,
    columns.extreme_values,
    columns.constant_columns,
    columns.numbering_columns,
    columns.redundant_columns,
)


def assess(spec: ProjectSpec, dataset: Dataset) -> QualityReport:
    """Look for what makes a model worse, or look better than it is.

    The same data and project give the same report: whatever is drawn is drawn from a fixed seed.

    Args:
        spec: the project file.
        dataset: rows that keep its contract.
    """
    observations: list[Observation] = []
    train, holdout = np.arange(len(dataset.y)), np.arange(0)
    try:
        train, holdout = holdout_split(spec.data.split, dataset)
    except DataInvalidError as error:
        observations.append(_unsplittable(error, len(dataset.y)))
    evidence = Evidence(spec, dataset, train, holdout)
    powers = leakage.powers(evidence)
    observations += leakage.telling_columns(evidence, powers)
    for observe in OBSERVATIONS:
        observations += observe(evidence)
    return QualityReport(
        split=_split(spec, train, holdout),
        findings=judge(observations, spec.data.quality),
        derived=tuple(_derived(evidence)),
        powers=powers,
    )


def _unsplittable(error: DataInvalidError, rows: int) -> Observation:
    return Observation(
        "unsplittable",
        (),
        rows,
        f"`data.split` finds {error.found}.",
        f"It needs {error.expected}: collect more rows, or choose another split.",
    )


def _split(spec: ProjectSpec, train: Indices, holdout: Indices) -> str:
    if not len(holdout):
        return "no holdout"
    kind = spec.data.split.kind
    return f"{kind} split: {counted(len(train), 'row')} to train on, {len(holdout):,} held out"


def _derived(evidence: Evidence) -> Iterator[ColumnReport]:
    """The derived columns, as if they stood in the file."""
    number = ColumnSpec(type="number", nullable=True)
    for name in evidence.spec.data.derived:
        values = evidence.columns[name]
        column = ParsedColumn(values, np.zeros(len(values), np.bool_))
        yield summarise(name, "derived", number, column, broken=False)
