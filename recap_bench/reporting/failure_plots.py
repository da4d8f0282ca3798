"""How the episodes of a run failed, as stacked bars."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from recap_bench.reporting.drawing import (
    COLOURS,
    iteration_name,
    method_panels,
    tidy,
    with_shared_start,
)
from recap_bench.reporting.tables import failure_table, of_task, task_and_start

HATCHES = ("", "//", "..")
"""Of the failure modes after the first seven, which have the colours once more."""
LOWEST_TOP = 0.1
"""Share at which the axis ends where less fails, so that a few failures of hundreds are seen and do not look many."""


def failure_figure(rows: pd.DataFrame, task: str) -> Figure:
    """Return the share of episodes that ended in each failure mode, one bar per iteration and one panel per method."""
    by_method = with_shared_start(of_task(rows, task))
    shares = {method: _failure_shares(part) for method, part in by_method.items()}
    total = pd.concat(shares.values()).sum().sort_values(ascending=False, kind="stable")
    modes = [str(mode) for mode in total.index[total > 0]]
    figure, panels = method_panels(len(by_method), "episodes that failed")
    for panel, (method, share) in zip(panels, shares.items(), strict=True):
        _stack(panel, share.reindex(columns=modes, fill_value=0.0), by_method[method].groupby("iteration").size())
        panel.set_title(method)
    tallest = max(share.sum(axis=1).max() for share in shares.values())
    panels[0].set_ylim(0, 1.08 * max(tallest, LOWEST_TOP))
    if modes:
        figure.legend(*panels[0].get_legend_handles_labels(), loc="outside right center", frameon=False)
    figure.suptitle(task_and_start(rows, task), fontsize=10)
    return figure


def _failure_shares(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the share of episodes in each failure mode: one line per iteration, one column per mode."""
    counts = failure_table(rows).pivot_table(
        index="iteration", columns="failure_mode", values="episodes", aggfunc="sum"
    )
    episodes = rows.groupby("iteration").size()
    return counts.reindex(episodes.index).fillna(0.0).div(episodes, axis=0)


def _stack(axes: Axes, shares: pd.DataFrame, episodes: pd.Series) -> None:
    """Draw one stacked bar per iteration, and over it how many of its episodes failed."""
    x, below = np.arange(len(shares)), np.zeros(len(shares))
    for index, mode in enumerate(shares.columns):
        hatch = HATCHES[index // len(COLOURS) % len(HATCHES)]
        colour = COLOURS[index % len(COLOURS)]
        axes.bar(
            x, shares[mode], 0.6, below, label=mode.replace("_", " "), color=colour, edgecolor="white", hatch=hatch
        )
        below = below + shares[mode].to_numpy()
    for place, height, count in zip(x, below, episodes, strict=True):
        axes.annotate(
            f"{round(height * count)} of {count}", (place, height), (0, 3), textcoords="offset points", ha="center"
        )
    axes.set_xticks(x, [iteration_name(int(iteration)) for iteration in shares.index])
    axes.set_xlim(-0.6, len(shares) - 0.4)
    tidy(axes)
