"""The model card: what the model is for, what it was learned from, how good it is, its limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fairlead.evaluation.coverage import Coverage
from fairlead.evaluation.coverage_table import share_text, size_text

SOURCES = {
    "cv": "in cross-validation",
    "holdout": "in the holdout",
    "recent": "on the newest labelled predictions",
}


def card(manifest: Mapping[str, Any], description: str | None) -> str:
    """Write the card as Markdown from a manifest (without its `files`).

    Args:
        manifest: as it goes into the bundle.
        description: what the model is for, in the project's words.
    """
    contract, provenance = manifest["contract"], manifest["provenance"]
    target = contract["target"]
    unit = f" ({target['unit']})" if target.get("unit") else ""
    lines = [
        f"# {manifest['name']}: {manifest['candidate']}",
        "",
        description or f"Predicts `{target['name']}`{unit}.",
        "",
        "## Intended use",
        f"{contract['task'].capitalize()} of `{target['name']}`{unit} from the columns below,",
        "for rows like those it was trained on. Rows that break the contract are refused.",
        "",
        "| column | type | range or categories | missing |",
        "| --- | --- | --- | --- |",
        *(_column_line(name, column) for name, column in contract["columns"].items()),
        "",
        *_composition(manifest.get("composition", {})),
        "## Data",
        *_data_lines(provenance),
        *_version_lines(provenance.get("data_version")),
        f"Fingerprint `{provenance['data_fingerprint']}`.",
        "",
        "## Quality",
        *_metric_table(manifest["metrics"]),
        "",
        "± is one standard error, in brackets the 95 % interval.",
        "",
        *_coverage(manifest.get("coverage"), target.get("unit")),
        *_slices(manifest.get("slices", {})),
        "## Limits",
        "Differences between candidates that are smaller than their errors are noise.",
        "Nothing is claimed about rows outside the ranges above or from another population.",
        "",
        "## How to reproduce",
        *_recipe_lines(provenance),
        f"SHA-256 `{provenance['graph_sha256']}`.",
        "",
    ]
    return "\n".join(lines)


def _composition(composition: Mapping[str, Any]) -> list[str]:
    """What the model is made of, where it is made of several."""
    if not composition:
        return []
    lines = ["## Composition"]
    weights = composition.get("weights", {})
    for member in composition.get("members", ()):
        weight = f", weight {weights[member['name']]:.4g}" if weights else ""
        lines.append(f"- `{member['name']}` ({member['family']}{weight})")
    if "final" in composition:
        lines.append(f"- on their predictions: `{composition['final']['family']}`")
    if "calibration" in composition:
        said = ", ".join(
            f"{key} {value:.4g}"
            for key, value in composition["calibration"].items()
            if key != "method"
        )
        lines.append(
            f"- probabilities calibrated by `{composition['calibration']['method']}` ({said})"
        )
    return [*lines, ""]


def _data_lines(provenance: Mapping[str, Any]) -> list[str]:
    adopted = provenance.get("adopted")
    if adopted:
        source = (
            f"`{adopted['address']}` in MLflow"
            if "address" in adopted
            else f"`{adopted['file']}`, SHA-256 `{adopted['sha256']}`"
        )
        return [
            f"Adopted from {source},",
            f"a fitted `{adopted['class']}`; the rows that it was fitted on are not known here.",
            f"The figures below are of a sample of {adopted['sample_rows']} rows,",
            "which may be among them.",
        ]
    return [
        f"{provenance['training_rows']} training rows;",
        f"{provenance['holdout_rows']} in the holdout,",
        "never used for fitting or choosing.",
        *_labelled_lines(provenance.get("labelled")),
    ]


def _labelled_lines(labelled: Mapping[str, Any] | None) -> list[str]:
    """Which predictions were trained on too, if any were."""
    if labelled is None:
        return []
    how = {
        "all": "beside the project's data",
        "recent": "instead of the project's data",
        "levelled": "beside the project's data, all targets brought to the level of the newest",
    }
    return [
        f"{labelled['trained_on']} of them are labelled predictions, {how[labelled['recipe']]};",
        f"SHA-256 of their file `{labelled['sha256']}`.",
    ]


def _version_lines(version: Mapping[str, Any] | None) -> list[str]:
    if version is None:
        return []
    if version["tool"] == "sha256":
        return [f"`{version['path']}`, SHA-256 `{version['sha256']}`."]
    modified = ", which knows another one" if version["modified"] else ""
    where = f"tracked by DVC in `{version['tracked_by']}`{modified}"
    return [f"`{version['path']}`, MD5 `{version['md5']}`, {where}."]


def _recipe_lines(provenance: Mapping[str, Any]) -> list[str]:
    if provenance.get("adopted"):
        return ["`fairlead adopt` of that model with the same sample gives the same `model.onnx`,"]
    return [
        f"Commit `{provenance['git_commit'] or 'not in a repository'}`,",
        f"seed {provenance['seed']}, spec `{provenance['spec_digest'][:16]}`:",
        "`fairlead reproduce` of this version, or of this folder, trains it again and compares.",
        "`model.onnx` has",
    ]


def _column_line(name: str, column: Mapping[str, Any]) -> str:
    if column.get("values"):
        domain = ", ".join(column["values"])
    else:
        low, high = column.get("min"), column.get("max")
        domain = " … ".join("" if bound is None else f"{bound:g}" for bound in (low, high)).strip()
    missing = "no" if not column.get("nullable") else column.get("missing", "kept")
    return f"| {name} | {column['type']} | {domain or 'any'} | {missing} |"


def _metric_table(metrics: Mapping[str, Mapping[str, Mapping[str, Any] | None]]) -> list[str]:
    names = list(dict.fromkeys(name for table in metrics.values() for name in table))
    lines = [f"| metric | {' | '.join(metrics)} |", f"| --- |{' --- |' * len(metrics)}"]
    for name in names:
        cells = [_estimate(table.get(name)) for table in metrics.values()]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return lines


def _coverage(document: Mapping[str, Any] | None, unit: str | None) -> list[str]:
    """One sentence on the intervals or sets, if there are any."""
    if document is None or not document["measured"]:
        return []
    coverage = Coverage.from_dict({k: v for k, v in document.items() if k != "method"})
    held = " and ".join(
        f"{share_text(found[0].coverage)} % of the rows {SOURCES[source]}"
        for source, found in coverage.measured.items()
    )
    last = list(coverage.measured.values())[-1][0].size
    what = (
        f"hold {size_text(last)} classes"
        if coverage.kind == "set"
        else (f"are {size_text(last)}{f' {unit}' if unit else ''} wide")
    )
    return [
        f"Its {100 * coverage.target:g} % prediction {coverage.kind}s hold the truth of {held};",
        f"on average they {what}. They promise nothing for a single kind of row.",
        "",
    ]


def _slices(slices: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[str]:
    """A table of the slices with their rows, and a mark on those worse than the whole."""
    found = {
        (score["column"], score["value"]): score["metric"]
        for scores in slices.values()
        for score in scores
    }
    if not found:
        return []
    cells = {
        (source, score["column"], score["value"]): _slice_cell(score)
        for source, scores in slices.items()
        for score in scores
    }
    metric = next(iter(found.values()))
    return [
        "## Slices",
        f"{metric} by slice. ▼ is worse than the whole, with 95 % confidence for all slices",
        "together; in brackets the number of rows, a dash where they are too few to tell.",
        "",
        f"| slice | {' | '.join(slices)} |",
        f"| --- |{' --- |' * len(slices)}",
        *(
            f"| {column}: {value} | "
            + " | ".join(cells.get((source, column, value), "–") for source in slices)
            + " |"
            for column, value in found
        ),
        "",
    ]


def _slice_cell(score: Mapping[str, Any]) -> str:
    mark = "▼ " if score["is_worse"] else ""
    return f"{mark}{_estimate(score['estimate'])} ({score['rows']:,})"


def _estimate(estimate: Mapping[str, Any] | None) -> str:
    if estimate is None or estimate.get("value") is None:
        return "–"
    text = f"{estimate['value']:.6g}"
    if estimate.get("standard_error") is not None:
        error = estimate["standard_error"]
        text += f" ± {error:.3g}" if error < 1_000 else f" ± {error:.0f}"
    if estimate.get("low") is not None:
        text += f" [{estimate['low']:.6g}, {estimate['high']:.6g}]"
    return text
