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

STALLED = 0.05
"""A joint [rad] or a jaw [openings] that is no further away in the end has got nowhere: a centimetre or two at the
hand."""


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

    def save(self, file: Path, log_likelihood: np.ndarray) -> None:
        """Write everything to an .npz file, with the held-out log-likelihood (M,) of each return [nat]."""
        tasks = sorted(self.threshold)
        np.savez(
            file,
            returns=self.returns.astype(np.float32),
            values=self.values.astype(np.float32),
            advantage=self.advantage.astype(np.float32),
            indicator=self.indicator,
            forced=self.forced,
            log_likelihood=log_likelihood.astype(np.float32),
            tasks=np.array(tasks),
            threshold=np.array([self.threshold[task].value for task in tasks]),
        )


def normalised_returns(steps: StepData, horizon: Mapping[str, int], config: LabelConfig) -> np.ndarray:
    """Return the return-to-go of every step, (M,) float64; the penalty is `penalty_factor` horizons of its task.

    With `before_rescue = 'failure'` what precedes an episode's first correction counts as an episode of its own, which
    failed when the operator took over.
    """
    missing = sorted(set(steps.task.tolist()) - set(horizon))
    if missing:
        raise ConfigurationError(f"No horizon for task {', '.join(missing)}. Known: {', '.join(sorted(horizon))}.")
    rescue = rescue_steps(steps)
    parts = []
    for index, task in enumerate(steps.task.tolist()):
        length, success, limit = int(steps.length[index]), bool(steps.success[index]), horizon[task]
        penalty = config.penalty_factor * limit
        part = returns_to_go(length, success, limit, penalty)
        if config.before_rescue == "failure" and rescue[index] > 0:
            part[: rescue[index]] = returns_to_go(int(rescue[index]), False, limit, penalty)
        parts.append(part)
    return np.concatenate(parts)


def rescue_steps(steps: StepData) -> np.ndarray:
    """Return the number of autonomous steps before each episode's first correction, (E,) int64; 0 without one."""
    corrected = np.flatnonzero(steps.actor == ACTOR_CORRECTION)
    episode, first = np.unique(steps.episode[corrected], return_index=True)
    before = np.zeros(steps.num_episodes, np.int64)
    before[episode] = steps.t[corrected[first]]
    return before


def before_rescue(steps: StepData) -> np.ndarray:
    """Return which steps precede their episode's first correction, (M,) bool."""
    return steps.t < rescue_steps(steps)[steps.episode]


def stalled(steps: StepData, ahead: int) -> np.ndarray:
    """Return which steps of policies get nowhere, (M,) bool: `ahead` steps later no joint or jaw is STALLED away.

    What counts is where they are then, not where they were in between, as the hands of a policy that hovers flutter.
    Who acts for fewer steps more has got somewhere: to the end, or to where an operator takes over.
    """
    then = np.arange(steps.num_steps) + ahead
    lasts = then < segment_ends(steps)
    later = steps.agent_pos[np.where(lasts, then, 0)]
    still = np.abs(later - steps.agent_pos).max(axis=1) < STALLED
    result: np.ndarray = still & lasts & (steps.actor == ACTOR_POLICY)
    return result


def episode_ends(steps: StepData) -> np.ndarray:
    """Return the index just past each step's episode, (M,) int64."""
    return (steps.start + steps.length)[steps.episode]


def return_ends(steps: StepData, config: LabelConfig) -> np.ndarray:
    """Return the index at which each step's return ends, (M,) int64: its episode's end, or a failed part's."""
    ends = episode_ends(steps)
    if config.before_rescue != "failure":
        return ends
    taken_over = (steps.start + rescue_steps(steps))[steps.episode]
    return np.where(before_rescue(steps), taken_over, ends)


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
    share = dict.fromkeys(steps.task.tolist(), config.pretrain_positive_fraction)
    at = task_thresholds(steps, advantage, everything, share)
    return Labels(returns, values, advantage, at, task_indicator(steps, advantage, at, nothing), nothing)


def iteration_labels(
    steps: StepData,
    estimate: tuple[np.ndarray, np.ndarray],
    iteration: int,
    share: Mapping[str, float],
    config: LabelConfig,
) -> Labels:
    """Return labels of everything collected so far, with the thresholds of `iteration`'s autonomous steps.

    `estimate` is (values (M,), returns (M,)); `share` the positive share of each task. Corrections are positive
    whatever their advantage and have no part in the threshold. Demonstrations are labelled like the rest, unless
    `config.force_demonstrations`.
    """
    values, returns = estimate
    ends = return_ends(steps, config)
    advantage = n_step_advantage(values, returns, segment_ends(steps), ends, config.look_ahead)
    forced = steps.actor == ACTOR_CORRECTION
    if config.force_demonstrations:
        forced |= (steps.source == "demonstration")[steps.episode]
    at = task_thresholds(steps, advantage, reference_steps(steps, iteration), share)
    return Labels(returns, values, advantage, at, task_indicator(steps, advantage, at, forced), forced)


def reference_steps(steps: StepData, iteration: int) -> np.ndarray:
    """Return which steps set the threshold: those on which the policy acted in `iteration`, (M,) bool."""
    return (steps.actor == ACTOR_POLICY) & (steps.iteration == iteration)[steps.episode]


def task_thresholds(
    steps: StepData, advantage: np.ndarray, reference: np.ndarray, share: Mapping[str, float]
) -> dict[str, Threshold]:
    """Return one threshold per task, over its `reference` (M,) bool steps, a `share` of which is positive."""
    task = steps.task[steps.episode]
    thresholds = {}
    for name in np.unique(steps.task).tolist():
        chosen = reference & (task == name)
        if not chosen.any():
            raise DataError(f"Task {name} has no autonomous step in this iteration, so its threshold is undefined.")
        thresholds[name] = threshold(advantage[chosen], share[name])
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
