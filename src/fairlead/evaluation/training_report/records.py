"""What a report on a training speaks of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fairlead.data.quality.records import QualityReport
from fairlead.data.report import DataReport
from fairlead.evaluation.features import FeatureEffect
from fairlead.evaluation.leaderboard import Entry, Leaderboard
from fairlead.evaluation.learning_curve import LearningCurve
from fairlead.evaluation.partial_dependence import Dependence
from fairlead.evaluation.records import Estimate, Predictions
from fairlead.evaluation.slices import SliceScore
from fairlead.models.explanation import Explanation
from fairlead.project.spec import ProjectSpec


@dataclass(frozen=True, eq=False)
class CandidateResults:
    """One candidate of a training.

    Attributes:
        entry: its line of the leaderboard.
        manifest: of its bundle; None if it failed, or the bundle is gone.
        version: its number in the registry, if it was registered.
        source: which rows were predicted: `holdout`, or `cv` where none was kept.
        predictions: of these rows, by models that never saw them; None if they are gone.
        slices: of the same rows.
        explanation: what people can follow of it, if anything.
        figures: file name -> PNG, as the training drew them.
    """

    entry: Entry
    manifest: Mapping[str, Any] | None = None
    version: int | None = None
    source: str = "cv"
    predictions: Predictions | None = None
    slices: tuple[SliceScore, ...] = ()
    explanation: Explanation | None = None
    figures: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """As in the project file."""
        return self.entry.name

    def estimate(self, metric: str, source: str | None = None) -> Estimate | None:
        """A metric from `cv` or `holdout`, if it is defined; else of the rows that are shown."""
        found: Mapping[str, Estimate] = getattr(self.entry, source or self.source)
        estimate = found.get(metric)
        return estimate if estimate is not None and estimate.is_defined else None


@dataclass(frozen=True)
class DataResults:
    """The data of the training, as it is found now.

    Attributes:
        data: what the contract and the checks say; None if it is gone or another.
        quality: what may spoil a model.
        absent: why there is nothing to show, as a sentence.
    """

    data: DataReport | None = None
    quality: QualityReport | None = None
    absent: str | None = None


@dataclass(frozen=True, eq=False)
class TrainingResults:
    """All that is known of a training.

    Attributes:
        spec: the project file as it was.
        is_current: whether the project file still says the same.
        created_at: when the training began.
        board: the leaderboard.
        candidates: name -> results, in the order of the leaderboard.
        data: the data.
        importance: what the chosen candidate loses where a column is shuffled.
        ablation: the same where a feature is left out; empty if it was not tried.
        curves: learning curves; empty if they were not tried.
        studied: what follows from these three, as sentences.
        dependences: partial dependence of the chosen candidate, the most important column first.
        figures: file name -> PNG, as the training drew them.
    """

    spec: ProjectSpec
    is_current: bool
    created_at: str
    board: Leaderboard
    candidates: Mapping[str, CandidateResults]
    data: DataResults = DataResults()
    importance: tuple[FeatureEffect, ...] = ()
    ablation: tuple[FeatureEffect, ...] = ()
    curves: tuple[LearningCurve, ...] = ()
    studied: tuple[str, ...] = ()
    dependences: tuple[Dependence, ...] = ()
    figures: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def chosen(self) -> CandidateResults | None:
        """The candidate that is put forward; None where none has a figure."""
        selected = self.board.selected
        return None if selected is None else self.candidates[selected.name]

    @property
    def others(self) -> tuple[CandidateResults, ...]:
        """All others, the best first."""
        return tuple(each for each in self.candidates.values() if each is not self.chosen)
