"""The parts of building a box that are not rigid-body physics: latches, glue, crushed board and resting times.

Each process takes the measured `World` and the per-simulation arrays of `Work`, and advances the latter by one
control step.
"""

from dataclasses import dataclass, fields

import numpy as np

from recap_bench.envs.box import parameters as p
from recap_bench.envs.box.world import World, tilt, yaw
from recap_bench.envs.simulation import CONTROL_HZ

DT = 1.0 / CONTROL_HZ


@dataclass
class Work:
    """Process state of k simulations; (k,) each unless said otherwise, times in s."""

    latched: np.ndarray
    """1 for each latched corner, (k, 4)."""
    torn: np.ndarray
    """1 once a latch was torn."""
    crush_s: np.ndarray
    """Time the base has been squeezed too hard."""
    crushed: np.ndarray
    press_s: np.ndarray
    """Time the label has been pressed onto the base."""
    stuck: np.ndarray
    """1 while the label adheres."""
    stuck_at: np.ndarray
    """Where it adheres: position and quaternion in the carton's frame, (k, 7)."""
    placed_s: np.ndarray
    """Time the finished box has rested in the free slot, hands away."""
    cling: np.ndarray
    """1 while the sheet below sticks to the carton's sheet."""
    cling_at: np.ndarray
    """Where it sticks: position and quaternion in the carton's frame, (k, 7)."""
    pull_s: np.ndarray
    """Time the two have been pulled apart."""
    swing: np.ndarray
    """Direction of the carton's last fast motion along each axis, -1, 0 or 1, (k, 3)."""
    reversal_age_s: np.ndarray
    """Time since each of the last fast reversals along each axis, youngest first, (k, 3, 4)."""
    astray_s: np.ndarray
    """Time a finished box has rested outside jig and slot, hands away."""


PROCESS_NAMES = tuple(field.name for field in fields(Work))
PROCESS_SHAPES: dict[str, tuple[int, ...]] = {
    "latched": (4,),
    "stuck_at": (7,),
    "cling_at": (7,),
    "swing": (3,),
    "reversal_age_s": (3, p.SHAKE_REVERSALS),
}
NO_REVERSAL_S = 100.0
"""Age of a reversal that has not happened."""


@dataclass(frozen=True)
class Cell:
    """The episodes' own geometry, k of them [m]."""

    half_length: np.ndarray
    """(k,)."""
    half_width: np.ndarray
    """(k,)."""
    slot: np.ndarray
    """Middle of the free slot on the crate's floor, (k, 3)."""
    slot_yaw: np.ndarray
    """(k,)."""
    slot_side: np.ndarray
    """1 if the free slot is the left one, -1 if it is the right one, (k,)."""
    dispenser: np.ndarray
    """Middle of the dispenser's top, (k, 3)."""
    pile: np.ndarray
    """Where the second sheet lay at the start, (k, 3)."""


def latch(work: Work, world: World, cell: Cell) -> None:
    """Latch the corners whose tab lies inside two upright walls; tear those that are bent away."""
    angles, tabs = world.angles, world.angles[:, 4:]
    off = np.abs(angles - p.RIGHT_ANGLE)
    walls_up = (off[:, p.CORNER_WALLS] < p.LATCH_WALL_RAD).all(axis=2)
    short = angles[:, p.CORNER_WALLS[:, 1]]
    tab_end = p.TAB_HINGE_M + p.TAB_LENGTH_M * np.cos(tabs)
    wall = p.SHORT_HINGE_M + 0.5 * p.WALL_HEIGHT_M * np.cos(short)
    inside = tab_end < wall + p.LATCH_SLACK_M
    latches = walls_up & (off[:, 4:] < p.LATCH_TAB_RAD) & inside
    bent = np.maximum(off[:, p.CORNER_WALLS].max(axis=2), off[:, 4:])
    tears = (work.latched > 0) & (bent > p.LATCH_TAB_RAD + p.TEAR_RAD)
    work.torn = np.maximum(work.torn, tears.any(axis=1))
    work.latched = np.where(tears, 0.0, np.maximum(work.latched, latches))


def part_sheets(work: Work, world: World) -> None:
    """Part two sheets that stick when one is peeled off the other for a while, or shaken; sliding shears nothing."""
    local = np.einsum("kji,kj->ki", world.carton_rotation, world.second - world.carton)
    lifted = np.abs(local[:, 2] - work.cling_at[:, 2])
    work.pull_s = np.where(lifted > p.CLING_PEEL_M, work.pull_s + DT, 0.0)
    _count_reversals(work, world.carton_velocity)
    shaken = (work.reversal_age_s[:, :, -1] < p.SHAKE_WINDOW_S).any(axis=1)
    parted = (work.pull_s >= p.CLING_PEEL_S) | shaken
    work.cling = np.where(parted, 0.0, work.cling)


def _count_reversals(work: Work, velocity: np.ndarray) -> None:
    """Keep the ages of the last fast reversals of `velocity` (k, 3) along each axis."""
    direction = np.sign(velocity) * (np.abs(velocity) > p.SHAKE_M_S)
    reversed_now = direction * work.swing < 0
    work.swing = np.where(direction != 0, direction, work.swing)
    ages = np.minimum(work.reversal_age_s + DT, NO_REVERSAL_S)
    shifted = np.concatenate([np.zeros_like(ages[:, :, :1]), ages[:, :, :-1]], axis=2)
    work.reversal_age_s = np.where(reversed_now[:, :, None], shifted, ages)


