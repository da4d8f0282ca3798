"""What the figures of a report share: colours, marks, names, and where the line of a method begins."""

from collections.abc import Iterable
from itertools import count
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from recap_bench.method import METHODS

# Okabe and Ito's palette, told apart with any colour vision; markers tell the same in grey.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")

PANELS_PER_ROW = 3
"""Panels of methods beside each other."""


def with_shared_start(rows: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return method -> its rows and, of the same training seeds, those of iteration 0: SFT, where all methods start.

    A method that has nothing but iteration 0 is left out unless all are so.
    """
    start, later = rows[rows["iteration"] == 0], rows[rows["iteration"] > 0]
    if later.empty:
        return {str(method): part for method, part in start.groupby("method")}
    return {
        str(method): pd.concat([start[start["seed"].isin(part["seed"])].assign(method=method), part])
        for method, part in later.groupby("method")
    }


def style(index: int) -> dict[str, Any]:
    """Return colour and marker of the line with this index; after seven the colours come again with other markers."""
    return {
        "color": COLOURS[index % len(COLOURS)],
        "marker": MARKERS[(index + index // len(COLOURS)) % len(MARKERS)],
        "markersize": 6,
        "linewidth": 1.6,
    }


def method_styles(methods: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Return method -> colour and marker of its line.

    A method of METHODS looks the same in every figure, whatever else is there; others take what these leave free.
    """
    names, known = list(methods), list(METHODS)
    index = {name: known.index(name) for name in names if name in known}
    for name in names:
        if name not in index:
            index[name] = _next_free(set(index.values()))
    return {name: style(index[name]) for name in names}


def method_panels(number: int, share_of: str) -> tuple[Figure, list[Axes]]:
    """Return a figure with one panel for each of `number` methods, in rows of three, and the panels.

    They have one y axis, the share of what `share_of` says.
    """
    columns, rows = min(number, PANELS_PER_ROW), -(-number // PANELS_PER_ROW)
    figure = Figure(figsize=(max(4.8 * columns, 6.0), 3.8 * rows), layout="constrained")
    panels = list(figure.subplots(rows, columns, sharey=True, squeeze=False).flat)
    for unused in panels[number:]:
        unused.remove()
    panels[0].yaxis.set_major_formatter(PercentFormatter(1.0))
    for first in panels[:number:PANELS_PER_ROW]:
        first.set_ylabel(share_of)
    return figure, panels[:number]


def iteration_name(iteration: int) -> str:
    """Return how axes and legends call an iteration: the first is SFT, where all methods start."""
    return "SFT" if iteration == 0 else f"iteration {iteration}"


def sizes(points: pd.DataFrame) -> str:
    """Return of how many training seeds and episodes the lines `points` of a summary are."""
    return f"{number_range(points['seeds'])} seed(s), {number_range(points['episodes'])} episodes"


def number_range(numbers: pd.Series) -> str:
    """Return '3', or '1 to 3' where the marks of a figure differ."""
    low, high = int(numbers.min()), int(numbers.max())
    return str(high) if low == high else f"{low} to {high}"


def tidy(axes: Axes) -> None:
    """Take away what is no data."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="0.9", linewidth=0.8)
    axes.set_axisbelow(True)


def _next_free(taken: set[int]) -> int:
    """Return the first index after METHODS whose colour no line has; one of another marker if lines have them all."""
    colours = {index % len(COLOURS) for index in taken}
    if len(colours) == len(COLOURS):
        colours = set()
    return next(at for at in count(len(METHODS)) if at not in taken and at % len(COLOURS) not in colours)
