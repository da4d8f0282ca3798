"""Look into a run: values of chosen episodes beside their pictures, how good the values are, what became positive.

Written into the folder of the inspection:
  summary.md                  the tables for people
  value_diagnostics.csv       one line per fit and kind of episode (inspection_tables.diagnostics_table)
  episodes.csv                one line per fit and episode (inspection_tables.episode_table)
  positive_share.csv          one line per fit, source, outcome and actor (inspection_tables.share_table)
  advantage_<fit>.png         advantage histograms with the threshold
  value_<fit>_episode<i>.png  value over time under pictures of its moments; .mp4: the film over it
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from recap_bench.errors import DataError, RenderingUnavailableError
from recap_bench.reporting.film import Scenery
from recap_bench.reporting.inspection_data import KINDS, FitFiles, LabelledFit, find_fits, load_fit, run_config
from recap_bench.reporting.inspection_film import Playback
from recap_bench.reporting.inspection_plots import DPI, curve_of, histogram_figure, value_figure
from recap_bench.reporting.inspection_tables import (
    diagnostics_table,
    diagnostics_text,
    episode_table,
    share_table,
    share_text,
)
from recap_bench.reporting.tables import markdown_table

LEGEND = (
    "Held out by episode. Separation: probability that a success has a higher mean value than a failure, with a 95 % "
    "bootstrap interval over episodes. Foreseen: the value ends on the outcome's side of the level midway between the "
    "medians of the successes' and failures' mean values; ahead: median steps since it came to that side for good, "
    "over those that had been on the other side before. Rank correlation: of the value with minus the time to go, mean "
    "over episodes; it need not be high for failures."
)


@dataclass(frozen=True)
class Choice:
    """What to look at; None is everything for the tables, and the last iteration for the episodes."""

    task: str | None = None
    """Task name."""
    seed: int | None = None
    """Training seed."""
    method: str | None = None
    """Method, or 'pretraining'."""
    iteration: int | None = None
    """Iteration of the fit."""
    episodes: tuple[int, ...] = ()
    """Numbers of episodes, as in episodes.csv; () for one success, one failure and one rescue."""
    film: bool = True
    """Write films, not only pictures."""

    def takes(self, fit: FitFiles) -> bool:
        """Return whether `fit` is to be looked at."""
        return all(
            wanted is None or wanted == getattr(fit, name)
            for name, wanted in (
                ("task", self.task),
                ("seed", self.seed),
                ("method", self.method),
                ("iteration", self.iteration),
            )
        )


def inspect_run(run: Path, choice: Choice, folder: Path, say: Callable[[str], None]) -> str:
    """Write everything into `folder` and return the summary as Markdown; `say` is told what is written, and warnings.

    Raises DataError if `run` has no such fit or episode.
    """
    config = run_config(run)
    known = find_fits(run)
    fits = [fit for fit in known if choice.takes(fit)]
    if not fits:
        raise DataError(
            f"{run} has no such fit with labels. Known: {', '.join(fit.name for fit in known) or 'none yet'}."
        )
    folder.mkdir(parents=True, exist_ok=True)
    pictured = pictured_fits(fits, config["methods"])
    show = _Show(folder, Scenery(config["randomization"], config.get("start")), choice.film, say)
    diagnostics, episodes, shares = [], [], []
    for files in fits:
        fit = load_fit(files)
        table = episode_table(fit)
        episodes.append(table)
        diagnostics.append(diagnostics_table(fit, table))
        shares.append(share_table(fit))
        histogram_figure(fit).savefig(folder / f"advantage_{files.name}.png", dpi=DPI)
        if files in pictured:
            for episode in choice.episodes or chosen_episodes(table):
                show(fit, episode)
    for name, parts in (("value_diagnostics", diagnostics), ("episodes", episodes), ("positive_share", shares)):
        pd.concat(parts).to_csv(folder / f"{name}.csv", index=False, float_format="%.6g")
    text = _summary(pd.concat(diagnostics), pd.concat(shares))
    (folder / "summary.md").write_text(text, encoding="utf-8")
    say(f"tables and histograms in {folder}")
    return text


def pictured_fits(fits: Sequence[FitFiles], methods: Sequence[str]) -> list[FitFiles]:
    """Return one fit for each task whose episodes are shown: the last iteration of the first of `methods` and seed."""
    order = {method: place for place, method in enumerate(methods)}
    ranked = sorted(fits, key=lambda fit: (-fit.iteration, order.get(fit.method, len(order)), fit.seed))
    return list({fit.task: fit for fit in reversed(ranked)}.values())


def chosen_episodes(episodes: pd.DataFrame) -> tuple[int, ...]:
    """Return a success and a failure of the policy alone and a rescue, each the one with the largest drop of its value.

    Episodes of the last round come first. Where the policy has no success or no failure, a demonstration stands in.
    """
    demonstration, autonomous, assisted = KINDS
    chosen = []
    for success, kinds in (
        (True, (autonomous, demonstration)),
        (False, (autonomous, demonstration)),
        (True, (assisted,)),
    ):
        of_kind = [episodes[(episodes["success"] == success) & (episodes["kind"] == kind)] for kind in kinds]
        found = next((table for table in of_kind if len(table)), None)
        if found is not None:
            last = found[found["collected"] == found["collected"].max()]
            chosen.append(int(last.loc[last["largest_drop"].idxmin(), "episode"]))
    return tuple(chosen)


@dataclass(frozen=True)
class _Show:
    """Writes figures and films of single episodes."""

    folder: Path
    scenery: Scenery
    film: bool
    say: Callable[[str], None]

    def __call__(self, fit: LabelledFit, episode: int) -> None:
        """Write the value figure of `episode`, and its film if wanted; only the curve without OpenGL."""
        if not 0 <= episode < fit.steps.num_episodes:
            raise DataError(f"{fit.files.name} has episodes 0 to {fit.steps.num_episodes - 1}, received {episode}.")
        curve = curve_of(fit, episode)
        path = self.folder / f"value_{fit.files.name}_episode{episode}.png"
        playback = Playback(fit.stored_episode(episode), curve, self.scenery)
        try:
            if self.film:
                playback.film(path.with_suffix(".mp4"))
            else:
                playback.photograph()
        except RenderingUnavailableError as error:
            self.say(f"WARNING {path.name} has no pictures, and there is no film: {error}")
        if playback.first_difference is not None:
            self.say(
                f"WARNING the pictures of {path.name} may not show what was recorded: played again, the episode goes "
                f"another way from step {playback.first_difference} on (another version of MuJoCo, or machine?)."
            )
        pictures = [playback.pictures[step] for step in curve.moments if step in playback.pictures]
        value_figure(curve, pictures).savefig(path, dpi=DPI)
        self.say(f"{curve.title.partition(': ')[2]}: {path}")


def _summary(diagnostics: pd.DataFrame, shares: pd.DataFrame) -> str:
    parts = [
        "## How good the values are",
        LEGEND,
        markdown_table(diagnostics_text(diagnostics)),
        "## What became positive",
        markdown_table(share_text(shares)),
    ]
    return "\n\n".join(parts) + "\n"
