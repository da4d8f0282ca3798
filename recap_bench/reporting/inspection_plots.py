"""Figures of values and advantages: value over time beside pictures of the episode, and advantage histograms."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from recap_bench.data.episode import ACTOR_CORRECTION
from recap_bench.envs.simulation import CONTROL_HZ
from recap_bench.reporting.inspection_data import LabelledFit
from recap_bench.reporting.inspection_measures import Swing, moments, smoothed, swings

DROP, RISE, PLAIN, OPERATOR = "#D62728", "#2CA02C", "0.45", "#E69F00"
"""Colours of falling and rising values as in the paper's Figures 4 and 13, of the rest, and of an operator's steps."""

PICTURES = 6
"""Pictures beside a curve."""

FILM_SIZE = (240, 640)
"""Height and width of the curve under a film [pixels]."""

DPI = 100


@dataclass(frozen=True)
class ValueCurve:
    """The values of one episode, ready to be drawn."""

    title: str
    """What the episode is."""
    values: np.ndarray
    """Value of each step, (T,)."""
    corrected: np.ndarray
    """Whether an operator corrected, (T,) bool."""
    swings: tuple[Swing, ...]
    """Drops and rises of the smoothed values."""

    @property
    def moments(self) -> list[int]:
        """Steps that are pictured."""
        return moments(len(self.values), list(self.swings), PICTURES)

    def colour(self, step: int) -> str:
        """Return the colour of the swing that ends at `step` or goes on there."""
        for swing in self.swings:
            if swing.start < step <= swing.end:
                return DROP if swing.change < 0 else RISE
        return PLAIN


def curve_of(fit: LabelledFit, episode: int) -> ValueCurve:
    """Return the value curve of `episode`."""
    rows, steps = fit.of_episode(episode), fit.steps
    ending = "success" if steps.success[episode] else steps.failure_mode[episode]
    files = fit.files
    title = (
        f"{files.task}, training seed {files.seed}, values of {files.method} iteration {files.iteration}: "
        f"episode {episode}, {fit.kind[episode]}, {ending}"
        f"{'' if fit.held_out[episode] else ' (value function fitted on it)'}"
    )
    values = fit.values[rows]
    return ValueCurve(title, values, steps.actor[rows] == ACTOR_CORRECTION, tuple(swings(smoothed(values))))


def value_figure(curve: ValueCurve, pictures: Sequence[np.ndarray] | None) -> Figure:
    """Return the value over time, drops red and rises green, under the `pictures` (h, w, 3) of `curve.moments`."""
    figure = Figure(figsize=(13.0, 5.2 if pictures else 3.4), layout="constrained")
    grid = figure.add_gridspec(2 if pictures else 1, PICTURES, height_ratios=[1.0, 1.45] if pictures else [1.0])
    for column, (step, picture) in enumerate(zip(curve.moments, pictures or (), strict=False)):
        _picture(figure.add_subplot(grid[0, column]), curve, step, picture, column + 1)
    axes = figure.add_subplot(grid[-1, :])
    _curve(axes, curve)
    for number, step in enumerate(curve.moments, 1):
        axes.axvline(step / CONTROL_HZ, color=curve.colour(step), linewidth=0.8, linestyle=":")
        axes.annotate(
            str(number), (step / CONTROL_HZ, 1.0), xycoords=("data", "axes fraction"), ha="center", va="bottom"
        )
    figure.suptitle(curve.title, fontsize=10)
    return figure


def film_curve(curve: ValueCurve) -> tuple[np.ndarray, np.ndarray]:
    """Return the curve as an image (h, w, 3) uint8 of FILM_SIZE, and the column of each step in it, (T,) int."""
    height, width = FILM_SIZE
    figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI)
    axes = figure.add_axes((0.10, 0.20, 0.87, 0.74))
    _curve(axes, curve)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    time_s = np.arange(len(curve.values)) / CONTROL_HZ
    columns = axes.transData.transform(np.stack([time_s, np.zeros_like(time_s)], axis=1))[:, 0]
    return np.asarray(canvas.buffer_rgba())[..., :3].copy(), np.clip(np.rint(columns), 0, width - 1).astype(int)


def histogram_figure(fit: LabelledFit) -> Figure:
    """Return the density of the advantage of autonomous steps per source and outcome, with the threshold."""
    steps = fit.steps
    source, success = steps.source[steps.episode], steps.success[steps.episode]
    free = steps.actor != ACTOR_CORRECTION
    reach = float(np.quantile(np.abs(fit.advantage - fit.threshold), 0.995))
    edges = np.linspace(fit.threshold - reach, fit.threshold + reach, 81)
    names = list(dict.fromkeys(steps.source.tolist()))
    figure = Figure(figsize=(5.0 * len(names) + 1.0, 3.4), layout="constrained")
    for axes, name in zip(figure.subplots(1, len(names), sharey=True, squeeze=False)[0], names, strict=True):
        for outcome, label, colour in ((True, "success", RISE), (False, "failure", DROP)):
            chosen = free & (source == name) & (success == outcome)
            if chosen.any():
                share = fit.indicator[chosen].mean()
                text = f"{label}: {chosen.sum()} steps, {share:.0%} positive"
                within = np.clip(fit.advantage[chosen], edges[0], edges[-1])
                axes.hist(within, edges, density=True, histtype="step", color=colour, label=text, linewidth=1.5)
        axes.axvline(
            fit.threshold, color="black", linewidth=1.0, linestyle="--", label=f"threshold {fit.threshold:.4f}"
        )
        axes.set(title=name, xlabel="advantage (ends of the axis: and beyond)", yscale="log")
        axes.legend(frameon=False, fontsize=8)
        axes.spines[["top", "right"]].set_visible(False)
    figure.axes[0].set_ylabel("density of steps (logarithmic)")
    files = fit.files
    figure.suptitle(
        f"{files.task}, training seed {files.seed}, {files.method} iteration {files.iteration}; no corrections",
        fontsize=10,
    )
    return figure


def _picture(axes: Axes, curve: ValueCurve, step: int, picture: np.ndarray, number: int) -> None:
    colour = curve.colour(step)
    axes.imshow(picture)
    axes.set_title(f"{number}: {step / CONTROL_HZ:.1f} s, V {curve.values[step]:.2f}", fontsize=9, color=colour)
    axes.set(xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set(color=colour, linewidth=2.5)


def _curve(axes: Axes, curve: ValueCurve) -> None:
    time_s = np.arange(len(curve.values)) / CONTROL_HZ
    axes.plot(time_s, curve.values, color=PLAIN, linewidth=0.9)
    for swing in curve.swings:
        rows = slice(swing.start, swing.end + 1)
        axes.plot(time_s[rows], curve.values[rows], color=DROP if swing.change < 0 else RISE, linewidth=2.2)
    if curve.corrected.any():
        axes.fill_between(
            time_s, 0.0, 1.0, curve.corrected, transform=axes.get_xaxis_transform(), color=OPERATOR, alpha=0.18,
            linewidth=0, label="operator",
        )  # fmt: skip
        axes.legend(frameon=False, loc="lower right", fontsize=8)
    axes.set(xlabel="time [s]", ylabel="value", xlim=(0.0, time_s[-1]), ylim=(min(-0.9, curve.values.min()), 0.02))
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="0.92", linewidth=0.8)
