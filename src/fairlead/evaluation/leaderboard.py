"""Candidates side by side, ranked by cross-validation and never by the holdout."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from fairlead import notebook
from fairlead.errors import EvaluationError
from fairlead.evaluation.comparison import Comparison
from fairlead.evaluation.coverage import Coverage
from fairlead.evaluation.metrics import Metric, find_metric
from fairlead.evaluation.nested import Nested
from fairlead.evaluation.records import Estimate
from fairlead.evaluation.validation import Validation
from fairlead.notebook import as_text
from fairlead.project.columns import Task

if TYPE_CHECKING:
    import polars as pl

    from fairlead.evaluation.tables import TerminalTable

FORMAT = 1
Interpretability = Literal["high", "medium", "low"]
_ORDER = ("high", "medium", "low")
_SOURCES = ("cv", "holdout", "oob")
_COMPARISONS = ("against_best", "against_baseline")


@dataclass(frozen=True)
class Entry:
    """One candidate: what it is worth and what it costs.

    Attributes:
        name: the candidate's name in the project file.
        family: its family.
        cv: metric -> estimate from cross-validation on the training rows.
        holdout: the same on rows that took no part in training or selection.
        oob: the same from the trees of a forest that never saw the row.
        latency_p50_us: median time to score one row, measured, microseconds.
        latency_p99_us: its 99th percentile.
        size_bytes: size of the bundle.
        memory_bytes: resident memory that loading and scoring takes.
        interpretability: how well people can follow it.
        training_s: time to fit it on all training rows, seconds.
        error: why it could not be trained or bundled; None if it could.
        against_best: the same out-of-fold rows, compared with the best; None for the best.
        against_baseline: the same, compared with the baseline; None where there is none.
        validations: what other ways to validate would have said, where they were tried.
        coverage: what its intervals or sets are worth; None where none were asked for.
        digest: SHA-256 of its bundle's manifest, the name of the bundle's folder.
    """

    name: str
    family: str
    cv: Mapping[str, Estimate] = field(default_factory=dict)
    holdout: Mapping[str, Estimate] = field(default_factory=dict)
    oob: Mapping[str, Estimate] = field(default_factory=dict)
    latency_p50_us: float | None = None
    latency_p99_us: float | None = None
    size_bytes: int | None = None
    memory_bytes: int | None = None
    interpretability: Interpretability | None = None
    training_s: float | None = None
    error: str | None = None
    against_best: Comparison | None = None
    against_baseline: Comparison | None = None
    validations: tuple[Validation, ...] = ()
    coverage: Coverage | None = None
    digest: str | None = None


@dataclass(frozen=True)
class Leaderboard:
    """All candidates of one run.

    Attributes:
        task: classification or regression.
        metric: name of the metric that ranks.
        cv: how it was cross-validated, such as `leave-one-out, 150 rows`.
        entries: the candidates, in any order; `ranked` sorts them.
        unit: unit of the target, such as `USD`.
        holdout: what the holdout is, such as `random 20 %, 4,128 rows`; None if there is none.
        select: whether the best is put forward, or the simplest within one standard error.
        baseline: what a model must beat, scored beside the candidates without being one.
        nested: what the training as a whole is worth, where that was measured.

    Raises:
        EvaluationError: the metric is not one of the task.
    """

    task: Task
    metric: str
    cv: str
    entries: tuple[Entry, ...]
    unit: str | None = None
    holdout: str | None = None
    select: Literal["best", "simplest"] = "best"
    baseline: Entry | None = None
    nested: Nested | None = None

    def __post_init__(self) -> None:
        find_metric(self.metric, self.task)

    @property
    def rule(self) -> Metric:
        """The metric that ranks."""
        return find_metric(self.metric, self.task)

    @property
    def ranked(self) -> tuple[Entry, ...]:
        """Best cross-validation first, then those without one, then those that failed.

        Of equals, the simpler comes first.
        """
        return tuple(sorted(self.entries, key=self._place))

    def _place(self, entry: Entry) -> tuple[object, ...]:
        estimate = entry.cv.get(self.metric)
        value = estimate.value if estimate and estimate.is_defined else math.nan
        known = not math.isnan(value)
        return (
            entry.error is not None,
            not known,
            (-value if self.rule.better == "greater" else value) if known else 0.0,
            simplicity(entry),
        )

    @property
    def best(self) -> Entry | None:
        """First of the ranking; None if no candidate has a cross-validated metric."""
        first = next(iter(self.ranked), None)
        return first if first and self._scored(first) else None

    def _scored(self, entry: Entry) -> bool:
        estimate = entry.cv.get(self.metric)
        return entry.error is None and estimate is not None and estimate.is_defined

    def is_close(self, entry: Entry) -> bool:
        """Whether a candidate is within one standard error of the best, and not the best.

        The error is that of the paired difference; only where the two were not compared on the
        same rows is it the best's own, which is too large.
        """
        best = self.best
        if best is None or entry == best or not self._scored(entry):
            return False
        if entry.against_best is not None:
            return entry.against_best.is_within_one_error
        top = best.cv[self.metric]
        return abs(entry.cv[self.metric].value - top.value) <= top.standard_error

    @property
    def simplest(self) -> Entry | None:
        """The simplest of the best and those close to it, which may be the best itself."""
        near = [entry for entry in self.entries if entry == self.best or self.is_close(entry)]
        return min(near, key=simplicity, default=None)

    @property
    def unproven(self) -> tuple[Entry, ...]:
        """Candidates that are not shown to be better than the baseline, in their order."""
        return tuple(
            entry
            for entry in self.ranked
            if entry.against_baseline is not None and entry.against_baseline.verdict != "better"
        )

    @property
    def selected(self) -> Entry | None:
        """The candidate that is put forward, as `select` says; None if there is no best."""
        return self.best if self.select == "best" else self.simplest

    def records(self) -> list[dict[str, Any]]:
        """One flat dict per candidate, best first; `pandas.DataFrame(records)` is a table."""
        best, simplest = self.best, self.simplest
        return [
            {
                "rank": rank,
                "best": entry == best,
                "simplest": entry == simplest,
                "name": entry.name,
                "family": entry.family,
                **{
                    f"{source}_{name}{suffix}": number
                    for source in _SOURCES
                    for name, estimate in getattr(entry, source).items()
                    for suffix, number in (("", estimate.value), ("_se", estimate.standard_error))
                },
                **{name: getattr(entry, name) for name in _COSTS},
                **{
                    f"{name}_{what}": value
                    for name in _COMPARISONS
                    if (found := getattr(entry, name)) is not None
                    for what, value in (
                        ("difference", found.difference.value),
                        ("difference_se", found.difference.standard_error),
                        ("verdict", found.verdict),
                    )
                },
            }
            for rank, entry in enumerate(self.ranked, 1)
        ]

    def frame(self) -> pl.DataFrame:
        """The same in polars, without metrics of single classes; what is not defined is null."""
        import polars as pl
        import polars.selectors as cs

        wide = pl.DataFrame(self.records(), infer_schema_length=None)
        kept = [name for name in wide.columns if "[" not in name]
        tidy = wide.select(kept).with_columns(cs.float().fill_nan(None))
        return tidy.rename({"name": "candidate"}, strict=False)

    def to_json(self) -> str:
        """The leaderboard as JSON, best first; what is not defined is null."""
        best, simplest = self.best, self.simplest
        entries = [
            {
                "rank": rank,
                "best": entry == best,
                "simplest": entry == simplest,
                **_fields(entry),
            }
            for rank, entry in enumerate(self.ranked, 1)
        ]
        document = {
            "format": FORMAT,
            **{name: getattr(self, name) for name in _HEAD},
            "baseline": None if self.baseline is None else _fields(self.baseline),
            "nested": None if self.nested is None else self.nested.to_dict(),
            "entries": entries,
        }
        return json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what `to_json` wrote.

        Raises:
            EvaluationError: it is not a leaderboard of a format known here.
        """
        try:
            document = json.loads(text)
            if document.pop("format") != FORMAT:
                raise ValueError("another format")
            entries = tuple(_entry(fields) for fields in document.pop("entries"))
            baseline = document.pop("baseline", None)
            nested = document.pop("nested", None)
            return cls(
                entries=entries,
                baseline=baseline and _entry(baseline),
                nested=nested and Nested.from_dict(nested),
                **document,
            )
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise EvaluationError(
                f"text that is no leaderboard ({type(error).__name__})",
                f"JSON of `Leaderboard.to_json`, format {FORMAT}",
            ) from error

    def markdown(self) -> str:
        """The leaderboard as a Markdown table."""
        from fairlead.evaluation.tables import markdown

        return markdown(self)

    def render(self) -> TerminalTable:
        """The leaderboard for `rich.print`; all columns fit in a width of 100."""
        from fairlead.evaluation.tables import TerminalTable

        return TerminalTable(self)

    def __repr__(self) -> str:
        return as_text(self.render())

    def _repr_html_(self) -> str:
        """The leaderboard in a notebook."""
        from fairlead.evaluation.leaderboard_figure import leaderboard_png
        from fairlead.evaluation.tables import html

        image = notebook.png_image(leaderboard_png(self), f"{self.metric} of all candidates", 640)
        return notebook.view("", html(self), image if self.best else "")

    def figure(self, path: Path) -> None:
        """Write the leaderboard as a PNG picture.

        Raises:
            StorageError: the file cannot be written.
        """
        from fairlead.evaluation.drawing import write
        from fairlead.evaluation.leaderboard_figure import leaderboard_png

        write(leaderboard_png(self), path)


