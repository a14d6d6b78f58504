"""How every picture looks, and how it becomes the same bytes each time."""

from __future__ import annotations

import io
from pathlib import Path

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from fairlead.errors import StorageError

# Okabe & Ito (2008): told apart by the colour-blind, and in grey.
BLUE = "#0072B2"
ORANGE = "#D55E00"
GREY = "#767676"
PALE = "#D9D9D9"
INKS = (BLUE, ORANGE, "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""For lines side by side."""


DPI = 150


def new_figure(width_in: float, height_in: float) -> Figure:
    """An empty figure of its own, known to no window and no global state."""
    figure = Figure(figsize=(width_in, height_in), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def tidy(axes: Axes, *, grid: str | None = None) -> None:
    """Take away what carries no information.

    Args:
        axes: what to tidy.
        grid: `x`, `y` or `both` for pale lines to read values by.
    """
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(GREY)
    axes.tick_params(color=GREY, labelsize=9)
    axes.set_axisbelow(True)
    if grid is not None:
        axes.grid(axis=grid, color=PALE, linewidth=0.6)  # type: ignore[arg-type]


def png(figure: Figure) -> bytes:
    """The figure as PNG; no date and no version of the software is written into it."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def compact(image: bytes) -> bytes:
    """A PNG with at most 256 colours: a third of the size, and to the eye the same picture."""
    # What matplotlib writes its PNG files with.
    from PIL import Image

    small = io.BytesIO()
    whole = Image.open(io.BytesIO(image)).convert("RGB")
    palette = whole.quantize(256, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    palette.save(small, "PNG", compress_level=9)
    return small.getvalue()


def svg(figure: Figure) -> bytes:
    """The figure as SVG without a background, for a page of any colour; its texts stay texts."""
    buffer = io.BytesIO()
    with rc_context({"svg.hashsalt": "fairlead", "svg.fonttype": "none"}):
        metadata = {"Date": None, "Creator": None}
        figure.savefig(buffer, format="svg", transparent=True, metadata=metadata)
    return buffer.getvalue()


def write(picture: bytes, path: Path) -> None:
    """Write a picture to a file.

    Raises:
        StorageError: it cannot be written; nothing is left behind.
    """
    try:
        path.write_bytes(picture)
    except OSError as error:
        if path.is_file():
            path.unlink()
        raise StorageError(path, error.strerror or str(error)) from error
