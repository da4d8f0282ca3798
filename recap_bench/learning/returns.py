"""The return of the paper's Eq. 5: minus the steps left, minus a penalty for failing, normalised to [-1, 0]."""

import numpy as np

from recap_bench.errors import ConfigurationError, DataError


def returns_to_go(length: int, success: bool, horizon: int, penalty: float) -> np.ndarray:
    """Return R_t of an episode of `length` = T steps, (T,) float64 in [-1, 0].

    The reward is -1 on every step but the last, which earns 0 after a success and -penalty after a failure.
    Divided by horizon + penalty, so that the worst episode (`horizon` steps, failed) stays above -1. Each
    task has its own horizon [control steps], hence its own normaliser; the penalty is in steps as well.
    Raises DataError if the episode is longer than the horizon.
    """
    scale = return_scale(horizon, penalty)
    if not 1 <= length <= horizon:
        raise DataError(f"An episode has between 1 and horizon = {horizon} steps, received {length}.")
    steps_left = np.arange(length - 1, -1, -1, dtype=np.float64)
    return -(steps_left + (0.0 if success else penalty)) / scale


def return_scale(horizon: int, penalty: float) -> float:
    """Return the normaliser horizon + penalty [control steps]."""
    if horizon < 1 or penalty < 0:
        raise ConfigurationError(
            f"horizon must be at least 1 and penalty not negative, received horizon={horizon}, penalty={penalty}."
        )
    return horizon + penalty


def bins_per_second(bins: int, horizon: int, penalty: float, control_hz: float = 50.0) -> float:
    """Return how many value bins one second of an episode spans: a large penalty eats them."""
    return (bins - 1) * control_hz / return_scale(horizon, penalty)
