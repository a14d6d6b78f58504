"""What a bundle shows of itself in a notebook."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fairlead import notebook


def bundle_view(manifest: Mapping[str, Any], digest: str) -> str:
    """A bundle as HTML: what it predicts from what, how well, and where it comes from."""
    contract, origin = manifest["contract"], manifest["provenance"]
    target = contract["target"]
    known = {
        "predicts": f"{target['name']}{_in_brackets(target.get('unit'))}",
        "classes": ", ".join(contract["classes"]),
        "family": manifest["family"],
        "trained on": "" if origin.get("adopted") else f"{origin['training_rows']:,} rows",
        "commit": origin.get("git_commit") or "",
        "bundle": digest,
    }
    metrics = manifest["metrics"]
    names = list(dict.fromkeys(name for table in metrics.values() for name in table))
    columns = [
        (name, column["type"], _domain(column), "yes" if column.get("nullable") else "no")
        for name, column in contract["columns"].items()
    ]
    return notebook.view(
        f"{manifest['name']}: {manifest['candidate']}",
        notebook.facts({name: text for name, text in known.items() if text}),
        notebook.table(
            ["metric ± one standard error", *metrics],
            [
                [name, *(_estimate(table.get(name)) for table in metrics.values())]
                for name in names
                if "[" not in name
            ],
            numbers=list(metrics),
        ),
        notebook.table(("column", "type", "range or categories", "may be missing"), columns),
    )


def _in_brackets(unit: str | None) -> str:
    return f" ({unit})" if unit else ""


def _domain(column: Mapping[str, Any]) -> str:
    if column.get("values"):
        return ", ".join(column["values"])
    low, high = ("" if (b := column.get(key)) is None else f"{b:g}" for key in ("min", "max"))
    return f"{low} … {high}{_in_brackets(column.get('unit'))}" if low or high else "any"


def _estimate(found: Mapping[str, float | None] | None) -> str:
    if found is None or found.get("value") is None:
        return "–"
    error = found.get("standard_error")
    return f"{found['value']:,.5g}" + ("" if error is None else f" ± {error:,.2g}")
