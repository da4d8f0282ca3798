"""Tables of one fit's labels: how good its values are, and which steps they made positive."""

from typing import Any

import numpy as np
import pandas as pd

from recap_bench.data.episode import ACTOR_CORRECTION, ACTOR_DEMONSTRATOR, ACTOR_POLICY
from recap_bench.envs.simulation import CONTROL_HZ
from recap_bench.learning.ordering import rank_correlation, separation
from recap_bench.reporting.inspection_data import KINDS, LabelledFit
from recap_bench.reporting.inspection_measures import (
    outcome_level,
    separation_interval,
    smoothed,
    steps_foreseen,
    swings,
)

ACTORS = {ACTOR_POLICY: "policy", ACTOR_DEMONSTRATOR: "demonstrator", ACTOR_CORRECTION: "correction"}


def address(fit: LabelledFit) -> dict[str, Any]:
    """Return the columns that name a fit."""
    files = fit.files
    return {"task": files.task, "seed": files.seed, "method": files.method, "iteration": files.iteration}


def episode_table(fit: LabelledFit) -> pd.DataFrame:
    """Return one line per episode of the fit: what happened, and what the values made of it.

    Columns beside those of the episode: held_out; log_likelihood [nat per step]; rank_correlation with the time to go;
    mean, first and last value; largest_drop of the smoothed value (0 or below); steps_foreseen, at whose level the
    held-out episodes of the fit are judged, nan if these have one outcome only; positive_share and forced_share of the
    steps.
    """
    steps, kind = fit.steps, fit.kind
    mean = np.add.reduceat(fit.values, steps.start) / steps.length
    level = level_of(fit, mean)
    lines = []
    for episode in range(steps.num_episodes):
        rows = fit.of_episode(episode)
        values, success = fit.values[rows], bool(steps.success[episode])
        drops = [swing.change for swing in swings(smoothed(values)) if swing.change < 0]
        lines.append(
            {
                **address(fit),
                "episode": episode,
                "group": fit.group[episode],
                "kind": kind[episode],
                "collected": int(steps.iteration[episode]),
                "env_seed": int(steps.seed[episode]),
                "steps": int(steps.length[episode]),
                "success": success,
                "failure_mode": steps.failure_mode[episode],
                "held_out": bool(fit.held_out[episode]),
                "log_likelihood": fit.log_likelihood[episode],
                "rank_correlation": rank_correlation(values, np.arange(len(values))),
                "mean_value": mean[episode],
                "first_value": values[0],
                "last_value": values[-1],
                "largest_drop": min(drops, default=0.0),
                "steps_foreseen": steps_foreseen(values, level, success) if np.isfinite(level) else float("nan"),
                "positive_share": fit.indicator[rows].mean(),
                "forced_share": fit.forced[rows].mean(),
            }
        )
    return pd.DataFrame(lines)


def level_of(fit: LabelledFit, mean: np.ndarray) -> float:
    """Return the level that parts success from failure, from the mean values (E,) of the held-out episodes."""
    held_out, success = fit.held_out, fit.steps.success
    return outcome_level(mean[held_out & success], mean[held_out & ~success])


def diagnostics_table(fit: LabelledFit, episodes: pd.DataFrame) -> pd.DataFrame:
    """Return how good the held-out values and their labels are: a line for all episodes, one for each kind.

    `episodes` is the fit's episode_table. An assisted episode counts by its outcome, whoever brought it about.
    """
    judged = episodes[episodes["held_out"]]
    groups = {"all": judged, **{kind: judged[judged["kind"] == kind] for kind in KINDS}}
    names = ("constant_log_likelihood", "advantage_signal", "indicator_gain", "indicator_shift")
    of_fit = pd.Series([fit.diagnostics.get(name) for name in names], names, dtype=float).to_dict()
    lines = []
    for name, group in groups.items():
        if len(group):
            known = of_fit if name == "all" else dict.fromkeys(of_fit, float("nan"))
            lines.append({**address(fit), "kind": name, **_judgement(group), **known})
    return pd.DataFrame(lines)


