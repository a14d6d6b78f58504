"""How every HTML report looks: one file that needs no other, on screen, in the dark, on paper."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Sequence
from html import escape

PNG = b"\x89PNG"
"""What every PNG file begins with."""
STYLE = """
:root { color-scheme: light dark; --ink: #1b1b1b; --paper: #fff; --soft: #5c5c5c; --line: #d9d9d9;
  --error: #b3261e; --warning: #8a5300; --info: #005a8c; --good: #19692c; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e6e6; --paper: #171717; --soft: #a6a6a6;
  --line: #414141; --error: #ff8a80; --warning: #f0b44c; --info: #7cc0f0; --good: #7fd694; } }
@media print { :root { color-scheme: light; --ink: #000; --paper: #fff; --soft: #444;
  --line: #bbb; --error: #b3261e; --warning: #8a5300; --info: #005a8c; --good: #19692c; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.5rem 1.25rem 3rem; max-width: 70rem; color: var(--ink);
  background: var(--paper); font: 15px/1.5 system-ui, "Segoe UI", Roboto, Arial, sans-serif; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 .25rem; }
h2 { font-size: 1.2rem; margin: 2.2rem 0 .6rem; padding-bottom: .2rem;
  border-bottom: 1px solid var(--line); }
h3 { font-size: 1.02rem; margin: 1.6rem 0 .4rem; }
h4 { font-size: .95rem; margin: 1.2rem 0 .3rem; }
p, .told { margin: .4rem 0; max-width: 48rem; }
.told li { margin: .35rem 0; }
a { color: var(--info); }
nav ol { columns: 16rem; margin: .6rem 0 0; padding-left: 1.4rem; }
figure { margin: 1rem 0 1.4rem; }
figcaption { color: var(--soft); font-size: .9rem; max-width: 48rem; margin-bottom: .35rem; }
/* Plots stand on white paper in the dark, too. */
figure img { background: #fff; border: 1px solid var(--line); border-radius: 4px; padding: .35rem; }
.beside { display: flex; flex-wrap: wrap; gap: 0 1.5rem; align-items: flex-start; }
.kept img { min-width: 34rem; }
.beside figure { flex: 0 1 auto; min-width: 0; }
.beside figcaption { width: 0; min-width: 100%; }
code { font: .88em ui-monospace, Menlo, Consolas, monospace; }
.soft { color: var(--soft); }
.error { color: var(--error); } .warning { color: var(--warning); } .info { color: var(--info); }
.good { color: var(--good); }
.verdict { font-size: 1.05rem; font-weight: 600; }
.lead { font-size: 1.05rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1rem; margin: .8rem 0; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
ul.plain { list-style: none; padding: 0; margin: 0; }
.finding { border-left: 4px solid currentColor; padding: .1rem 0 .1rem .8rem; margin: .9rem 0;
  max-width: 52rem; break-inside: avoid; }
.finding > * { color: var(--ink); margin: .1rem 0; }
.finding .kind { color: inherit; font-weight: 600; }
.finding .soft { color: var(--soft); font-weight: 400; font-size: .9em; white-space: nowrap; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .87rem; line-height: 1.35; }
caption { text-align: left; color: var(--soft); padding-bottom: .4rem;
  max-width: min(48rem, calc(100vw - 2.5rem)); }
th, td { text-align: left; vertical-align: top; padding: .4rem .7rem .4rem 0;
  border-bottom: 1px solid var(--line); }
thead th { color: var(--soft); font-weight: 600; vertical-align: bottom; }
tbody th { font-weight: 600; overflow-wrap: anywhere; }
.fit { width: auto; } .fit thead th { white-space: normal; overflow-wrap: anywhere; }
 .fit tbody th { overflow-wrap: normal; }
.fit th, .fit td { padding-right: 1.6rem; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
tr { break-inside: avoid; }
tbody th .soft { font-weight: 400; }
td img { min-width: 12.5rem; }
thead { display: table-header-group; }
img { display: block; max-width: 100%; height: auto; }
@page { margin: 14mm; }
@media print { figure, h2, h3, h4, .told li { break-inside: avoid; }
  h3, h3 + p, h4 { break-after: avoid; }
  nav { display: none; } .kept img { min-width: 0; } .fit { break-inside: avoid; }
  .beside { break-before: avoid; } .beside figure { flex: 1 1 40%; max-width: 49%; }
  figure img { border: 0; padding: 0; max-height: 235mm; object-fit: contain; }
  body { font-size: 9.5pt; padding: 0; max-width: none; } .wide { overflow: visible; }
  table { font-size: 7.5pt; } th, td, .fit th, .fit td { padding-right: .4rem; }
  td img { min-width: 9rem; width: 9rem; } h2 { break-after: avoid; } }
"""


def page(title: str, body: str) -> str:
    """A whole page.

    Args:
        title: of the window; plain text.
        body: HTML.
    """
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n"
        f"<body>\n{body}\n</body>\n</html>\n"
    )


def picture(image: bytes, alt: str, width_px: int) -> str:
    """A picture, PNG or SVG, inside the page; as a file of its own: its names meet no others."""
    kind = "png" if image.startswith(PNG) else "svg+xml"
    source = f"data:image/{kind};base64,{b64encode(image).decode()}"
    return f'<img src="{source}" alt="{escape(alt)}" width="{width_px}">'


def prose(text: str) -> str:
    """Text as HTML; what stands in backticks is code."""
    return re.sub("`([^`]+)`", r"<code>\1</code>", escape(text))


def table(
    caption: str, titles: Sequence[str], rows: Sequence[Sequence[str]], words: int = 1
) -> str:
    """A table with one line of titles, the first cell of each row a title too.

    Args:
        caption: what it shows; backticks are code.
        titles: of the columns.
        rows: as many texts each.
        words: so many columns on the left are text, those behind them numbers.
    """
    kinds = ["" if number < words else ' class="number"' for number in range(len(titles))]
    head = "".join(
        f'<th scope="col"{kind}>{prose(title).replace("_", "_<wbr>")}</th>'
        for kind, title in zip(kinds, titles, strict=True)
    )
    body = "".join(
        f'<tr><th scope="row">{prose(first)}</th>'
        + "".join(
            f"<td{kind}>{prose(text)}</td>" for kind, text in zip(kinds[1:], rest, strict=True)
        )
        + "</tr>"
        for first, *rest in rows
    )
    return (
        f'<div class="wide"><table class="fit"><caption>{prose(caption)}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )
