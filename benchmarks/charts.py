"""The pictures in docs/images: one bar for each row, deliveries a second."""

from collections.abc import Iterable
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

from benchmarks.figures import Part

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "images"
#: Parts whose rows can be compared with each other.
DRAWN = ("email", "sms")
OURS, OTHERS = "#1f6feb", "#9aa4b2"


def draw(parts: Iterable[Part]) -> None:
    # Text stays text, and the same figures give the same file.
    mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "msgcenter"})
    for part in parts:
        if part.key in DRAWN:
            picture(part).savefig(FOLDER / f"benchmark-{part.key}.svg", metadata={"Date": None})


def picture(part: Part) -> Figure:
    rows = sorted((row for row in part.rows if row.rounds), key=lambda row: row.median("per_s"))
    speeds = [row.median("per_s") for row in rows]
    figure = Figure(figsize=(8, 0.45 * len(rows) + 0.9), layout="constrained", facecolor="white")
    axes = figure.subplots()
    colours = [OURS if row.title.startswith("msgcenter") else OTHERS for row in rows]
    bars = axes.barh([row.title for row in rows], speeds, color=colours)
    axes.bar_label(bars, labels=[f"{speed:,.0f}" for speed in speeds], padding=4)
    axes.set_title(f"{part.title}: deliveries a second", loc="left")
    axes.spines[["top", "right", "bottom"]].set_visible(False)
    axes.tick_params(bottom=False, labelbottom=False, left=False)
    axes.margins(x=0.12)
    return figure
