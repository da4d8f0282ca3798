"""N-step advantage, its threshold and the indicator (paper: Appendix F and section V-D)."""

from dataclasses import dataclass

import numpy as np

from recap_bench.errors import ConfigurationError, DataError

SMALLEST_SPREAD = 1e-9
"""A standard deviation of advantages below this is rounding: all of them are the same."""


def n_step_advantage(
    values: np.ndarray, returns: np.ndarray, window_end: np.ndarray, episode_end: np.ndarray, n_steps: int | None
) -> np.ndarray:
    """Return A = sum of the next n rewards + V(o_{t+n}) - V(o_t), (M,) float64.

    `values` and `returns` are (M,) over the steps of episodes laid end to end; `episode_end` is the index just
    past a step's episode, `window_end` the index that its window may not pass: the end of the episode or the
    first step of another actor, whichever comes first. n is `n_steps` cut at `window_end`. At the end of the
    episode nothing is bootstrapped and the terminal reward is included; at a change of actor the window
    bootstraps with the value of the first step of the other actor. `n_steps` None is the N = T of pre-training.

    Undiscounted rewards sum to R_t - R_{t+n}, so A is the change of V - R over the window.
    """
    if n_steps is not None and n_steps < 1:
        raise ConfigurationError(f"n_steps must be at least 1, received {n_steps}.")
    here = np.arange(len(values))
    then = window_end if n_steps is None else np.minimum(here + n_steps, window_end)
    ended = then >= episode_end
    surprise = np.asarray(values, np.float64) - returns
    later = np.where(ended, 0.0, surprise[np.minimum(then, len(values) - 1)])
    return later - surprise


def standardised(advantage: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Return advantages (M,) about the mean of those of `reference` (M,) bool, in their standard deviations."""
    known = advantage[reference]
    return (advantage - known.mean()) / max(float(known.std()), SMALLEST_SPREAD)


@dataclass(frozen=True)
class Threshold:
    """Advantage above which a step is positive; a share of the steps exactly on it is positive too."""

    value: float
    """epsilon, in units of the normalised return."""
    ties_positive: int = 0
    """Of the reference steps exactly on `value`, this many are positive ..."""
    ties: int = 1
    """... out of this many."""


def threshold(advantage: np.ndarray, positive_fraction: float) -> Threshold:
    """Return the threshold that makes `positive_fraction` of `advantage` (n,) positive, ties included."""
    if not 0.0 < positive_fraction < 1.0:
        raise ConfigurationError(f"positive_fraction must be in (0, 1), received {positive_fraction}.")
    if len(advantage) == 0:
        raise DataError("A threshold needs at least one advantage, received none.")
    if not np.isfinite(advantage).all():
        raise DataError("Advantages must be finite, received NaN or infinity.")
    wanted = round(positive_fraction * len(advantage))
    value = np.sort(advantage)[len(advantage) - max(wanted, 1)]
    above = int((advantage > value).sum())
    return Threshold(float(value), wanted - above, int((advantage == value).sum()))


def indicator(advantage: np.ndarray, at: Threshold, forced: np.ndarray) -> np.ndarray:
    """Return I_t = A_t > epsilon or forced, (M,) bool.

    Steps exactly on the threshold are positive in the proportion that the threshold records, evenly spread
    over their order, so that no random number is needed.
    """
    tied = advantage == at.value
    rank = np.cumsum(tied) - 1
    chosen = (rank + 1) * at.ties_positive // at.ties > rank * at.ties_positive // at.ties
    return (advantage > at.value) | (tied & chosen) | forced
