"""What a vector environment accepts from its caller, checked and put into one form."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from recap_bench.errors import ActionError, ConfigurationError


def checked_actions(actions: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Return `actions` clipped to `low` and `high`, (n, A) float32; raise ActionError if they cannot be used."""
    actions = np.asarray(actions, np.float32)
    if actions.shape != low.shape:
        raise ActionError(f"Actions must have the shape {low.shape}, got {actions.shape}.")
    finite = np.isfinite(actions)
    if not finite.all():
        row, column = np.argwhere(~finite)[0]
        raise ActionError(f"Actions must be finite, got {actions[row, column]} at simulation {row}, entry {column}.")
    return np.clip(actions, low, high)


def requested_seeds(seed: int | Sequence[int | None] | None, n: int) -> list[int | None]:
    """Return one seed (or None) per simulation: an int s stands for s, s + 1, ..."""
    if seed is None:
        return [None] * n
    if isinstance(seed, int | np.integer):
        seed = range(int(seed), int(seed) + n)
    seeds = [None if s is None else int(s) for s in seed]
    if len(seeds) != n:
        raise ConfigurationError(f"A list of seeds must hold one for each of {n} simulations, got {len(seeds)}.")
    if any(s is not None and not 0 <= s < 2**63 for s in seeds):
        raise ConfigurationError(f"Seeds must lie in [0, 2**63), got {seeds}.")
    return seeds


def ids_to_reset(options: dict[str, Any] | None, n: int) -> np.ndarray:
    """Return the simulations that `options["reset_mask"]` names, all of them without a mask."""
    unknown = set(options or {}) - {"reset_mask"}
    if unknown:
        raise ConfigurationError(f"Unknown reset options {sorted(unknown)}. Known: reset_mask.")
    if not options:
        return np.arange(n)
    mask = np.asarray(options["reset_mask"])
    if mask.shape != (n,) or mask.dtype != bool or not mask.any():
        raise ConfigurationError(
            f"reset_mask must be a bool array of shape ({n},) with at least one True, got {mask.dtype} {mask.shape}."
        )
    return np.flatnonzero(mask)
