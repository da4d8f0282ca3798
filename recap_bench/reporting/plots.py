"""Figures of a run: throughput and success per iteration and how far the episodes got; and all figures of a report."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from recap_bench.reporting.drawing import (
    iteration_name,
    method_panels,
    method_styles,
    sizes,
    style,
    tidy,
    with_shared_start,
)
from recap_bench.reporting.failure_plots import failure_figure
from recap_bench.reporting.overview import overview_figure
from recap_bench.reporting.tables import of_task, stage_table, summary_table, task_and_start

DODGE = 0.06
"""Horizontal distance between the marks of two methods [iterations], so that error bars do not hide each other."""
DPI = 150


def iteration_figure(rows: pd.DataFrame, task: str) -> Figure:
    """Return throughput (left) and success (right) per iteration with 95 % intervals, one line per method.

    Iterations of other seeds or numbers of episodes than the rest are not quite comparable: their ticks say which.
    """
    lines = {method: summary_table(part) for method, part in with_shared_start(of_task(rows, task)).items()}
    figure = Figure(figsize=(9.0, 3.8), layout="constrained")
    throughput, success = figure.subplots(1, 2)
    _lines(throughput, lines, "throughput_per_hour", "throughput")
    throughput.set_ylabel("successes per hour of attempts")
    throughput.set_title("Throughput")
    _lines(success, lines, "success_rate", "success")
    success.set_ylabel("success rate")
    success.set_title("Success")
    success.set_ylim(-0.02, 1.02)
    success.yaxis.set_major_formatter(PercentFormatter(1.0))
    success.legend(frameon=False)
    points = pd.concat(lines.values())
    figure.suptitle(f"{task_and_start(rows, task)}: {sizes(points)} a point, 95 % intervals", fontsize=10)
    return figure


def stage_figure(rows: pd.DataFrame, task: str) -> Figure:
    """Return the share of episodes that reached each stage, one line per iteration and one panel per method."""
    by_method = {method: stage_table(part) for method, part in with_shared_start(of_task(rows, task)).items()}
    figure, panels = method_panels(len(by_method), "episodes that reached the stage")
    drawn = {}
    for panel, (method, lines) in zip(panels, by_method.items(), strict=True):
        for iteration, line in lines.groupby("iteration"):
            stages = line["stage"].str.replace("_", " ")
            drawn[int(iteration)] = panel.plot(stages, line["rate"], **style(int(iteration)))[0]
        panel.set_title(method)
        for label in panel.get_xticklabels():
            label.set(rotation=30, ha="right", rotation_mode="anchor")
        tidy(panel)
    panels[0].set_ylim(-0.02, 1.02)
    panels[-1].legend([drawn[at] for at in sorted(drawn)], [iteration_name(at) for at in sorted(drawn)], frameon=False)
    figure.suptitle(task_and_start(rows, task), fontsize=10)
    return figure


def write_figures(rows: pd.DataFrame, folder: Path) -> list[Path]:
    """Write iterations_, stages_ and failures_<task>.png, and overview.png of several tasks; return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    figures = {"iterations": iteration_figure, "stages": stage_figure, "failures": failure_figure}
    written = []
    for task in rows["task"].unique():
        for name, draw in figures.items():
            written.append(folder / f"{name}_{task}.png")
            draw(rows, task).savefig(written[-1], dpi=DPI)
    if rows["task"].nunique() > 1:
        written.append(folder / "overview.png")
        overview_figure(rows).savefig(written[-1], dpi=DPI)
    return written


def _lines(axes: Axes, lines: Mapping[str, pd.DataFrame], value: str, prefix: str) -> None:
    styles = method_styles(lines)
    for index, (method, line) in enumerate(lines.items()):
        x = line["iteration"].to_numpy(float) + DODGE * (index - (len(lines) - 1) / 2)
        y = line[value].to_numpy(float)
        errors = np.abs(np.stack([y - line[f"{prefix}_low"], line[f"{prefix}_high"] - y]))
        axes.errorbar(x, y, errors, label=method, capsize=3, **styles[method])
    points = pd.concat(lines.values())
    names = {int(iteration): iteration_name(int(iteration)) for iteration in sorted(set(points["iteration"]))}
    if len(points[["seeds", "episodes"]].drop_duplicates()) > 1:
        names = {
            at: "\n".join([name, *sizes(points[points["iteration"] == at]).split(", ")]) for at, name in names.items()
        }
    iterations = list(names)
    axes.set_xticks(iterations, list(names.values()))
    axes.set_xlim(iterations[0] - 0.4, iterations[-1] + 0.4)
    axes.set_ylim(bottom=-0.02 * axes.get_ylim()[1])  # room for marks at zero
    tidy(axes)
