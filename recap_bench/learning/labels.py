"""Labels of one iteration: what the policy is conditioned on, derived anew from the episodes each time."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from recap_bench.data.episode import ACTOR_CORRECTION, ACTOR_POLICY
from recap_bench.data.steps import StepData
from recap_bench.errors import ConfigurationError, DataError
from recap_bench.learning.advantage import Threshold, indicator, n_step_advantage, threshold
from recap_bench.learning.config import LabelConfig
from recap_bench.learning.returns import returns_to_go


@dataclass(frozen=True)
class Labels:
    """Labels of M steps; row i belongs to row i of the StepData that they were made from."""

    returns: np.ndarray
    """Normalised return-to-go, (M,) float64 in [-1, 0]."""
    values: np.ndarray
    """Value of the observation, (M,) float64 in [-1, 0]."""
    advantage: np.ndarray
    """N-step advantage in units of the normalised return, (M,) float64."""
    threshold: Mapping[str, Threshold]
    """Task name -> threshold."""
    indicator: np.ndarray
    """Positive or not, (M,) bool."""
    forced: np.ndarray
    """Positive whatever the advantage, (M,) bool."""

    def save(self, file: Path) -> None:
        """Write everything to an .npz file."""
        tasks = sorted(self.threshold)
        np.savez(
            file,
            returns=self.returns.astype(np.float32),
            values=self.values.astype(np.float32),
            advantage=self.advantage.astype(np.float32),
            indicator=self.indicator,
            forced=self.forced,
            tasks=np.array(tasks),
            threshold=np.array([self.threshold[task].value for task in tasks]),
        )


def normalised_returns(steps: StepData, horizon: Mapping[str, int], penalty_factor: float) -> np.ndarray:
    """Return the return-to-go of every step, (M,) float64; the penalty is `penalty_factor` horizons of its task."""
    missing = sorted(set(steps.task.tolist()) - set(horizon))
    if missing:
        raise ConfigurationError(f"No horizon for task {', '.join(missing)}. Known: {', '.join(sorted(horizon))}.")
    parts = []
    for length, success, task in zip(steps.length.tolist(), steps.success.tolist(), steps.task.tolist(), strict=True):
        parts.append(returns_to_go(length, success, horizon[task], penalty_factor * horizon[task]))
    return np.concatenate(parts)


def episode_ends(steps: StepData) -> np.ndarray:
    """Return the index just past each step's episode, (M,) int64."""
    return (steps.start + steps.length)[steps.episode]


def segment_ends(steps: StepData) -> np.ndarray:
    """Return the index just past the run of steps with the same episode and actor, (M,) int64."""
    last = np.ones(steps.num_steps, bool)
    last[:-1] = (np.diff(steps.episode) != 0) | (np.diff(steps.actor) != 0)
    ends = np.flatnonzero(last) + 1
    return np.repeat(ends, np.diff(ends, prepend=0))


def pretraining_labels(steps: StepData, values: np.ndarray, returns: np.ndarray, config: LabelConfig) -> Labels:
    """Return labels of demonstrations with N = T and one threshold per task over all of them."""
    end = episode_ends(steps)
    advantage = n_step_advantage(values, returns, end, end, n_steps=None)
    everything, nothing = np.ones(steps.num_steps, bool), np.zeros(steps.num_steps, bool)
    at = task_thresholds(steps, advantage, everything, config.pretrain_positive_fraction)
    return Labels(returns, values, advantage, at, task_indicator(steps, advantage, at, nothing), nothing)


def iteration_labels(
    steps: StepData, values: np.ndarray, returns: np.ndarray, iteration: int, config: LabelConfig
) -> Labels:
    """Return labels of everything collected so far, with the thresholds of `iteration`'s autonomous steps.

    Corrections are positive whatever their advantage and have no part in the threshold. Demonstrations are
    labelled like the rest, unless `config.force_demonstrations`.
    """
    advantage = n_step_advantage(values, returns, segment_ends(steps), episode_ends(steps), config.look_ahead)
    forced = steps.actor == ACTOR_CORRECTION
    if config.force_demonstrations:
        forced |= (steps.source == "demonstration")[steps.episode]
    at = task_thresholds(steps, advantage, reference_steps(steps, iteration), config.positive_fraction)
    return Labels(returns, values, advantage, at, task_indicator(steps, advantage, at, forced), forced)


def reference_steps(steps: StepData, iteration: int) -> np.ndarray:
    """Return which steps set the threshold: those on which the policy acted in `iteration`, (M,) bool."""
    return (steps.actor == ACTOR_POLICY) & (steps.iteration == iteration)[steps.episode]


def task_thresholds(
    steps: StepData, advantage: np.ndarray, reference: np.ndarray, positive_fraction: float
) -> dict[str, Threshold]:
    """Return one threshold per task, over its `reference` (M,) bool steps."""
    task = steps.task[steps.episode]
    thresholds = {}
    for name in np.unique(steps.task).tolist():
        chosen = reference & (task == name)
        if not chosen.any():
            raise DataError(f"Task {name} has no autonomous step in this iteration, so its threshold is undefined.")
        thresholds[name] = threshold(advantage[chosen], positive_fraction)
    return thresholds


def task_indicator(
    steps: StepData, advantage: np.ndarray, at: Mapping[str, Threshold], forced: np.ndarray
) -> np.ndarray:
    """Return the indicator of every step with its own task's threshold, (M,) bool."""
    task = steps.task[steps.episode]
    positive = np.zeros(steps.num_steps, bool)
    for name, task_threshold in at.items():
        mine = task == name
        positive[mine] = indicator(advantage[mine], task_threshold, forced[mine])
    return positive
