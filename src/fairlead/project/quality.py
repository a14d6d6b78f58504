"""What each finding of the data report is to the project."""

from __future__ import annotations

from typing import Literal

from fairlead.project.parts import SpecPart

Verdict = Literal["ignore", "info", "warn", "fail"]


class QualitySpec(SpecPart):
    """What each finding of `fairlead check` is: left out, told, a warning, or a failure."""

    unsplittable: Verdict = "fail"
    """The rows cannot be split as `data.split` says."""
    duplicate_rows: Verdict = "warn"
    """Rows repeat an earlier one in every column; merely told where `duplicates: drop`."""
    duplicates_across_split: Verdict = "warn"
    """Rows of the holdout have the features of a training row."""
    near_duplicates_across_split: Verdict = "warn"
    """Rows of the holdout have nearly the features of a training row."""
    shared_locations: Verdict = "warn"
    """Rows of the holdout lie exactly where training rows lie."""
    group_leakage: Verdict = "fail"
    """A group has rows on both sides of the split, or in several folds."""
    time_leakage: Verdict = "warn"
    """Rows are predicted by later ones."""
    target_leakage: Verdict = "warn"
    """A feature or derived column all but gives the target by itself."""
    dominant_column: Verdict = "info"
    """A feature or derived column predicts most of the target by itself."""
    class_imbalance: Verdict = "warn"
    """The largest class has many times the rows of the smallest."""
    rare_class: Verdict = "warn"
    """A class has too few rows to learn it and to measure it."""
    capped_target: Verdict = "warn"
    """Many rows have exactly the largest, or the smallest, target."""
    capped_column: Verdict = "info"
    """Many rows have exactly the largest, or the smallest, value of a feature, and that is no
    declared bound."""
    synthetic_rows: Verdict = "warn"
    """Rows look as if they were computed between others; an indicator, no proof."""
    missing_values: Verdict = "warn"
    """A feature is missing in many rows."""
    unknown_categories: Verdict = "warn"
    """Many rows have a category that is not declared."""
    out_of_range: Verdict = "warn"
    """Many rows have a number outside its bounds."""
    extreme_values: Verdict = "info"
    """Many rows of a feature or of the target lie far from its middle half."""
    constant_column: Verdict = "warn"
    """A feature or derived column has one value in all rows, or in all but a few."""
    id_column: Verdict = "warn"
    """A feature numbers the rows."""
    redundant_columns: Verdict = "info"
    """A feature says nearly the same as another."""
