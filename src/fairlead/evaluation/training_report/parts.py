"""Parts of the page: sections, figures, sentences."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape

from fairlead.evaluation.drawing import DPI, compact
from fairlead.evaluation.page import PNG, picture, prose

WIDE_PX = 600
"""From here on a picture keeps a width that can be read on a phone, and is moved sideways."""


def section(name: str, title: str, body: str) -> str:
    """A section that a link can lead to."""
    return f'<section id="{name}"><h2>{escape(title)}</h2>{body}</section>'


def figure(image: bytes | None, caption: str, alt: str, scale: float = 1.0) -> str:
    """A picture with its caption; nothing where there is none.

    Args:
        image: PNG of `fairlead.evaluation.drawing`, or SVG.
        caption: what stands above it; backticks are code.
        alt: what it shows, in words.
        scale: its width beside that on paper.
    """
    if image is None:
        return ""
    told = f"<figcaption>{prose(caption)}</figcaption>" if caption else ""
    width_px = round(scale * width_of(image))
    drawn = picture(compact(image) if image.startswith(PNG) else image, alt, width_px)
    if width_px >= WIDE_PX:
        drawn = f'<div class="wide kept">{drawn}</div>'
    return f"<figure>{told}{drawn}</figure>"


def width_of(image: bytes) -> float:
    """How wide a picture is on paper, in CSS pixels: 96 to the inch."""
    if image.startswith(PNG):
        return int.from_bytes(image[16:20], "big") * 96 / DPI
    points = re.search(rb'<svg[^>]* width="([0-9.]+)pt"', image)
    return float(points[1]) * 96 / 72 if points else WIDE_PX


def beside(*figures: str) -> str:
    """Figures beside each other where there is room."""
    return f'<div class="beside">{"".join(figures)}</div>' if any(figures) else ""


def sentences(lines: Sequence[str]) -> str:
    """A list of sentences; nothing where there is none."""
    items = "".join(f"<li>{prose(line)}</li>" for line in lines)
    return f'<ul class="told">{items}</ul>' if items else ""
