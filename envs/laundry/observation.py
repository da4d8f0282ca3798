"""The state observation of the laundry tasks: what calibrated perception would report of garment and hands.

Each key point has its position and whether it is visible; under other cloth the position is where it was last seen,
and for one that was never seen the middle of those that were at the start.
`front_up` says which side is up, 1 for the outside and -1 for the inside: the two differ in colour.
"""

import numpy as np

from recap_bench.envs.laundry import parameters as p
from recap_bench.envs.laundry.measuring import Measured
from recap_bench.envs.laundry.patterns import KEY_POINTS
from recap_bench.envs.rig import HAND_STATE_NAMES, SIDES, vector_names

NEAR_M = 0.02
"""Scale of the near-field offsets, which saturate at about twice this: a wrist camera's close view."""


def state_names(garments: tuple[str, ...], stack: bool) -> tuple[str, ...]:
    """Return the names of the observation's entries for a task with these garments."""
    names = list(HAND_STATE_NAMES)
    for name in KEY_POINTS:
        names += [*vector_names(name, "_m"), f"{name}_visible"]
    names.append("front_up")
    for side in SIDES:
        for name in KEY_POINTS:
            names += vector_names(f"near_{name}_in_{side}_hand", "")
        names.append(f"{side}_held")
    if stack:
        names += ["mat_x_m", "mat_y_m"]
    if len(garments) > 1:
        names += [f"is_{name}" for name in garments]
    return tuple(names)


def environment_state(measured: Measured, seen: np.ndarray, garment: np.ndarray | None) -> np.ndarray:
    """Return the observation (k, D) in the order of `state_names`.

    `seen` (k, K, 3) is where each key point was last visible, or where `first_sight` puts it; `garment` (k, G) has one
    column per type, or is None.
    """
    k = len(seen)
    points = np.concatenate([seen, measured.visible[..., None]], axis=2).reshape(k, -1)
    columns = [
        measured.hands.reshape(k, 6),
        measured.hand_rotations[..., 0].reshape(k, 6),
        measured.hand_rotations[..., 1].reshape(k, 6),
        points,
        measured.front_up[:, None],
    ]
    for side in range(2):
        columns += [_close_view(measured, seen, side), measured.held[:, side, None] / p.SLOTS]
    if not np.isnan(measured.mat).any():
        columns.append(measured.mat)
    if garment is not None:
        columns.append(garment)
    return np.concatenate(columns, axis=1)


def first_sight(measured: Measured) -> np.ndarray:
    """Return where the key points are taken to be at the start, (k, K, 3): hidden ones in the middle of the visible.

    Where all are hidden, the middle of the garment stands for them.
    """
    visible = measured.visible[..., None]
    count = visible.sum(1, keepdims=True)
    middle = (visible * measured.key_points).sum(1, keepdims=True) / np.maximum(count, 1)
    middle = np.where(count > 0, middle, measured.middle[:, None])
    return np.where(visible, measured.key_points, middle)


def _close_view(measured: Measured, seen: np.ndarray, side: int) -> np.ndarray:
    """Return every key point in the frame of a hand, squashed to (-1, 1), (k, 3 K)."""
    offset = seen - measured.hands[:, side, None]
    return np.tanh(offset @ measured.hand_rotations[:, side] / NEAR_M).reshape(len(seen), -1)
