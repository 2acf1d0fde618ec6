"""The pictures in docs/images: one bar for each row, deliveries a second.

    python -m benchmarks.charts FILE      # what --json wrote

A program of its own, because matplotlib is there only where benchmarks were set up.
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

from benchmarks.parts import email, sms

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "images"
#: Parts whose rows can be compared with each other.
TITLES = {
    "email": ("E-mail: deliveries a second", email.TITLES),
    "sms": ("SMS, 50 ms an answer: deliveries a second", sms.TITLES),
}
OURS, OTHERS = "#1f6feb", "#9aa4b2"


def draw(figures: Mapping[str, float]) -> None:
    # Text stays text, and the same figures give the same file.
    mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "msgcenter"})
    for part, (title, rows) in TITLES.items():
        keys = {text: f"{part}.{row}.per_s" for row, text in rows.items()}
        if speeds := {text: figures[key] for text, key in keys.items() if key in figures}:
            picture(title, speeds).savefig(FOLDER / f"benchmark-{part}.svg", metadata={"Date": None})


def picture(title: str, speeds: Mapping[str, float]) -> Figure:
    """The slowest at the bottom. A white ground, so that it can be read on a dark page too."""
    rows = sorted(speeds, key=speeds.__getitem__)
    figure = Figure(figsize=(8, 0.45 * len(rows) + 0.9), layout="constrained", facecolor="white")
    axes = figure.subplots()
    colours = [OURS if row.startswith("msgcenter") else OTHERS for row in rows]
    bars = axes.barh(rows, [speeds[row] for row in rows], color=colours)
    axes.bar_label(bars, labels=[f"{speeds[row]:,.0f}" for row in rows], padding=4)
    axes.set_title(title, loc="left")
    axes.spines[["top", "right", "bottom"]].set_visible(False)
    axes.tick_params(bottom=False, labelbottom=False, left=False)
    axes.margins(x=0.12)
    return figure


if __name__ == "__main__":
    draw(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
