"""The state observation of the box task: what calibrated perception would report."""

import numpy as np

from recap_bench.envs.box import parameters as p
from recap_bench.envs.box.close_view import CLOSE_NAMES, NEAR_M, close_view
from recap_bench.envs.box.processes import Cell, Work, label_gripped
from recap_bench.envs.box.world import World, yaw
from recap_bench.envs.rig import HAND_STATE_NAMES, vector_names

STATE_NAMES = tuple(
    [*HAND_STATE_NAMES]
    + vector_names("carton", "_m")
    + vector_names("carton_length_axis", "")
    + vector_names("carton_up", "")
    + [f"{panel}_rad" for panel in p.PANELS]
    + vector_names("label", "_m")
    + vector_names("label_length_axis", "")
    + vector_names("label_up", "")
    + vector_names("second_sheet", "_m")
    + ["second_sheet_yaw_rad"]
    + vector_names("carton_in_left_hand", "_m")
    + vector_names("carton_in_right_hand", "_m")
    + vector_names("near_label_in_right_hand", "")
    + vector_names("near_label_to_area", "")
    + vector_names("near_carton_to_slot", "")
    + ["slot_x_m", "slot_y_m", "slot_yaw_rad", "dispenser_x_m", "dispenser_y_m", "half_length_m", "half_width_m"]
    + [f"latched_{panel.removeprefix('tab_')}" for panel in p.PANELS[4:]]
    + ["base_force_n", "label_gripped", "label_stuck", *CLOSE_NAMES]
)


def environment_state(world: World, work: Work, cell: Cell) -> np.ndarray:
    """Return the observation (k, D) in the order of STATE_NAMES."""
    grip = world.label + p.LABEL_GRIP_M * world.label_rotation[:, :, 2]
    area = world.label_in_carton - np.array([0.0, 0.0, p.LABEL_REST_M])
    columns = [
        world.hands.reshape(-1, 6),
        world.hand_rotations[..., 0].reshape(-1, 6),
        world.hand_rotations[..., 1].reshape(-1, 6),
        world.carton,
        world.carton_rotation[:, :, 0],
        world.carton_rotation[:, :, 2],
        world.angles,
        world.label,
        world.label_rotation[:, :, 0],
        world.label_rotation[:, :, 2],
        world.second,
        yaw(world.second_rotation)[:, None],
        _in_hand(world, 0, world.carton),
        _in_hand(world, 1, world.carton),
        np.tanh(_in_hand(world, 1, grip) / NEAR_M),
        np.tanh(area / NEAR_M),
        np.tanh((world.carton - cell.slot) / NEAR_M),
        cell.slot[:, :2],
        cell.slot_yaw[:, None],
        cell.dispenser[:, :2],
        cell.half_length[:, None],
        cell.half_width[:, None],
        work.latched,
        np.minimum(world.base_force, 2 * p.CRUSH_N)[:, None],
        label_gripped(world).any(axis=1, keepdims=True),
        work.stuck[:, None],
        close_view(world, work.cling, cell),
    ]
    return np.concatenate(columns, axis=1)


def _in_hand(world: World, side: int, point: np.ndarray) -> np.ndarray:
    """Return a world point (k, 3) in the frame of a hand, (k, 3)."""
    return np.einsum("kji,kj->ki", world.hand_rotations[:, side], point - world.hands[:, side])
