"""The shares as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

TITLES = {
    "worse_2_se": "worse by 2 SE\nof the metric",
    "equal": "equal",
    "better_2_paired_se": "better by 2 SE\nof the difference",
    "better_2_se": "better by 2 SE\nof the metric",
}
COLOURS = ("#4c78a8", "#f58518", "#54a24b")


def draw(document: dict[str, Any], path: Path) -> None:
    """One group of bars for each kind of pair, one bar for each setting."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    settings = document["settings"]
    figure, axes = plt.subplots(figsize=(8, 3.8), layout="constrained")
    width = 0.8 / len(settings)
    for number, setting in enumerate(settings):
        shares = [100 * setting["kinds"][kind]["all_gates"] for kind in TITLES]
        errors = [100 * setting["kinds"][kind]["standard_error"] for kind in TITLES]
        places = [
            place + width * (number - (len(settings) - 1) / 2) for place in range(len(TITLES))
        ]
        label = f"{setting['project']}, {setting['rows']:,} rows"
        bars = axes.bar(
            places, shares, width * 0.92, yerr=errors, label=label, color=COLOURS[number]
        )
        axes.bar_label(bars, fmt="%.1f", padding=3, fontsize=9)
    axes.axhline(5, color="#888", linestyle=":", linewidth=1)
    axes.axhline(80, color="#888", linestyle=":", linewidth=1)
    axes.set_xticks(range(len(TITLES)), list(TITLES.values()))
    axes.set_ylabel("promoted, % of the pairs")
    axes.set_ylim(0, 112)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="upper left")
    figure.savefig(path, dpi=150)
    plt.close(figure)
