"""All tasks of a report in one figure: where methods start, and what they come to."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from recap_bench.reporting.drawing import number_range, style, tidy
from recap_bench.reporting.tables import of_task, summary_table

ROW_HEIGHT, REACH = 0.9, 0.7
"""Height of a task [inches], and the share of it that its marks spread over."""


def overview_figure(rows: pd.DataFrame) -> Figure:
    """Return success, and throughput over SFT's, a row per task: of SFT, and of every method's last iteration."""
    tasks = [str(task) for task in rows["task"].unique()]
    ends = pd.concat([_ends(summary_table(of_task(rows, task))) for task in tasks], ignore_index=True)
    methods = [str(method) for method in ends["method"].unique()]
    figure = Figure(figsize=(10.0, 1.4 + ROW_HEIGHT * len(tasks)), layout="constrained")
    success, ratio = figure.subplots(1, 2, sharey=True)
    for index, method in enumerate(methods):
        line = ends[ends["method"] == method]
        y = [tasks.index(task) + REACH * ((index + 0.5) / len(methods) - 0.5) for task in line["task"]]
        _marks(success, line, y, "success_rate", "success", index, method)
        _marks(ratio, line, y, "throughput_ratio", "throughput_ratio", index, method)
    success.set_title("Success")
    success.set_xlim(-0.02, 1.02)
    success.xaxis.set_major_formatter(PercentFormatter(1.0))
    ratio.set_title("Throughput, times SFT's")
    ratio.set_xlim(left=0.0)
    ratio.axvline(1.0, color="0.6", linewidth=1.0, linestyle="--")
    success.set_yticks(range(len(tasks)), [f"{task}\n{_sizes(ends[ends['task'] == task])}" for task in tasks])
    success.set_ylim(len(tasks) - 0.5, -0.5)
    figure.suptitle("SFT, and the last iteration of each method; 95 % intervals", fontsize=10)
    figure.legend(*success.get_legend_handles_labels(), loc="outside lower center", ncols=len(methods), frameon=False)
    for panel in (success, ratio):
        tidy(panel)
    return figure


def _ends(summary: pd.DataFrame) -> pd.DataFrame:
    """Return the lines of a task's SFT and of the last iteration of every other method."""
    return summary.sort_values("iteration", kind="stable").drop_duplicates("method", keep="last")


def _marks(axes: Axes, line: pd.DataFrame, y: list[float], value: str, prefix: str, index: int, method: str) -> None:
    x = line[value].to_numpy(float)
    errors = np.abs(np.stack([x - line[f"{prefix}_low"], line[f"{prefix}_high"] - x]))
    axes.errorbar(x, y, xerr=errors, label=method, capsize=3, **{**style(index), "linestyle": "none"})


def _sizes(lines: pd.DataFrame) -> str:
    seeds, episodes = (number_range(lines[name]) for name in ("seeds", "episodes"))
    return f"{seeds} seed(s), {episodes} episodes, iteration {int(lines['iteration'].max())}"
