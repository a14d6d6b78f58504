"""How every HTML report looks: one file that needs no other, on screen, in the dark, on paper."""

from __future__ import annotations

from base64 import b64encode
from html import escape

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
p { margin: .4rem 0; max-width: 48rem; }
code { font: .88em ui-monospace, Menlo, Consolas, monospace; }
.soft { color: var(--soft); }
.error { color: var(--error); } .warning { color: var(--warning); } .info { color: var(--info); }
.good { color: var(--good); }
.verdict { font-size: 1.05rem; font-weight: 600; }
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
caption { text-align: left; color: var(--soft); padding-bottom: .4rem; max-width: 48rem; }
th, td { text-align: left; vertical-align: top; padding: .4rem .7rem .4rem 0;
  border-bottom: 1px solid var(--line); }
thead th { color: var(--soft); font-weight: 600; vertical-align: bottom; }
tbody th { font-weight: 600; overflow-wrap: anywhere; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
tr { break-inside: avoid; }
tbody th .soft { font-weight: 400; }
td img { min-width: 12.5rem; }
thead { display: table-header-group; }
img { display: block; max-width: 100%; height: auto; }
@page { margin: 14mm; }
@media print { body { font-size: 9.5pt; padding: 0; max-width: none; } .wide { overflow: visible; }
  table { font-size: 7.5pt; } th, td { padding-right: .4rem; }
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


def picture(svg: bytes, alt: str, width_px: int) -> str:
    """A picture inside the page; as a file of its own, so that its names meet no others."""
    source = f"data:image/svg+xml;base64,{b64encode(svg).decode()}"
    return f'<img src="{source}" alt="{escape(alt)}" width="{width_px}">'
