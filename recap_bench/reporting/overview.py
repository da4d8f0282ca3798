"""All tasks of a report in one figure: where methods start, and what they come to."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from recap_bench.reporting.drawing import method_styles, sizes, tidy
from recap_bench.reporting.tables import of_task, summary_table, task_and_start

ROW_HEIGHT, REACH = 0.9, 0.7
"""Height of a task [inches], and the share of it that its marks spread over."""


def overview_figure(rows: pd.DataFrame) -> Figure:
    """Return success, and throughput over SFT's, a row per task: of SFT, and of every method's last iteration.

    SFT is that of the training seeds that a method's last iteration has, of which the ratio is, too.
    """
    tasks = [str(task) for task in rows["task"].unique()]
    ends = pd.concat([summary_table(_ends(of_task(rows, task))) for task in tasks], ignore_index=True)
    methods = [str(method) for method in ends["method"].unique()]
    figure = Figure(figsize=(10.0, 1.4 + ROW_HEIGHT * len(tasks)), layout="constrained")
    success, ratio = figure.subplots(1, 2, sharey=True)
    styles = method_styles(methods)
    for index, method in enumerate(methods):
        line = ends[ends["method"] == method]
        y = [tasks.index(task) + REACH * ((index + 0.5) / len(methods) - 0.5) for task in line["task"]]
        _marks(success, line, y, "success_rate", "success", styles[method], method)
        _marks(ratio, line, y, "throughput_ratio", "throughput_ratio", styles[method], method)
    success.set_title("Success")
    success.set_xlim(-0.02, 1.02)
    success.xaxis.set_major_formatter(PercentFormatter(1.0))
    ratio.set_title("Throughput, times SFT's")
    ratio.set_xlim(left=0.0)
    ratio.axvline(1.0, color="0.6", linewidth=1.0, linestyle="--")
    success.set_yticks(range(len(tasks)), [_label(task, rows, ends) for task in tasks])
    success.set_ylim(len(tasks) - 0.5, -0.5)
    figure.suptitle("SFT, and the last iteration of each method; 95 % intervals", fontsize=10)
    figure.legend(*success.get_legend_handles_labels(), loc="outside lower center", ncols=len(methods), frameon=False)
    for panel in (success, ratio):
        tidy(panel)
    return figure


def _ends(rows: pd.DataFrame) -> pd.DataFrame:
    """Return a task's rows of the last iteration of every method, and those of SFT of the same training seeds."""
    ends = rows[rows["iteration"] == rows.groupby("method")["iteration"].transform("max")]
    later = ends["iteration"] > 0
    return ends[later | ends["seed"].isin(ends.loc[later, "seed"])] if later.any() else ends


def _marks(
    axes: Axes, line: pd.DataFrame, y: list[float], value: str, prefix: str, style: dict[str, Any], method: str
) -> None:
    x = line[value].to_numpy(float)
    errors = np.abs(np.stack([x - line[f"{prefix}_low"], line[f"{prefix}_high"] - x]))
    axes.errorbar(x, y, xerr=errors, label=method, capsize=3, **{**style, "linestyle": "none"})


def _label(task: str, rows: pd.DataFrame, ends: pd.DataFrame) -> str:
    """Return the name of a task and its start, and of how many episodes its marks are."""
    lines = ends[ends["task"] == task]
    return f"{task_and_start(rows, task)}\n{sizes(lines)}, iteration {int(lines['iteration'].max())}"