_HEAD = ("task", "metric", "cv", "unit", "holdout", "select")
_COSTS = (
    "latency_p50_us",
    "latency_p99_us",
    "size_bytes",
    "memory_bytes",
    "interpretability",
    "training_s",
    "error",
)


def simplicity(entry: Entry) -> tuple[float, float, float, str]:
    """Smaller is simpler: easier to understand, then smaller, then faster, then by name."""
    return (
        _ORDER.index(entry.interpretability) if entry.interpretability else len(_ORDER),
        math.inf if entry.size_bytes is None else entry.size_bytes,
        math.inf if entry.latency_p50_us is None else entry.latency_p50_us,
        entry.name,
    )


def _fields(entry: Entry) -> dict[str, Any]:
    """An entry for JSON."""
    return {
        **{name: getattr(entry, name) for name in ("name", "family")},
        **{
            source: {name: e.to_dict() for name, e in getattr(entry, source).items()}
            for source in _SOURCES
        },
        **{name: getattr(entry, name) for name in _COSTS},
        **{
            name: None if found is None else found.to_dict()
            for name in _COMPARISONS
            for found in (getattr(entry, name),)
        },
        "validations": [each.to_dict() for each in entry.validations],
        "coverage": None if entry.coverage is None else entry.coverage.to_dict(),
        "digest": entry.digest,
    }


def _entry(fields: dict[str, Any]) -> Entry:
    """The inverse of `_fields`; an older file has less than one of today."""
    rest = {name: v for name, v in fields.items() if name not in ("rank", "best", "simplest")}
    for source in _SOURCES:
        rest[source] = {name: Estimate.from_dict(e) for name, e in rest[source].items()}
    for name in _COMPARISONS:
        if rest.get(name) is not None:
            rest[name] = Comparison.from_dict(rest[name])
    rest["validations"] = tuple(map(Validation.from_dict, rest.get("validations", ())))
    if rest.get("coverage") is not None:
        rest["coverage"] = Coverage.from_dict(rest["coverage"])
    return Entry(**rest)
