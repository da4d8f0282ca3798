"""Which episodes are fitted on, held out and labelled: decided by start state, stable as episodes are added."""

import numpy as np


def folds(seeds: np.ndarray, count: int, salt: int) -> np.ndarray:
    """Return the fold of each episode, (E,) int64 in [0, count).

    Episodes with one environment seed share a start state, hence a fold; a later iteration keeps the fold.
    """
    return (_uniform(seeds, salt) * count).astype(np.int64)


def holdout(seeds: np.ndarray, fraction: float, salt: int) -> np.ndarray:
    """Return which episodes are held out, (E,) bool: about `fraction` of the distinct seeds, at least one, never all.

    Each seed is drawn by itself, so that none is held out later that was fitted among fewer episodes. (Among so few
    that the draw would hold out all, the last one is fitted.)
    """
    distinct = np.unique(seeds)
    place = _uniform(distinct, salt)
    drawn = (place < fraction) | (place == place.min())
    return np.isin(seeds, distinct[drawn & (place < place.max())])


def _uniform(keys: np.ndarray, salt: int) -> np.ndarray:
    """Return a fixed pseudo-random number in [0, 1) per key (splitmix64)."""
    x = np.asarray(keys).astype(np.uint64) + np.uint64(salt % 2**64)
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    x = x ^ (x >> np.uint64(31))
    return (x >> np.uint64(11)).astype(np.float64) / 2.0**53
