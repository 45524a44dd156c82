"""Draws the benchmarks' JSON files as PNG: `python benchmarks/plots.py` after peers.py, latency.py and fps.py.

peers.json -> peers.png, latency.json -> latency.png, fps.json and fps-fast.json -> stages.png; a file that is not
there is left out. Needs matplotlib (the `train` extra).
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from rtseg.errors import DataError, RtsegError
from rtseg.files import whole_file

Report = dict[str, Any]
EFFECTS = ("picture", "blur")
# Okabe and Ito's colours (2008), told apart by colour-blind people too: ours warm, others' cool and grey.
COLOURS = {
    "rtseg fast": "#d55e00",
    "rtseg balanced": "#e69f00",
    "MediaPipe tasks, hard cut": "#b0d8f0",
    "MediaPipe tasks, OpenCV": "#56b4e9",
    "MediaPipe landscape, example": "#0072b2",
    "MediaPipe general, example": "#003f5c",
    "net of fast, common": "#999999",
}
STAGE_COLOURS = ("#56b4e9", "#d55e00", "#009e73", "#cc79a7", "#f0e442", "#0072b2", "#999999")
DPI, SHADES = 100, 96  # as many colours as the files keep, so that they stay small
# Opaque: text on it can be read whether the page around it is light or dark.
STYLE: dict[Any, Any] = {
    "figure.facecolor": "#ffffff",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


def machine(report: Report) -> str:
    """One line for below a plot."""
    return f"{report['machine']['cpu']}, {report['machine']['cores']} cores, {report['machine']['system']}"


def two_panels(title: str, below: str, height: float = 3.8) -> tuple[Figure, list[Axes]]:
    """A figure with one axes for each effect, which share their scale."""
    figure = Figure(figsize=(9, height), layout="constrained")
    panels = list(figure.subplots(1, 2, sharey=True))
    figure.suptitle(title, fontsize=11)
    figure.supxlabel(below, fontsize=8, color="#555555")
    for axes, effect in zip(panels, EFFECTS, strict=True):
        axes.set_title({"picture": "picture behind", "blur": "room blurred"}[effect], fontsize=10)
        axes.grid(axis="y", color="#dddddd")
        axes.set_axisbelow(True)
    return figure, panels


def peers(report: Report) -> Figure:
    """CPU milliseconds per frame by size on one thread, in bars, on a logarithmic scale.

    CPU time, since on one core it is what a quiet machine's clock would show, even if this one was busy.
    """
    rows = [r for r in report["results"] if r["threads"] == min(r["threads"] for r in report["results"])]
    sizes = list(dict.fromkeys(r["size"] for r in rows))
    names = [name for name in COLOURS if any(r["contender"] == name for r in rows)]
    threads = f"{rows[0]['threads']} thread{'s' * (rows[0]['threads'] > 1)}"
    title = f"Whole frame, {threads}: median ms of CPU time, less is better ({machine(report)})"
    figure, panels = two_panels(title, "", 4.4)  # the legend is below
    width = 0.86 / len(names)
    for axes, effect in zip(panels, EFFECTS, strict=True):
        for number, name in enumerate(names):
            found = {r["size"]: r["cpu_ms"] for r in rows if r["contender"] == name and r["effect"] == effect}
            places = [sizes.index(size) + (number - (len(names) - 1) / 2) * width for size in found]
            bars = axes.bar(places, list(found.values()), width * 0.92, color=COLOURS[name], label=name)
            axes.bar_label(bars, fmt="%.3g", fontsize=6.5, rotation=90, padding=2)
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter("")
        axes.margins(y=0.12)
        axes.set_xticks(range(len(sizes)), sizes)
    panels[0].set_ylabel("ms per frame")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=4, frameon=False)
    return figure


def latency(report: Report) -> Figure:
    """Of each run the middle 90 % of all frames as a thin line, the middle half as a thick one, and the median."""
    below = f"ms from capture to output: 90 % of frames, half of them, median; {machine(report)}"
    figure, panels = two_panels(f"Latency at {report['size']}", below)
    place = report["quantiles"].index
    for axes, effect in zip(panels, EFFECTS, strict=True):
        rows = [r for r in report["results"] if r["effect"] == effect]
        for height, row in enumerate(reversed(rows)):
            at, colour = row["quantiles_ms"], COLOURS.get(f"rtseg {row['model']}", "#999999")
            axes.hlines(height, at[place(5)], at[place(95)], colour, linewidth=1.5)
            axes.hlines(height, at[place(25)], at[place(75)], colour, linewidth=7)
            axes.plot(at[place(50)], height, "|", color="#000000", markersize=10)
            axes.text(at[place(95)], height, f"  {at[place(50)]:.1f}", va="center", fontsize=8)
        names = [f"{r['model']}, {r['fps']:g} fps" + (", busy machine" if r["load"] else "") for r in rows]
        axes.set_yticks(range(len(rows)), reversed(names))
        axes.grid(axis="y", visible=False)
        axes.grid(axis="x", color="#dddddd")
        axes.set_xlim(left=0)
        axes.margins(x=0.12)
    return figure


def stages(reports: list[Report]) -> Figure:
    """What a frame's time goes to, by size and model, on one thread: medians, one on the other."""
    threads = min(r["threads"] for r in reports[0]["results"])
    title = f"Where the time goes, {threads} thread{'s' * (threads > 1)}: median ms by stage"
    figure, panels = two_panels(title, machine(reports[0]))
    for axes, effect in zip(panels, EFFECTS, strict=True):
        bars = [
            (f"{report['model']['name']}\n{row['size']}", row)
            for report in reports
            for row in report["results"]
            if row["effect"] == effect and row["threads"] == threads
        ]
        height = [0.0] * len(bars)
        for number, stage in enumerate(bars[0][1]["stages"]):
            spent = [row["stages"].get(stage, {"median_ms": 0.0})["median_ms"] for _, row in bars]
            axes.bar(range(len(bars)), spent, 0.7, height, color=STAGE_COLOURS[number % 7], label=stage)
            height = [low + more for low, more in zip(height, spent, strict=True)]
        for place, total in enumerate(height):
            axes.text(place, total, f"{total:.1f}", ha="center", va="bottom", fontsize=8)
        axes.set_xticks(range(len(bars)), [label for label, _ in bars], fontsize=7)
    panels[0].set_ylabel("ms per frame")
    panels[0].legend(fontsize=8, frameon=False)
    return figure


