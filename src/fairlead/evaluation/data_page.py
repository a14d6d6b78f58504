"""The report on a project's data as one HTML file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from html import escape

from fairlead.data import report
from fairlead.data.quality.evidence import SAMPLE
from fairlead.data.quality.overlap import ALONE, NEAR
from fairlead.data.quality.records import STYLES, Finding, QualityReport
from fairlead.data.report import ColumnReport, DataReport, counted, percent, summary
from fairlead.evaluation.data_figures import (
    SHOWN_POWERS,
    bars_svg,
    column_svg,
    powers_svg,
    target_svg,
)
from fairlead.evaluation.page import page, picture, prose
from fairlead.project.columns import ColumnSpec
from fairlead.project.spec import ProjectSpec

Number = Callable[[ColumnReport], int]


def data_page(spec: ProjectSpec, data: DataReport, quality: QualityReport | None) -> str:
    """The report as HTML; the same bytes each time.

    Args:
        spec: the project file.
        data: what the contract and the checks say.
        quality: what may spoil a model; None if the contract is broken.
    """
    parts = [_head(spec, data, quality)]
    if quality is not None:
        parts.append(_findings(quality))
    parts.append(_contract(data))
    parts.append(_target(spec, data))
    parts.append(_columns(spec, data, quality))
    if quality is not None and quality.powers:
        parts.append(_powers(quality))
    parts.append(_method())
    return page(f"Data of {spec.name}", "\n".join(filter(None, parts)))


def _head(spec: ProjectSpec, data: DataReport, quality: QualityReport | None) -> str:
    left_out = data.rows_read - data.rows_kept
    facts = {
        "file": spec.data.path,
        "rows": f"{data.rows_read:,} read, {left_out:,} left out, {data.rows_kept:,} kept",
        "split": quality.split if quality else "none: the contract is broken",
        "fingerprint": data.fingerprint,
    }
    told = "".join(f"<dt>{name}</dt><dd>{escape(text)}</dd>" for name, text in facts.items())
    about = f"<p>{escape(spec.description)}</p>" if spec.description else ""
    return (
        f"<header><h1>Data of {escape(spec.name)}</h1>{about}"
        f"{_verdict(data, quality)}<dl>{told}</dl></header>"
    )


def _verdict(data: DataReport, quality: QualityReport | None) -> str:
    if not data.passed:
        kind, text = "error", "This data cannot be trained on: it breaks the contract or a check."
    elif quality is not None and not quality.passed:
        kind, text = "error", f"This data fails the project's rules: {quality.counts}."
    else:
        found = f": {quality.counts}" if quality is not None else ""
        kind, text = "good", f"The data passes{found}."
    return f'<p class="verdict {kind}">{escape(text)}</p>'


def _findings(quality: QualityReport) -> str:
    told = "".join(map(_finding, quality.grouped)) or "<p>Nothing passes a limit.</p>"
    return f"<section><h2>Findings</h2>{told}</section>"


def _finding(alike: Sequence[Finding]) -> str:
    """Findings that differ only in their column or figure."""
    first = alike[0]
    kind = STYLES[first.severity][2].capitalize()
    found = "".join(
        f'<li>{prose(finding.found)} <span class="soft">'
        f"{escape(finding.limit.text(finding.figure))}</span></li>"
        for finding in alike
    )
    return (
        f'<div class="finding {first.severity}">'
        f'<p class="kind">{kind} <code>{first.code}</code> '
        f'<span class="soft">told {escape(str(first.limit))}</span></p>'
        f'<ul class="plain">{found}</ul><p>{prose(first.advice)}</p></div>'
    )


def _contract(data: DataReport) -> str:
    lines = [("error", f"✗ {violation}") for violation in data.violations]
    if not lines:
        lines = [("good", "✓ the contract holds in every row that is kept")]
    for check in data.checks:
        kind, mark = ("good", "✓") if check.passed else ("error", "✗")
        lines.append((kind, f"{mark} {check}"))
    if data.undeclared:
        lines.append(("soft", f"not declared, ignored: {', '.join(data.undeclared)}"))
    if data.duplicates:
        done = {"keep": "kept", "drop": "left out", "reject": "refused"}[data.duplicates_policy]
        lines.append(("soft", f"{counted(data.duplicates, 'duplicate row')}, {done}"))
    if data.outlier_rows:
        lines.append(("soft", f"{counted(data.outlier_rows, 'row')} with outliers, left out"))
    items = "".join(f'<li class="{kind}">{prose(text)}</li>' for kind, text in lines)
    return f'<section><h2>Contract and checks</h2><ul class="plain">{items}</ul></section>'


def _target(spec: ProjectSpec, data: DataReport) -> str:
    column = next(column for column in data.columns if column.role == "target")
    told = summary(column, data.rows_read)
    unit = f" {spec.data.target.unit}" if spec.data.target.unit else ""
    if data.classes:
        drawn: bytes | None = bars_svg(data.classes, 5.6)
        text = f"{len(data.classes)} classes."
        told = ", ".join(f"{name} {rows:,}" for name, rows in data.classes.items())
        alt = f"Rows by class: {told}"
    else:
        drawn = target_svg(column, spec.data.target.unit)
        text = f"smallest · mean · largest: {told}{unit}; {column.distinct:,} distinct."
        alt = f"Histogram of {column.name}: {told}"
    image = picture(drawn, alt, 540 if data.classes else 634) if drawn else ""
    return f"<section><h2>Target: {escape(column.name)}</h2><p>{escape(text)}</p>{image}</section>"


COUNTS: Mapping[str, Number] = {
    **report.COUNTS,
    "far outliers": lambda column: column.outliers.far if column.outliers else 0,
}


def _columns(spec: ProjectSpec, data: DataReport, quality: QualityReport | None) -> str:
    derived = quality.derived if quality else ()
    columns = (*data.columns, *derived)
    shown = {
        name: count
        for name, count in COUNTS.items()
        if name == "missing" or any(map(count, columns))
    }
    titles = ("column", "distribution", "smallest · mean · largest, or most frequent", "distinct")
    head = "".join(
        f'<th scope="col"{_numeric(title)}>{title}</th>'
        for title in (*titles, *shown, "what the contract does")
    )
    rows = "".join(_row(spec, column, shown, data) for column in columns)
    return (
        '<section><h2>Columns</h2><div class="wide"><table><caption>Over all rows that were read; '
        "derived columns over those that are kept. Orange bars are outliers; the first and the "
        "last bar hold what lies further out.</caption>"
        f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div></section>"
    )


def _numeric(title: str) -> str:
    return ' class="number"' if title == "distinct" or title in COUNTS else ""


def _row(
    spec: ProjectSpec, column: ColumnReport, shown: Mapping[str, Number], data: DataReport
) -> str:
    rows = data.rows_kept if column.role == "derived" else data.rows_read
    told = summary(column, rows)
    drawn = column_svg(column)
    image = picture(drawn, f"Distribution of {column.name}: {told}", 200) if drawn else ""
    role = "" if column.role == "feature" else f", {column.role}"
    declared = spec.data.columns.get(column.name)
    unit = f", {declared.unit}" if declared and declared.unit else ""
    broken = ' class="error"' if column.broken else ""
    numbers = "".join(
        f'<td class="number">{_count(count(column), rows)}</td>' for count in shown.values()
    )
    does = "<br>".join(map(escape, _does(spec, column)))
    return (
        f'<tr><th scope="row"{broken}>{escape(column.name).replace("_", "_<wbr>")}'
        f'<br><span class="soft">{escape(f"{column.type}{role}{unit}")}</span></th>'
        f'<td>{image}</td><td>{escape(told)}</td><td class="number">{column.distinct:,}</td>'
        f"{numbers}<td>{does}</td></tr>"
    )


def _count(number: int, rows: int) -> str:
    return f"{number:,}<br>({escape(percent(number, rows))})" if number else "·"


def _does(spec: ProjectSpec, column: ColumnReport) -> Iterator[str]:
    """What becomes of values that the contract speaks of."""
    if column.role == "derived":
        yield f"= {spec.data.derived[column.name]}"
        return
    if column.role == "target":
        yield "missing: refused"
        return
    declared = spec.data.columns[column.name]
    yield f"missing: {_filled(declared)}"
    if declared.min is not None or declared.max is not None:
        done = {"clip": "moved to the bound", "drop": "row left out", "flag": "kept, counted"}
        low, high = ("" if x is None else f"{x:g}" for x in (declared.min, declared.max))
        yield f"outside {low}..{high}: {done.get(declared.outliers, 'refused')}"
    if declared.values:
        yield f"undeclared: {'kept as unknown' if declared.unknown == 'flag' else 'refused'}"


def _filled(declared: ColumnSpec) -> str:
    if not declared.nullable or declared.missing == "reject":
        return "refused"
    if declared.missing is None:
        return "left to the model"
    filled = str(declared.fill) if declared.missing == "constant" else f"the {declared.missing}"
    return f"filled with {filled}"


def _powers(quality: QualityReport) -> str:
    told = ", ".join(f"{p.column} {100 * p.explained:.0f} %" for p in quality.powers[:SHOWN_POWERS])
    image = picture(powers_svg(quality.powers), f"Explained by one column alone: {told}", 634)
    return (
        "<section><h2>What each column says alone</h2><p>By a tree of at most 32 leaves, or a "
        "table of the categories, on rows that it was not fitted on. For classes: how many of the "
        "errors of always naming the largest class are avoided; for numbers: R². Dashed: from "
        f"where on a column is called dominant, and a leak, if its lower 95 % bound (black) is "
        f"there.</p>{image}</section>"
    )


def _method() -> str:
    return (
        '<section><h2>How this was measured</h2><p class="soft">Outliers are numbers more than '
        "1.5 interquartile ranges from the quartiles, far ones more than 3 (Tukey); the contract "
        "looks at declared bounds only. A row is near another if all categories and gaps are the "
        f"same, no number differs by more than {NEAR:g} interquartile ranges, and the "
        f"fifth-nearest is {ALONE} times as far away. Of more than {SAMPLE:,} rows, so many were "
        "drawn, from a fixed seed, to measure columns alone and to look for near rows in the "
        "holdout. Findings are indicators: what they are to the project, the rules in "
        "<code>data.quality</code> say.</p></section>"
    )
