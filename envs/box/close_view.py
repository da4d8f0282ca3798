"""What a close look shows of the box task: how far fingertips, sheet, label and box are from where they belong.

Offsets saturate: they are exact near their goal, as seen by a wrist camera, and far from it only give the direction.
"""

import numpy as np

from recap_bench.envs.box import parameters as p
from recap_bench.envs.box.processes import Cell
from recap_bench.envs.box.world import World, yaw
from recap_bench.envs.rig import SIDES, vector_names

NEAR_M = 0.02
"""Scale of the near-field offsets, which saturate at about twice this."""
FINE_M = 0.005
"""Scale where a millimetre decides: square in the jig, touching or not, how deep."""
FINE_RAD = 0.03
TURN_RAD = 0.1
"""Scale of the angles between a hand and what it is about to grip, and of what is laid down."""
TAB_M = 0.03
"""Scale of the fingers' place beside a tab: a finger on its way round it is seen all along."""
MIRROR = np.array([[1.0, 1.0, 1.0], [1.0, -1.0, 1.0]])
"""From the carton's frame to one in which each hand's own side lies at positive y, (2, 3)."""
SURFACE_M = 0.5 * p.PANEL_M
MARKS = {"far_mark": (p.FAR_PRESS_X_M, SURFACE_M + p.LEANING_GAP_M), "near_mark": (p.NEAR_PRESS_X_M, SURFACE_M)}
"""Where the fingertips press to slide the sheet: along the sheet, and their height over its middle [m]."""
LEVELS_M = {"guides": p.GUIDE_TOP_M, "ledge": p.LEDGE_M, "floor": p.JIG_FLOOR_M}
"""Heights at which the sheet comes to rest."""


def _per_hand(name: str, axes: str) -> list[str]:
    return [f"near_{side}_{name}_{axis}" for side in SIDES for axis in axes]


CLOSE_NAMES = (
    "near_sheet_to_jig_x",
    "near_sheet_to_jig_y",
    "near_sheet_to_jig_turn",
    *(f"near_sheet_over_{level}" for level in LEVELS_M),
    "sheet_velocity_x",
    "sheet_velocity_y",
    "near_second_sheet_shift_x",
    "near_second_sheet_shift_y",
    "second_sheet_comes_along",
    *(entry for mark in MARKS for entry in _per_hand(mark, "xyz")),
    *_per_hand("fingertips_over_sheet", "z"),
    *_per_hand("push_spot", "xy"),
    *_per_hand("front_tab", "xyz"),
    *_per_hand("back_tab", "xyz"),
    *vector_names("near_left_wall_grip", ""),
    "left_hand_turn_to_wall",
    "right_hand_turn_to_label",
    "near_label_over_area",
    "label_turn_in_carton",
    "carton_turn_in_slot",
)


def close_view(world: World, cling: np.ndarray, cell: Cell) -> np.ndarray:
    """Return the close view (k, C) in the order of CLOSE_NAMES; `cling` (k,) is 1 while the upper sheets stick."""
    return np.concatenate([_sheet(world, cling, cell), _fingers(world, cell), _turns(world, cell)], axis=1)


def _sheet(world: World, cling: np.ndarray, cell: Cell) -> np.ndarray:
    """The sheet over the jig, and the one below it, (k, 11)."""
    shift = (world.second - cell.pile)[:, :2]
    height = world.carton[:, 2:] - SURFACE_M - np.array(list(LEVELS_M.values()))
    along = (cling > 0) & (np.hypot(shift[:, 0], shift[:, 1]) > p.COMING_M)
    return np.concatenate(
        [
            np.tanh((world.carton - p.JIG_M)[:, :2] / FINE_M),
            np.tanh(yaw(world.carton_rotation)[:, None] / FINE_RAD),
            np.tanh(height / FINE_M),
            np.tanh(world.carton_velocity[:, :2] / p.SHAKE_M_S),
            np.tanh(shift / p.COMING_M),
            along[:, None],
        ],
        axis=1,
    )


def _fingers(world: World, cell: Cell) -> np.ndarray:
    """Both hands beside the marks, spots and tabs of their own sides, and the left one beside the wall it grips."""
    tips = world.hands + p.TIP_M * world.hand_rotations[..., 0]
    grasp, tip = (_in_carton(world, points) * MIRROR for points in (world.hands, tips))
    half_length, half_width = cell.half_length[:, None], cell.half_width[:, None]

    def beside(points: np.ndarray, x: np.ndarray | float, y: np.ndarray | float, z: float) -> np.ndarray:
        return points - np.stack(np.broadcast_arrays(x, y, z, points[..., 0])[:3], axis=-1)

    marks = [beside(tip, x, half_width + p.PRESS_Y_M, z) / NEAR_M for x, z in MARKS.values()]
    over = (tip[..., 2:] - SURFACE_M) / FINE_M
    spot = beside(tip, 0.0, p.PUSH_M, 0.0)[..., :2] / NEAR_M
    crease = half_length + p.TAB_HINGE_M, half_width + p.LONG_HINGE_M
    tabs = [beside(grasp * np.array([end, 1.0, 1.0]), *crease, p.SWEEP_HEIGHT_M) / TAB_M for end in (1.0, -1.0)]
    wall = cell.slot_side * (cell.half_width + p.LONG_HINGE_M)
    grip = grasp[:, 0] - np.stack([0.0 * wall, wall, 0.0 * wall + p.WALL_GRIP_M], axis=1)
    parts = [*marks, over, spot, *tabs]
    return np.tanh(np.concatenate([*(part.reshape(len(grip), -1) for part in parts), grip / NEAR_M], axis=1))


def _turns(world: World, cell: Cell) -> np.ndarray:
    """What is gripped and laid down: turns about the vertical, and the label's height over its area, (k, 5)."""
    length, label = world.carton_rotation[:, :, 0], world.label_rotation[:, :, 0]
    left_jaw, right_jaw = world.hand_rotations[:, 0, :, 1], world.hand_rotations[:, 1, :, 1]
    turns = [
        np.einsum("ki,ki->k", length, left_jaw) / TURN_RAD,
        np.einsum("ki,ki->k", label, right_jaw) / TURN_RAD,
        (world.label_in_carton[:, 2] - p.LABEL_REST_M) / FINE_M,
        np.einsum("ki,ki->k", label, world.carton_rotation[:, :, 1]) / TURN_RAD,
        (yaw(world.carton_rotation) - cell.slot_yaw) / TURN_RAD,
    ]
    return np.tanh(np.stack(turns, axis=1))


def _in_carton(world: World, points: np.ndarray) -> np.ndarray:
    """Return world points (k, 2, 3) in the carton's frame, (k, 2, 3)."""
    return np.einsum("kji,ksj->ksi", world.carton_rotation, points - world.carton[:, None])
