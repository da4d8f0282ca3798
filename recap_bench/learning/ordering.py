"""Measures of a value function that depend on the order of its values alone; numpy only."""

import numpy as np


def rank_correlation(x: np.ndarray, y: np.ndarray) -> float:
    """Return Spearman's correlation of x and y (n,), ties sharing their ranks, in [-1, 1]; nan if one is constant."""
    if len(np.unique(x)) < 2 or len(np.unique(y)) < 2:
        return float("nan")
    return float(np.corrcoef(_ranks(x), _ranks(y))[0, 1])


def separation(won: np.ndarray, lost: np.ndarray) -> float:
    """Return the probability that one of `won` (n,) lies above one of `lost` (m,), ties half; nan if one is empty."""
    return float(wins(won, lost).mean()) if len(won) and len(lost) else float("nan")


def wins(won: np.ndarray, lost: np.ndarray) -> np.ndarray:
    """Return 1 where one of `won` (n,) lies above one of `lost` (m,), 0.5 where they are equal, else 0, (n, m)."""
    gap = np.asarray(won)[:, None] - np.asarray(lost)[None, :]
    return (gap > 0) + 0.5 * (gap == 0)


def _ranks(x: np.ndarray) -> np.ndarray:
    _, index, counts = np.unique(x, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2.0)[index]