def read(path: Path) -> Report:
    """A benchmark's JSON. Raises DataError."""
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as e:
        raise DataError(f"{path} is no benchmark's JSON: {e}") from e
    if not isinstance(report, dict) or not report.get("results"):
        raise DataError(f"{path} has no results in it; make it again")
    return report


def draw(path: Path, make: Callable[[], Figure]) -> None:
    """Write a plot, whole or not at all."""
    with matplotlib.rc_context(STYLE), whole_file(path) as partial:
        make().savefig(partial, dpi=DPI, format="png")
        with Image.open(partial) as drawn:
            few = drawn.convert("RGB").quantize(SHADES, dither=Image.Dither.NONE)
        few.save(partial, format="png", optimize=True)
    print(f"wrote {path}")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--folder", type=Path, default=Path(__file__).parent, help="of the JSON files")
    parser.add_argument("--out", type=Path, help="folder for the PNG files; as --folder if left out")
    chosen = parser.parse_args()
    out = chosen.out or chosen.folder
    files = {name: chosen.folder / f"{name}.json" for name in ("peers", "latency", "fps-fast", "fps")}
    reports = {name: read(path) for name, path in files.items() if path.exists()}
    if not reports:
        raise DataError(f"{chosen.folder} has none of {', '.join(path.name for path in files.values())}")
    if "peers" in reports:
        draw(out / "peers.png", lambda: peers(reports["peers"]))
    if "latency" in reports:
        draw(out / "latency.png", lambda: latency(reports["latency"]))
    if speed := [reports[name] for name in ("fps-fast", "fps") if name in reports]:
        draw(out / "stages.png", lambda: stages(speed))


if __name__ == "__main__":
    try:
        main()
    except (RtsegError, OSError) as e:
        sys.exit(str(e))
