"""Numbers that say whether labels can be trusted.

Keys of `label_report`:
  positive_share                    of all steps
  positive_share_reference          of the steps that set the threshold; should be the configured fraction
  positive_share_by                 'source/outcome/actor' -> share, over all steps
  forced_share                      of all steps
  threshold                         task -> epsilon, in units of the normalised return
  bins_per_second                   task -> value bins per second of episode
Keys of `value_report`:
  held_out_log_likelihood, constant_log_likelihood [nat]
  beats_constant                    whether the first is larger
  rank_correlation                  mean over episodes of the rank correlation of V with the return
  separation                        probability that a success has a higher mean V than a failure (0.5: blind);
                                    None without both
  fit_steps                         gradient steps kept by each member
"""

from typing import Any

import numpy as np

from recap_bench.data.episode import ACTOR_CORRECTION
from recap_bench.data.steps import StepData
from recap_bench.learning.labels import Labels
from recap_bench.learning.value_fit import ValueFit

ENCODES_TASK = (0.05, 0.95)
"""A task whose positive share leaves this range tells the policy the task rather than the quality."""


def label_report(steps: StepData, labels: Labels, reference: np.ndarray) -> dict[str, Any]:
    """Return the shares of positive labels; `reference` (M,) bool are the steps that set the threshold."""
    return {
        "positive_share": float(labels.indicator.mean()),
        "positive_share_reference": float(labels.indicator[reference].mean()),
        "positive_share_by": share_by_group(steps, labels.indicator),
        "forced_share": float(labels.forced.mean()),
        "threshold": {task: at.value for task, at in labels.threshold.items()},
    }


def share_by_group(steps: StepData, positive: np.ndarray) -> dict[str, float]:
    """Return the share of `positive` (M,) by 'source/outcome', corrections apart."""
    outcome = np.where(steps.success, "success", "failure")
    group = np.char.add(np.char.add(steps.source.astype(str), "/"), outcome)[steps.episode]
    group = np.where(steps.actor == ACTOR_CORRECTION, np.char.add(group, "/correction"), group)
    return {name: float(positive[group == name].mean()) for name in np.unique(group).tolist()}


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
    return {
        "held_out_log_likelihood": fit.log_likelihood,
        "constant_log_likelihood": fit.constant_log_likelihood,
        "beats_constant": bool(fit.log_likelihood > fit.constant_log_likelihood),
        "rank_correlation": rank_correlation(steps.select(held_out), fit.values[fit.judged], returns[fit.judged]),
        "separation": separation(steps.select(held_out), fit.values[fit.judged]),
        "fit_steps": list(fit.steps),
    }


def rank_correlation(steps: StepData, values: np.ndarray, returns: np.ndarray) -> float | None:
    """Return the mean over episodes of Spearman's correlation of values (M,) and returns (M,); None if undefined."""
    correlations = []
    for start, length in zip(steps.start.tolist(), steps.length.tolist(), strict=True):
        v, r = (x[start : start + length] for x in (values, returns))
        if len(np.unique(v)) > 1 and len(np.unique(r)) > 1:
            correlations.append(np.corrcoef(_ranks(v), _ranks(r))[0, 1])
    return float(np.mean(correlations)) if correlations else None


def separation(steps: StepData, values: np.ndarray) -> float | None:
    """Return the probability that a success has a higher mean value (M,) than a failure; None if undefined."""
    if len(values) == 0:
        return None
    means = np.add.reduceat(values, steps.start) / steps.length
    won, lost = means[steps.success], means[~steps.success]
    if len(won) == 0 or len(lost) == 0:
        return None
    gap = won[:, None] - lost[None, :]
    return float((gap > 0).mean() + 0.5 * (gap == 0).mean())


def _ranks(x: np.ndarray) -> np.ndarray:
    """Return ranks with ties averaged."""
    _, index, counts = np.unique(x, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2.0)[index]
