"""The truth of the box task: stages, failures, progress and hazards, from measured state alone."""

import numpy as np
from dm_control.utils import rewards

from recap_bench.envs.box import parameters as p
from recap_bench.envs.box.processes import Cell, Work, label_gripped, label_in_area
from recap_bench.envs.box.world import World, tilt

STAGES = ("pick", "build", "label", "place")
FAILURES = (
    "two_sheets_taken",
    "torn_latch",
    "crushed_panel",
    "dropped_box",
    "dropped_label",
    "misplaced_label",
    "misplaced_box",
)
"""The task's own failure modes; their index + 1 is the failure code."""


def stages_reached(world: World, work: Work) -> np.ndarray:
    """Which stages hold in the present state, (k, 4) bool; the task latches them."""
    built = work.latched.all(axis=1)
    labelled = label_in_area(work) & ~label_gripped(world).any(axis=1)
    placed = work.placed_s >= p.PLACE_HOLD_S
    return np.stack([in_jig(world) | built, built, labelled, built & labelled & placed], axis=1)


def in_jig(world: World) -> np.ndarray:
    """Whether the sheet has been pressed into the jig, level, (k,) bool."""
    offset = world.carton - p.JIG_M
    level = tilt(world.carton_rotation) < p.PICK_TILT_RAD
    sunk = offset[:, 2] < p.GUIDE_TOP_M - 0.008
    return (np.hypot(offset[:, 0], offset[:, 1]) < p.PICK_OFFSET_M) & level & sunk


def failure(world: World, work: Work, cell: Cell) -> np.ndarray:
    """Return the failure code of each simulation, 0 for none, (k,) int8; the first of FAILURES that holds."""
    label_free = (work.stuck == 0) & ~_hand_near(world, world.label, p.LABEL_HAND_M)
    at_dispenser = np.linalg.norm(world.label - cell.dispenser, axis=1) < 0.06
    conditions = [
        np.linalg.norm((world.second - cell.pile)[:, :2], axis=1) > p.TWO_SHEETS_M,
        work.torn > 0,
        work.crushed > 0,
        _dropped_box(world),
        (label_free & ~at_dispenser & (_low(world) | (world.label_velocity[:, 2] < -p.DROP_SPEED_M_S)))
        | _off_table(world.label),
        (work.stuck > 0) & ~label_in_area(work) & ~_hand_near(world, world.label, p.LABEL_HAND_M),
        work.astray_s >= p.MISPLACED_HOLD_S,
    ]
    return np.select(conditions, np.arange(1, len(FAILURES) + 1, dtype=np.int8), np.int8(0)).astype(np.int8)


def _low(world: World) -> np.ndarray:
    """The label lies on the table or in the crate."""
    return (world.label[:, 2] < 0.02) & (np.linalg.norm(world.label_in_carton[:, :2], axis=1) > 0.12)


def _hand_near(world: World, point: np.ndarray, distance_m: float) -> np.ndarray:
    return np.linalg.norm(world.hands - point[:, None], axis=2).min(axis=1) < distance_m


def _off_table(position: np.ndarray) -> np.ndarray:
    x, y = position[:, 0], position[:, 1]
    outside = (x < p.TABLE_X_M[0]) | (x > p.TABLE_X_M[1]) | (y < p.TABLE_Y_M[0]) | (y > p.TABLE_Y_M[1])
    return outside | (position[:, 2] < -0.02)


def _dropped_box(world: World) -> np.ndarray:
    """Falling out of reach of both hands, toppled or off the table, (k,) bool."""
    falling = (world.carton_velocity[:, 2] < -p.DROP_SPEED_M_S) & ~_hand_near(world, world.carton, p.HAND_DISTANCE_M)
    return falling | _off_table(world.carton) | (tilt(world.carton_rotation) > p.TOPPLED_RAD)


def progress(world: World, work: Work, cell: Cell, stages: np.ndarray) -> np.ndarray:
    """Return progress within each stage, (k, 4) in [0, 1], 1 for a stage already reached."""
    in_mouth = _near(np.linalg.norm(world.carton[:, :2] - p.JIG_M[:2], axis=1), 0.005, 0.4)
    depth = np.clip((p.GUIDE_TOP_M - world.carton[:, 2]) / (p.GUIDE_TOP_M - p.JIG_FLOOR_M), 0.0, 1.0)
    folded = np.clip(world.angles / p.RIGHT_ANGLE, 0.0, 1.0).mean(axis=1)
    offset = world.label_in_carton - np.array([0.0, 0.0, p.LABEL_REST_M])
    values = np.stack(
        [
            in_mouth,
            0.2 * depth + 0.5 * folded + 0.3 * work.latched.mean(axis=1),
            0.8 * _near(np.linalg.norm(offset, axis=1), 0.002, 0.4) + 0.2 * (work.stuck > 0),
            _near(np.linalg.norm(world.carton - cell.slot, axis=1), 0.006, 0.45),
        ],
        axis=1,
    )
    return np.where(stages, 1.0, values)


def _near(distance: np.ndarray, full_m: float, margin_m: float) -> np.ndarray:
    return rewards.tolerance(distance, bounds=(0, full_m), margin=margin_m, sigmoid="linear", value_at_margin=0)


def hazards(world: World, work: Work, cell: Cell, stages: np.ndarray) -> dict[str, np.ndarray]:
    """Return predicates of imminent failure, name -> (k,) bool."""
    off = np.abs(world.angles - p.RIGHT_ANGLE)
    bent = np.maximum(off[:, p.CORNER_WALLS].max(axis=2), off[:, 4:]) > p.LATCH_TAB_RAD + 0.4 * p.TEAR_RAD
    lifted = world.carton[:, 2] > p.GUIDE_TOP_M + 0.02
    low_label = (work.stuck == 0) & (np.linalg.norm(world.label_in_carton[:, :2], axis=1) < 0.15)
    corners = work.latched.sum(axis=1)
    beside = np.hypot(world.label_in_carton[:, 0], world.label_in_carton[:, 1]) > 0.02
    pulled_along = np.linalg.norm((world.second - cell.pile)[:, :2], axis=1) > 0.25 * p.TWO_SHEETS_M
    return {
        "second_sheet_coming": pulled_along & (work.cling > 0),
        "latch_straining": ((work.latched > 0) & bent).any(axis=1),
        "board_squeezed": world.base_force > 0.7 * p.CRUSH_N,
        "panel_folding_over": (world.angles > 0.85 * p.CRUSH_RAD).any(axis=1),
        "carton_tilting": tilt(world.carton_rotation) > 0.35,
        "unfinished_box_lifted": lifted & stages[:, 0] & (corners > 0) & (corners < 4),
        "label_off_its_area": low_label & beside & (np.abs(world.label_in_carton[:, 2]) < 0.012),
    }
