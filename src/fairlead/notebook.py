"""How things look in a notebook: small pieces of HTML in the colours that surround them.

Every text is escaped. Nothing is loaded, and no colour is set but shades of the notebook's own:
what is readable in a light notebook is so in a dark one.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import RenderableType

WIDTH = 100
"""Columns of text in a terminal."""
STYLE = """<style>
.fairlead { font-size: 13px; line-height: 1.45; overflow-x: auto; }
.fairlead p { margin: .25em 0; max-width: 60em; }
.fairlead .title { font-weight: 600; font-size: 1.1em; }
.fairlead .soft { opacity: .7; }
.fairlead table { border-collapse: collapse; margin: .4em 0; }
.fairlead th, .fairlead td { padding: .2em .9em .2em 0; text-align: left; vertical-align: top;
  background: none; border: 0; border-bottom: 1px solid rgba(128, 128, 128, .35); }
.fairlead thead th { vertical-align: bottom; }
.fairlead .number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.fairlead img { display: block; max-width: 100%; margin: .4em 0; }
</style>"""


def view(title: str, *parts: str) -> str:
    """What an object shows of itself.

    Args:
        title: its first line; plain text.
        parts: HTML, such as the other functions of this module make.
    """
    head = f'<p class="title">{escape(title)}</p>' if title else ""
    return f'<div class="fairlead">{STYLE}{head}{"".join(parts)}</div>'


def facts(found: Mapping[str, str]) -> str:
    """Names and what is known of each."""
    rows = "".join(
        f'<tr><td class="soft">{escape(name)}</td><td>{escape(text)}</td></tr>'
        for name, text in found.items()
    )
    return f"<table><tbody>{rows}</tbody></table>"


def table(head: Sequence[str], rows: Iterable[Sequence[str]], numbers: Sequence[str] = ()) -> str:
    """A table of texts.

    Args:
        head: the titles.
        rows: as many texts each.
        numbers: titles of the columns that are aligned to the right.
    """
    kinds = [' class="number"' if title in numbers else "" for title in head]
    titles = "".join(
        f"<th{kind}>{escape(title)}</th>" for title, kind in zip(head, kinds, strict=True)
    )
    lines = "".join(
        "<tr>"
        + "".join(f"<td{kind}>{escape(text)}</td>" for text, kind in zip(row, kinds, strict=True))
        + "</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{titles}</tr></thead><tbody>{lines}</tbody></table>"


def lines(texts: Iterable[str], *, soft: bool = False) -> str:
    """Sentences below each other."""
    kind = ' class="soft"' if soft else ""
    return "".join(f"<p{kind}>{escape(text)}</p>" for text in texts)


def png_image(png: bytes, alt: str, width_px: int) -> str:
    """A picture with a background of its own."""
    source = f"data:image/png;base64,{b64encode(png).decode()}"
    return f'<img src="{source}" alt="{escape(alt)}" width="{width_px}">'


def as_text(*parts: RenderableType) -> str:
    """The same for a terminal, without colours: what `repr` gives."""
    import io

    from rich.console import Console

    # Neither a terminal's size nor its colours: the same text wherever it is asked for.
    console = Console(
        file=io.StringIO(), width=WIDTH, markup=False, highlight=False, color_system=None,
        force_terminal=False, force_jupyter=False, _environ={},
    )  # fmt: skip
    with console.capture() as captured:
        for part in parts:
            console.print(part)
    return "\n".join(line.rstrip() for line in captured.get().rstrip().splitlines())
