"""Makes a project of a CSV: what can be inferred is declared, what cannot is said."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fairlead.data.enforcement import Dataset, read_dataset
from fairlead.data.inference import Inferred, identifiers, infer_column, infer_decimal, shown
from fairlead.data.leakage import predicts_alone
from fairlead.data.sources import read_table
from fairlead.data.splits import holdout_split
from fairlead.data.target import FEWEST_ROWS, Target, infer_target
from fairlead.errors import DataInvalidError, DecisionError, Problem, ProjectError
from fairlead.project import FILE_NAME
from fairlead.project.columns import ColumnSpec, Task
from fairlead.project.loading import Project
from fairlead.project.scaffolding import other_files, project_file
from fairlead.project.scope import ROWS
from fairlead.project.spec import ALIAS, DataSpec
from fairlead.storage import place_files, staged
from fairlead.training.cross_validation import folds
from fairlead.workflows.load import load
from fairlead.workflows.starting_point import StartingPoint, starting_point

TOP = (
    "Made by `fairlead init` of {source}: a first draft, in which every line is yours to change.",
    "`fairlead check` holds it against the data, `fairlead train` trains the candidates.",
)
CONTRACT = (
    "What each column may hold, in training and in every request; anything else is refused.",
    (
        "Ranges reach half as far again as the data on either side, rounded. Where you know what "
        "can be, say that instead; `outliers: clip`, `flag` or `drop` are milder than refusing."
    ),
    (
        "`unknown: flag` takes a category that is not listed for an unknown one. A column that has "
        "no gaps here may have none later: `nullable: true` allows them."
    ),
)


@dataclass(frozen=True)
class NewProject:
    """A project that was made.

    Attributes:
        project: as its file is loaded.
        rows: rows of data.
        files: what was written, relative to the project's folder.
        remarks: what its author should know, a sentence each.
    """

    project: Project
    rows: int
    files: tuple[str, ...]
    remarks: tuple[str, ...]


def init(
    data: Path,
    target: str,
    *,
    name: str | None = None,
    folder: Path | None = None,
    task: Task | None = None,
) -> NewProject:
    """Make a project of a CSV, whole or not at all.

    Args:
        data: the file; it is copied into the project unless it lies there already.
        target: what the column to predict is called in it.
        name: of the project; that of the file if not given.
        folder: where the project goes; a new one with its name if not given.
        task: what the target is; guessed from its values if not given.

    Raises:
        DataMissingError: there is no such file.
        DataInvalidError: it is no CSV, or has no such column.
        ProjectError: the name cannot be one.
        DecisionError: something must be decided that no inference can.
        FilesExistError: a file that would be written is there already.
        StorageError: it could not be written; nothing was left behind.
    """
    table = read_table(data, [target], rest=True)
    if table.typed:
        raise DataInvalidError(data, "a Parquet file", "a CSV: nothing is inferred from types")
    name = project_name(name, data.name)
    folder = (Path(name) if folder is None else folder).resolve()
    inside = data.resolve().is_relative_to(folder)
    place = data.resolve().relative_to(folder).as_posix() if inside else f"data/{data.name}"

    decimal = infer_decimal(table.frame)
    predicted = infer_target(data, table.frame[target], decimal, task)
    names = identifiers(table.frame.columns)
    columns = [
        infer_column(names[series.name], series, decimal) for series in table.frame.drop(target)
    ]
    if not any(column.spec.role == "feature" for column in columns):
        reasons = "; ".join(f"{each.name} {'; '.join(each.remarks)}" for each in columns[:5])
        found = f"no column to predict `{target}` from ({reasons or 'there is no other'})"
        raise DecisionError(data, found, "which other columns the file should have")
    start = starting_point(table.frame.height, predicted.classes)
    values = _values(name, place, decimal, names[target], predicted, columns, start)
    dataset = read_dataset(data, predicted.task, DataSpec.model_validate(values["data"]))
    head = _remarks(table.others, predicted, dataset, given=task is not None)
    columns = _with_leaks(columns, dataset, names[target])
    comments = _comments(data, dataset, head, columns, start)

    with staged(folder) as stage:
        _write(stage / FILE_NAME, project_file(values, comments))
        _require_folds(load(stage), dataset)
        for path, text in other_files(name, names[target], predicted.task, place).items():
            _write(stage / path, text)
        if not inside:
            (stage / place).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(data, stage / place)
        files = place_files(stage, folder)
    told = [f"{column.name} {remark}" for column in columns for remark in column.remarks]
    return NewProject(load(folder), table.frame.height, files, (*head, *told))


def project_name(name: str | None, file_name: str) -> str:
    """A project's name: the one given, or one made of a file's.

    Raises:
        ProjectError: it cannot be one.
    """
    if name is None:
        stem = re.sub(r"[^a-z0-9_-]+", "-", file_name.partition(".")[0].lower()).strip("-_")
        return (stem if re.match("[a-z]", stem) else f"project-{stem}".rstrip("-"))[:63]
    if not re.fullmatch(ALIAS, name):
        expected = "a name in lower case (a-z, 0-9, _, -), starting with a letter"
        raise ProjectError(Path(FILE_NAME), (Problem("name", f"`{name}`", expected),))
    return name


def _values(
    name: str,
    place: str,
    decimal: str,
    target: str,
    predicted: Target,
    columns: Sequence[Inferred],
    start: StartingPoint,
) -> dict[str, Any]:
    """The project file as plain values."""
    described: dict[str, Any] = {"name": target}
    if predicted.header != target:
        described["header"] = predicted.header
    if predicted.classes:
        described["classes"] = list(predicted.classes)
    rows_named = ROWS in (target, *(column.name for column in columns))
    return {
        "name": name,
        "task": predicted.task,
        "data": {
            "path": place,
            **({} if decimal == "." else {"decimal": decimal}),
            "target": described,
            "columns": {column.name: _declaration(column.spec) for column in columns},
            # A column of that name would be meant.
            **({} if rows_named else {"checks": [f"{ROWS} >= {FEWEST_ROWS}"]}),
            "split": dict(start.split),
        },
        "candidates": {key: dict(value) for key, value in start.candidates.items()},
        "evaluation": dict(start.evaluation),
    }


def _declaration(spec: ColumnSpec) -> dict[str, Any]:
    """A column as one writes it: whole bounds without a point."""
    values = spec.model_dump(mode="json", exclude_defaults=True)
    # The header first: it says what the column is.
    header = {"header": values.pop("header")} if "header" in values else {}
    for key in ("min", "max"):
        bound = values.get(key)
        if bound is not None and bound.is_integer() and abs(bound) < 1e15:
            values[key] = int(bound)
    return {**header, **values}


def _remarks(
    others: Sequence[str], predicted: Target, dataset: Dataset, *, given: bool
) -> tuple[str, ...]:
    """What is to be said of the file as a whole."""
    remarks = []
    if any(not name for name in others):
        remarks.append("A column without a name is left out.")
    repeated = sorted({name for name in others if name})
    if repeated:
        named = ", ".join(f"`{shown(name)}`" for name in repeated)
        remarks.append(f"Columns that share a name are left out: {named}.")
    if predicted.numeric and not given:
        remarks.append(
            "The few numbers of the target are taken for classes; else make it anew with "
            "`--task regression`."
            if predicted.classes
            else "The numbers of the target are taken for quantities; if they are classes, make it "
            "anew with `--task classification`."
        )
    if dataset.report.duplicates:
        remarks.append(
            f"{dataset.report.duplicates:,} rows repeat an earlier one: `data.duplicates: drop` "
            "leaves them out."
        )
    return tuple(remarks)


def _with_leaks(columns: Sequence[Inferred], dataset: Dataset, target: str) -> list[Inferred]:
    """The columns, with a remark on each that predicts the target alone."""
    scores = predicts_alone(dataset)
    return [
        column.remarked(
            f"alone predicts {target} ({scores[column.name]:.1%}): if it is not known when a "
            "prediction is asked for, say `role: ignore`"
        )
        if column.name in scores
        else column
        for column in columns
    ]


def _comments(
    data: Path,
    dataset: Dataset,
    head: Sequence[str],
    columns: Sequence[Inferred],
    start: StartingPoint,
) -> dict[str, Sequence[str]]:
    source = f"{shown(data.name)}, {len(dataset.y):,} rows"
    return {
        "": (TOP[0].format(source=source), *TOP[1:]),
        "task": head,
        "data.columns": CONTRACT,
        "data.split": (start.why_split,),
        "candidates": ("From one that anyone can follow to one that is usually the best.",),
        "evaluation": (start.why_evaluation,),
        **{
            f"data.columns.{column.name}": [f"{column.name} {remark}" for remark in column.remarks]
            for column in columns
        },
    }


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")


def _require_folds(project: Project, dataset: Dataset) -> None:
    """Fail now, and not when it is trained, if the rows cannot be split as the file says."""
    train, _ = holdout_split(project.spec.data.split, dataset)
    folds(project.spec.evaluation.cv, dataset.y[train])
