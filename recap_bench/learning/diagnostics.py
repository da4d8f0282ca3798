"""Numbers that say whether labels can be trusted.

Keys of `label_report`:
  positive_share                    of all steps
  positive_share_reference          of the steps that set the threshold; should be the configured fraction
  positive_share_by                 'source/outcome/actor' -> share, over all steps
  positive_share_by_task            task -> share, over all steps
  forced_share                      of all steps
  threshold                         task -> epsilon, in units of the normalised return
  bins_per_second                   task -> value bins per second of episode
  advantage_signal                  share of the variance of A_t that comes about, see `signal`; None with N = T
  advantage_signal_ci95             95 % bootstrap interval over episodes
Keys of `value_report`, over everything, and under by_task for each task:
  held_out_log_likelihood, constant_log_likelihood [nat]; the constant is the histogram of the task's other episodes
  beats_constant                    whether the first is larger
  rank_correlation                  mean over episodes of the rank correlation of V with the return
  separation                        probability that a success has a higher mean V than a failure (0.5: blind);
                                    None without both
  separation_ci95, rank_correlation_ci95   95 % bootstrap intervals over the held-out episodes, None if undefined
  fit_steps                         gradient steps kept by each member
Beside them, of every fit of a policy after the pre-training:
  stalled_share_by                  'source/outcome/actor' -> share of steps in which a policy gets nowhere, see
                                    `labels.stalled`
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from recap_bench.data.episode import ACTOR_CORRECTION
from recap_bench.data.steps import StepData
from recap_bench.learning.labels import Labels
from recap_bench.learning.ordering import rank_correlation, separation
from recap_bench.learning.value_fit import ValueFit

ENCODES_TASK = (0.05, 0.95)
"""A task whose positive share leaves this range tells the policy the task rather than the quality."""

BOOTSTRAP = 500
"""Resamples of the episodes for an interval."""


def label_report(steps: StepData, labels: Labels, reference: np.ndarray) -> dict[str, Any]:
    """Return the shares of positive labels; `reference` (M,) bool are the steps that set the threshold."""
    return {
        "positive_share": float(labels.indicator.mean()),
        "positive_share_reference": float(labels.indicator[reference].mean()),
        "positive_share_by": share_by_group(steps, labels.indicator),
        "positive_share_by_task": {
            str(task): float(labels.indicator[(steps.task == task)[steps.episode]].mean())
            for task in np.unique(steps.task)
        },
        "forced_share": float(labels.forced.mean()),
        "threshold": {task: at.value for task, at in labels.threshold.items()},
        **_signal_report(steps, labels),
    }


def _signal_report(steps: StepData, labels: Labels) -> dict[str, Any]:
    """Return how much of the advantages comes about, over the steps whose window ends before their episode does."""
    surprise = labels.returns - labels.values
    inside = ~np.isclose(labels.advantage, surprise)
    if not inside.any():
        return {"advantage_signal": None, "advantage_signal_ci95": None}
    found, episode = np.unique(steps.episode[inside], return_inverse=True)
    moments = episode_moments(labels.advantage[inside], surprise[inside], episode)
    return {
        "advantage_signal": signal(moments),
        "advantage_signal_ci95": bootstrap_interval(len(found), lambda drawn: signal(moments[drawn])),
    }


def episode_moments(advantage: np.ndarray, surprise: np.ndarray, episode: np.ndarray) -> np.ndarray:
    """Return the sums of 1, a, s, a a and a s over each episode, (E, 5); `episode` (m,) are indices from 0 up."""
    a, s = advantage, surprise
    return np.stack([np.bincount(episode, weights) for weights in (np.ones_like(a), a, s, a * a, a * s)], axis=1)


def signal(moments: np.ndarray) -> float | None:
    """Return the share of the advantage's variance that comes about, from moments (E, 5); None if it does not vary.

    It is 2 b - 1, b the least-squares slope of the surprise R_t - V(o_t) on A_t. What V(o_{t+N}) rightly knows beyond
    V(o_t) comes about in full (slope 1). An error of held-out values enters A_t as the difference of two equal
    errors and the surprise as the second of them (slope 1/2). A V that exaggerates lowers the share, even below 0.
    """
    count, a, s, aa, cross = moments.sum(axis=0)
    variance = aa / count - (a / count) ** 2
    return float(2.0 * (cross / count - a * s / count**2) / variance - 1.0) if variance > 1e-12 else None


def share_by_group(steps: StepData, chosen: np.ndarray) -> dict[str, float]:
    """Return the share of `chosen` (M,) bool by 'source/outcome', corrections apart."""
    outcome = np.where(steps.success, "success", "failure")
    group = np.char.add(np.char.add(steps.source.astype(str), "/"), outcome)[steps.episode]
    group = np.where(steps.actor == ACTOR_CORRECTION, np.char.add(group, "/correction"), group)
    return {name: float(chosen[group == name].mean()) for name in np.unique(group).tolist()}


def share_warnings(steps: StepData, labels: Labels) -> list[str]:
    """Return a warning for each task whose indicator hardly varies."""
    task = steps.task[steps.episode]
    low, high = ENCODES_TASK
    warnings = []
    for name in labels.threshold:
        share = float(labels.indicator[task == name].mean())
        if not low <= share <= high:
            warnings.append(
                f"{share:.1%} of the steps of {name} are positive (outside {low:.0%} to {high:.0%}): the indicator "
                "encodes the task rather than the quality of its actions."
            )
    return warnings


def value_report(steps: StepData, fit: ValueFit, returns: np.ndarray) -> dict[str, Any]:
    """Return how well the held-out values describe the returns (M,)."""
    held_out = fit.judged[steps.start]
    by_task = {
        task: _value_report(steps, fit, returns, held_out & (steps.task == task)) for task in np.unique(steps.task)
    }
    (overall, *others) = by_task.values()
    if others:
        overall = _value_report(steps, fit, returns, held_out)
    return {**overall, "fit_steps": list(fit.steps), "by_task": by_task}


def _value_report(steps: StepData, fit: ValueFit, returns: np.ndarray, episodes: np.ndarray) -> dict[str, Any]:
    """Return the measures over `episodes` (E,) bool, all of them held out."""
    rows = episodes[steps.episode]
    chosen, values = steps.select(episodes), fit.values[rows]
    fitted, constant = (float(x[rows].mean()) for x in (fit.log_likelihood, fit.constant_log_likelihood))
    correlations = rank_correlations(chosen, values, returns[rows])
    means = mean_values(chosen, values)
    return {
        "held_out_episodes": int(episodes.sum()),
        "held_out_log_likelihood": fitted,
        "constant_log_likelihood": constant,
        "beats_constant": fitted > constant,
        "rank_correlation": float(correlations.mean()) if len(correlations) else None,
        "rank_correlation_ci95": bootstrap_interval(len(correlations), lambda drawn: correlations[drawn].mean()),
        "separation": _separation(means, chosen.success),
        "separation_ci95": bootstrap_interval(
            len(means), lambda drawn: _separation(means[drawn], chosen.success[drawn])
        ),
    }


def rank_correlations(steps: StepData, values: np.ndarray, returns: np.ndarray) -> np.ndarray:
    """Return the rank correlation of values (M,) and returns (M,) within each episode that has one, (e,)."""
    spans = [slice(start, start + length) for start, length in zip(steps.start, steps.length, strict=True)]
    correlations = np.array([rank_correlation(values[span], returns[span]) for span in spans])
    return correlations[np.isfinite(correlations)]


def mean_values(steps: StepData, values: np.ndarray) -> np.ndarray:
    """Return the mean of values (M,) over each episode, (E,)."""
    return np.add.reduceat(values, steps.start) / steps.length if len(values) else np.zeros(0)


def _separation(means: np.ndarray, success: np.ndarray) -> float | None:
    """Return the probability that a success has a higher mean value (E,) than a failure; None if undefined."""
    found = separation(means[success], means[~success])
    return found if np.isfinite(found) else None


def bootstrap_interval(count: int, measure: Callable[[np.ndarray], float | None]) -> list[float] | None:
    """Return the 95 % bootstrap interval of `measure`, a function of drawn indices into `count` episodes."""
    draw = np.random.default_rng(0)
    drawn = [measure(draw.integers(count, size=count)) for _ in range(BOOTSTRAP)] if count > 1 else []
    found = [value for value in drawn if value is not None]
    return [float(bound) for bound in np.percentile(found, [2.5, 97.5])] if found else None
