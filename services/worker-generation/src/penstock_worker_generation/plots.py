"""Distributions as pictures: SVG in vector form, its letters as outlines, so that it needs no font where it is shown.

The colours are marks for `coloured` to replace: a page may be light or dark, paper is not.
"""

import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from io import StringIO
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager
from matplotlib.ticker import FuncFormatter, MaxNLocator

from penstock_worker_generation.fonts import FAMILY, font_file
from penstock_worker_generation.formats import figure, percent
from penstock_worker_generation.intervals import UNITS, Intervals
from penstock_worker_generation.times import Times

WIDTH = 4.6
"""Inches."""

BAR, INK, LINE = "#010203", "#040506", "#070809"

MOST_TICKS = 6

FILLED = 0.92
"""The part of an interval's width that its bar takes."""

_LABELS = {
    "minute": "%m-%d %H:%M",
    "hour": "%m-%d %H:%M",
    "day": "%Y-%m-%d",
    "week": "%Y-%m-%d",
    "month": "%Y-%m",
    "quarter": "%Y-%m",
}

_STYLE: Any = {  # its type lists every name that matplotlib knows
    # DejaVu Sans comes with matplotlib and has letters of scripts that the other one lacks.
    "font.family": [FAMILY, "DejaVu Sans"],
    "font.size": 8,
    "svg.fonttype": "path",
    "text.parse_math": False,  # a $ in a value is a $
    "text.color": INK,
    "axes.labelcolor": INK,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "axes.edgecolor": LINE,
    "xtick.color": LINE,
    "ytick.color": LINE,
    "grid.color": LINE,
    "grid.linewidth": 0.6,
    "axes.spines.left": False,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.unicode_minus": True,
}


@dataclass(frozen=True)
class Palette:
    """Colours as CSS or SVG write them."""

    bar: str
    ink: str
    line: str


def coloured(svg: str, palette: Palette) -> str:
    """The picture in these colours."""
    return svg.replace(BAR, palette.bar).replace(INK, palette.ink).replace(LINE, palette.line)


def histogram(intervals: Intervals, counts: Sequence[int], key: str) -> str:
    """How many numbers lie in each interval. `key` sets this picture's ids apart from others on the page."""
    with mpl.rc_context(_STYLE):
        drawing, axes = _upright()
        middles = [intervals.low + intervals.step * (number + 0.5) for number in range(intervals.count)]
        axes.bar(middles, counts, width=intervals.step * FILLED, color=BAR)
        axes.set_xlim(intervals.low, intervals.high)
        most = 2 * MOST_TICKS if intervals.centred else MOST_TICKS
        axes.xaxis.set_major_locator(MaxNLocator(most, integer=intervals.step >= 1))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: figure(value)))
        return _svg(drawing, key)


def timeline(times: Times, key: str) -> str:
    """How many times lie in each calendar unit."""
    width = dict(UNITS).get(times.unit, UNITS[-1][1] * 10).total_seconds()
    first = times.counts[0][0]
    middles = [(start - first).total_seconds() + width / 2 for start, _ in times.counts]
    with mpl.rc_context(_STYLE):
        drawing, axes = _upright()
        axes.bar(middles, [count for _, count in times.counts], width=width * FILLED, color=BAR)
        axes.set_xlim(0, middles[-1] + width / 2)
        shown = _spread(middles, MOST_TICKS)
        labels = [times.counts[number][0].strftime(_LABELS.get(times.unit, "%Y")) for number in shown]
        axes.set_xticks([middles[number] for number in shown], labels)
        return _svg(drawing, key)


def bars(labels: Sequence[str], counts: Sequence[int], whole: int, key: str) -> str:
    """How often each value stands there, of `whole` values, the first one on top."""
    with mpl.rc_context(_STYLE):
        drawing, axes = _axes(0.1 + 0.2 * len(labels))
        axes.barh(range(len(labels)), counts, height=0.68, color=BAR)
        axes.set_yticks(range(len(labels)), labels)
        axes.invert_yaxis()
        axes.spines["bottom"].set_visible(False)
        axes.tick_params(length=0)
        axes.set_xticks([])
        axes.set_xlim(0, max(counts) * 1.35)  # room for what is written beside the longest bar
        axes.margins(y=0.01)
        for place, count in enumerate(counts):
            says = f"{figure(count)}  ·  {percent(count, whole)}"
            axes.annotate(says, (count, place), xytext=(4, 0), textcoords="offset points", va="center")
        return _svg(drawing, key)


@cache
def _know_the_font() -> None:
    fontManager.addfont(font_file())


def _axes(height: float) -> tuple[Figure, Axes]:
    _know_the_font()
    drawing = Figure(figsize=(WIDTH, height), layout="constrained")
    return drawing, drawing.subplots()


def _upright() -> tuple[Figure, Axes]:
    drawing, axes = _axes(1.6)
    axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: figure(value)))
    axes.grid(axis="y")
    axes.set_axisbelow(True)
    axes.tick_params(axis="y", length=0)
    return drawing, axes


def _spread(places: Sequence[float], most: int) -> list[int]:
    """The numbers of at most `most` places that are spread best over all of them."""
    targets = [places[-1] * step / (most - 1) for step in range(most)]
    nearest = {min(range(len(places)), key=lambda n: abs(places[n] - target)) for target in targets}
    return sorted(nearest)


def _svg(drawing: Figure, key: str) -> str:
    """The picture as an element to stand in a page: without declaration, style sheet, size and comments
    (which quote values)."""
    nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    written = StringIO()
    with warnings.catch_warnings(), mpl.rc_context({"svg.hashsalt": key}):
        warnings.filterwarnings("ignore", r"Glyph .* missing from font", UserWarning)
        drawing.savefig(written, format="svg", transparent=True, metadata=nothing)
    svg = re.sub(r"<!--.*?-->\s*", "", written.getvalue(), flags=re.DOTALL)
    svg = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>\s*", "", svg[svg.index("<svg") :], flags=re.DOTALL)
    svg = re.sub(r'(<svg\b[^>]*?) height="[^"]*"', r"\1", svg, count=1)
    svg = re.sub(r'(<svg\b[^>]*?) width="[^"]*"', r"\1", svg, count=1)
    return re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{key}-", svg)