def crush(work: Work, world: World) -> None:
    """Crush the board under a lasting squeeze, or crease a panel that is folded over."""
    work.crush_s = np.where(world.base_force > p.CRUSH_N, work.crush_s + DT, 0.0)
    folded_over = (world.angles > p.CRUSH_RAD) | (world.angles < p.CRUSH_BACK_RAD)
    work.crushed = np.maximum(work.crushed, (work.crush_s >= p.CRUSH_HOLD_S) | folded_over.any(axis=1))


def label_gripped(world: World) -> np.ndarray:
    """Which hands hold the label's pull tab, (k, 2) bool."""
    grip = world.label + p.LABEL_GRIP_M * world.label_rotation[:, :, 2]
    near = np.linalg.norm(world.hands - grip[:, None], axis=2) < p.LABEL_GRIP_RADIUS_M
    return near & (world.jaws < p.JAW_CLOSED)


def stick(work: Work, world: World) -> None:
    """Let the label adhere where a hand presses it flat onto the base, and peel where it is pulled off."""
    local = world.label_in_carton
    relative = np.einsum("kji,kjl->kil", world.carton_rotation, world.label_rotation)
    on_base = (np.abs(local[:, 0]) < 0.08) & (np.abs(local[:, 1]) < 0.05)
    touching = (local[:, 2] < p.LABEL_REST_M + p.LABEL_GAP_M) & (local[:, 2] > 0.0)
    flat = touching & (relative[:, 2, 2] > np.cos(p.LABEL_TILT_RAD))
    pressed = on_base & flat & label_gripped(world).any(axis=1)
    work.press_s = np.where(pressed, work.press_s + DT, 0.0)
    adheres = (work.stuck == 0) & (work.press_s >= p.LABEL_PRESS_S)
    pose = np.concatenate([local, quaternions(relative)], axis=1)
    work.stuck_at = np.where(adheres[:, None], pose, work.stuck_at)
    pulled = np.linalg.norm(local - work.stuck_at[:, :3], axis=1) > p.LABEL_PEEL_M
    peels = (work.stuck > 0) & pulled
    work.stuck = np.where(peels, 0.0, np.maximum(work.stuck, adheres))


def quaternions(rotation: np.ndarray) -> np.ndarray:
    """Return the quaternions (k, 4), w-x-y-z, of rotations (k, 3, 3) of less than half a turn."""
    w = 0.5 * np.sqrt(np.maximum(1.0 + np.einsum("kii->k", rotation), 1e-9))
    x = (rotation[:, 2, 1] - rotation[:, 1, 2]) / (4 * w)
    y = (rotation[:, 0, 2] - rotation[:, 2, 0]) / (4 * w)
    z = (rotation[:, 1, 0] - rotation[:, 0, 1]) / (4 * w)
    quaternion = np.stack([w, x, y, z], axis=1)
    return quaternion / np.linalg.norm(quaternion, axis=1, keepdims=True)


def label_in_area(work: Work) -> np.ndarray:
    """Whether the label adheres within its area and straight, (k,) bool."""
    x, y = np.abs(work.stuck_at[:, 0]), np.abs(work.stuck_at[:, 1])
    turn = 2 * np.arctan2(work.stuck_at[:, 6], work.stuck_at[:, 3])
    turn = np.abs((turn + np.pi / 2) % np.pi - np.pi / 2)
    inside = (x < p.LABEL_AREA_M[0]) & (y < p.LABEL_AREA_M[1]) & (turn < p.LABEL_YAW_RAD)
    return (work.stuck > 0) & inside


def hands_clear(world: World) -> np.ndarray:
    """Whether both hands have left the carton, (k,) bool."""
    local = np.einsum("kji,ksj->ksi", world.carton_rotation, world.hands - world.carton[:, None])
    beside = (np.abs(local[..., 0]) > 0.15) | (np.abs(local[..., 1]) > 0.12)
    return (beside | (local[..., 2] > p.PLACE_CLEARANCE_M)).all(axis=1)


def in_slot(world: World, cell: Cell) -> np.ndarray:
    """Whether the box stands in the free slot, upright, (k,) bool."""
    offset = world.carton - cell.slot
    c, s = np.cos(cell.slot_yaw), np.sin(cell.slot_yaw)
    along, across = c * offset[:, 0] + s * offset[:, 1], -s * offset[:, 0] + c * offset[:, 1]
    turn = yaw(world.carton_rotation) - cell.slot_yaw
    centred = (np.abs(along) < p.SLOT_OFFSET_M[0]) & (np.abs(across) < p.SLOT_OFFSET_M[1])
    down = (offset[:, 2] < 0.006) & (tilt(world.carton_rotation) < 0.08)
    return centred & down & (np.abs(turn) < p.SLOT_YAW_RAD)


def rest(work: Work, world: World, cell: Cell) -> None:
    """Measure how long a finished box has been left in its slot, or somewhere else."""
    finished = work.latched.all(axis=1)
    still = np.linalg.norm(world.carton_velocity, axis=1) < p.AT_REST_M_S
    left_alone = finished & still & hands_clear(world)
    there = in_slot(world, cell)
    in_jig = np.linalg.norm(world.carton[:, :2] - p.JIG_M[:2], axis=1) < 0.05
    work.placed_s = np.where(left_alone & there, work.placed_s + DT, 0.0)
    work.astray_s = np.where(left_alone & ~there & ~in_jig, work.astray_s + DT, 0.0)