def _judgement(group: pd.DataFrame) -> dict[str, Any]:
    """Return the measures of held-out episodes; see the columns of episode_table."""
    won, lost = group[group["success"]], group[~group["success"]]
    means = won["mean_value"].to_numpy(), lost["mean_value"].to_numpy()
    low, high = separation_interval(*means)
    foreseen, longest = lost["steps_foreseen"], lost["steps_foreseen"] == lost["steps"]
    known = won["steps_foreseen"]
    return {
        "episodes": len(group),
        "successes": len(won),
        "log_likelihood": float(np.average(group["log_likelihood"], weights=group["steps"])),
        "rank_correlation_success": won["rank_correlation"].mean(),
        "rank_correlation_failure": lost["rank_correlation"].mean(),
        "separation": separation(*means),
        "separation_low": low,
        "separation_high": high,
        "failures_foreseen": _share(foreseen > 0, foreseen),
        "failures_never_above": _share(longest, foreseen),
        "failure_steps": foreseen[(foreseen > 0) & ~longest].median(),
        "successes_foreseen": _share(known > 0, known),
        "success_steps": known[(known > 0) & (known < won["steps"])].median(),
    }


def _share(holds: pd.Series, of: pd.Series) -> float:
    """Return the share of `of` for which `holds` is true; nan if there are none, or they are unknown."""
    return float(holds[of.notna()].mean()) if of.notna().any() else float("nan")


def share_table(fit: LabelledFit) -> pd.DataFrame:
    """Return the realised positive share of the steps by source, outcome and actor, and how many were forced."""
    steps = fit.steps
    columns = {
        "source": steps.source[steps.episode],
        "outcome": np.where(steps.success, "success", "failure")[steps.episode],
        "actor": pd.Series(steps.actor).map(ACTORS),
        "positive": fit.indicator,
        "forced": fit.forced,
        "episode": steps.episode,
    }
    grouped = pd.DataFrame(columns).groupby(["source", "outcome", "actor"])
    table = grouped.agg(
        episodes=("episode", "nunique"),
        steps=("positive", "size"),
        positive_share=("positive", "mean"),
        forced_share=("forced", "mean"),
    ).reset_index()
    return pd.concat([pd.DataFrame([address(fit)] * len(table)), table], axis=1)


def diagnostics_text(table: pd.DataFrame) -> pd.DataFrame:
    """Return the diagnostics as text cells for people."""

    def text(line: pd.Series) -> dict[str, str]:
        seconds = {name: line[f"{name}_steps"] / CONTROL_HZ for name in ("failure", "success")}
        interval = f" [{line['separation_low']:.2f}, {line['separation_high']:.2f}]"
        return {
            "fit": f"{line['task']} seed {line['seed']} {line['method']} {line['iteration']}",
            "episodes": f"{line['kind']}: {line['episodes']} ({line['successes']} won)",
            "log-likelihood (constant) [nat]": _number(line["log_likelihood"], "{:.2f}")
            + _number(line["constant_log_likelihood"], " ({:.2f})"),
            "rank correlation, won": _number(line["rank_correlation_success"], "{:.2f}"),
            "rank correlation, lost": _number(line["rank_correlation_failure"], "{:.2f}"),
            "separation": _number(line["separation"], "{:.2f}" + interval),
            "advantage that comes about": _number(line["advantage_signal"], "{:.0%}"),
            "error saved by the indicator (shift)": _number(line["indicator_gain"], "{:.1%}")
            + _number(line["indicator_shift"], " ({:.2f})"),
            "failures foreseen (never above)": _number(line["failures_foreseen"], "{:.0%}")
            + _number(line["failures_never_above"], " ({:.0%})"),
            "steps ahead, lost": _number(line["failure_steps"], f"{{:.0f}} steps, {seconds['failure']:.1f} s"),
            "successes foreseen": _number(line["successes_foreseen"], "{:.0%}"),
            "steps ahead, won": _number(line["success_steps"], f"{{:.0f}} steps, {seconds['success']:.1f} s"),
        }

    return pd.DataFrame([text(line) for _, line in table.iterrows()])


def share_text(table: pd.DataFrame) -> pd.DataFrame:
    """Return the positive shares as text cells for people."""
    cells = table.assign(
        positive=table["positive_share"].map("{:.1%}".format), forced=table["forced_share"].map("{:.1%}".format)
    )
    return cells.drop(columns=["positive_share", "forced_share"]).astype(str)


def _number(value: float, form: str) -> str:
    return form.format(value) if np.isfinite(value) else ""
