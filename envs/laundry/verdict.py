"""The truth of the laundry tasks: stages, failures, progress and hazards, from measured state alone.

The operator says that the work is done by bringing both empty hands home; then the garment is judged, once.
"""

import numpy as np

from recap_bench.envs.laundry import parameters as p
from recap_bench.envs.laundry.measuring import Measured

FAILURES = ("off_table", "crumpled", "wrong_side_up", "wrong_fold", "not_on_stack")
"""The tasks' own failure modes; their index + 1 is the failure code."""
FOLD_STAGES = ("first_fold", "folded", "finished")
STACK_STAGES = ("first_fold", "folded", "stacked", "finished")
FLAT, FIRST, WHOLE = range(3)
"""Columns of Measured.errors."""


def first_folded(measured: Measured) -> np.ndarray:
    """The first fold of the plan lies as it should, (k,) bool."""
    return (measured.errors[:, FIRST] < p.FOLD_ERROR_M) & (measured.outliers[:, FIRST] < p.FOLD_OUTLIER_M)


def aligned(measured: Measured) -> np.ndarray:
    """Every fold lies as it should, (k,) bool."""
    return (measured.errors[:, WHOLE] < p.FOLD_ERROR_M) & (measured.outliers[:, WHOLE] < p.FOLD_OUTLIER_M)


def compact(measured: Measured) -> np.ndarray:
    """Low and no larger than a fold should be: not crumpled, (k,) bool."""
    return (measured.heights[:, 2] < p.PACKAGE_HEIGHT_M) & (measured.spread < p.PACKAGE_SPREAD)


def right_side_up(measured: Measured) -> np.ndarray:
    """The front of the part that stays lies up, and the collar with it, uncovered, (k,) bool."""
    return (measured.front_up > p.SIDE_UP) & (measured.collar_up > p.COLLAR_UP) & measured.collar_shows


def folded(measured: Measured) -> np.ndarray:
    """Folded as planned, (k,) bool."""
    return aligned(measured) & compact(measured) & right_side_up(measured)


def on_stack(measured: Measured) -> np.ndarray:
    """The package lies on the stack's place, middle on middle and in line with it, (k,) bool."""
    straight = np.abs(np.sin(measured.package[:, 2])) < np.sin(p.STACK_YAW_RAD)
    return (_stack_distance(measured) < p.STACK_OFFSET_M) & straight


def hands_home(measured: Measured, home: np.ndarray) -> np.ndarray:
    """Both empty hands are near where they rest, `home` (2, 3), (k,) bool."""
    near = np.linalg.norm(measured.hands - home, axis=2) < p.HOME_RADIUS_M
    return near.all(1) & (measured.held == 0).all(1)


def stages_reached(measured: Measured, finished: np.ndarray, stack: bool) -> np.ndarray:
    """Which stages hold in the present state, (k, S) bool; the task latches them."""
    whole, free = folded(measured), (measured.held == 0).all(1)
    if not stack:
        return np.stack([first_folded(measured) | whole, whole & free, whole & finished], axis=1)
    stacked = whole & free & on_stack(measured)
    return np.stack([first_folded(measured) | whole, whole, stacked, stacked & finished], axis=1)


def failure(measured: Measured, finished: np.ndarray, stack: bool) -> np.ndarray:
    """Return the failure code of each simulation, 0 for none, (k,) int8; the first of FAILURES that holds."""
    height = measured.middle[:, 2]
    outside = (np.abs(measured.middle[:, :2] - p.TABLE_CENTRE_M) > p.TABLE_HALF_M).any(1)
    outside |= (height < p.LOST_BELOW_M) | (height > p.LOST_ABOVE_M)
    conditions = (
        outside,
        finished & ~compact(measured),
        finished & ~right_side_up(measured),
        finished & ~aligned(measured),
        finished & (~on_stack(measured) if stack else False),
    )
    code = np.zeros(len(finished), np.int8)
    for index in range(len(FAILURES), 0, -1):
        code[conditions[index - 1]] = index
    return code


def progress(measured: Measured, stages: np.ndarray, stack: bool) -> np.ndarray:
    """Return progress within each stage, (k, S) in [0, 1], 1 for a stage already reached."""
    fold = [_near(measured.errors[:, column], p.FOLD_ERROR_M, 0.10) for column in (FIRST, WHOLE)]
    values = [fold[0], fold[1]]
    if stack:
        values.append(fold[1] * _near(_stack_distance(measured), p.STACK_OFFSET_M, 0.5))
    values.append(np.zeros(len(measured.errors)))
    return np.where(stages, 1.0, np.stack(values, axis=1))


def hazards(measured: Measured) -> dict[str, np.ndarray]:
    """Return predicates of imminent failure, name -> (k,) bool."""
    beyond = np.abs(measured.middle[:, :2] - p.TABLE_CENTRE_M) > 0.8 * p.TABLE_HALF_M
    best = measured.errors.min(1)
    free = (measured.held == 0).all(1)
    return {
        "near_table_edge": beyond.any(1),
        "losing_shape": free & (best > 0.05),
        "front_down": measured.front_up < 0.0,
    }


def _stack_distance(measured: Measured) -> np.ndarray:
    return np.linalg.norm(measured.package[:, :2] - measured.mat, axis=1)


def _near(distance: np.ndarray, bound: float, margin: float) -> np.ndarray:
    return np.clip(1.0 - (distance - bound) / margin, 0.0, 1.0)
