"""The state observation of the espresso task: what calibrated perception would report."""

import numpy as np

from recap_bench.envs.espresso import parameters as p
from recap_bench.envs.espresso.processes import Brew, Fixtures
from recap_bench.envs.espresso.world import World
from recap_bench.envs.rig import HAND_STATE_NAMES, vector_names

NEAR_M = 0.02
"""Scale of the near-field offsets, which saturate at about twice this: a wrist camera's close view."""

STATE_NAMES = (
    *HAND_STATE_NAMES,
    *vector_names("portafilter", "_m"),
    *vector_names("portafilter_handle_axis", ""),
    *vector_names("portafilter_up", ""),
    *vector_names("cup", "_m"),
    *vector_names("cup_up", ""),
    *vector_names("handle_in_right_hand", "_m"),
    *vector_names("cup_in_left_hand", "_m"),
    *vector_names("knob_to_left_grasp", "_m"),
    *vector_names("button_to_right_grasp", "_m"),
    *vector_names("near_handle_in_right_hand", ""),
    *vector_names("near_cup_in_left_hand", ""),
    *vector_names("near_knob_to_left_grasp", ""),
    *vector_names("near_button_to_right_grasp", ""),
    *vector_names("near_portafilter_to_chute", ""),
    *vector_names("near_portafilter_to_pedestal", ""),
    *vector_names("near_portafilter_to_seat", ""),
    *vector_names("near_cup_to_spout", ""),
    "near_cup_to_mat_x",
    "near_cup_to_mat_y",
    "mat_x_m",
    "mat_y_m",
    "cup_radius_m",
    "dose_g",
    "spilled_g",
    "grinding",
    "tamper_m",
    "tamper_force_n",
    "tamp_s",
    "collar_rad",
    "bayonet_engaged",
    "bayonet_locked",
    "button_m",
    "pumping",
    "pump_s",
    "shot_ml",
    "spilled_ml",
    "liquid_tilt_x",
    "liquid_tilt_y",
)


def environment_state(world: World, brew: Brew, fixtures: Fixtures, points: dict[str, np.ndarray]) -> np.ndarray:
    """Return the observation (k, D) in the order of STATE_NAMES.

    `points` holds the fixed points 'knob' and 'button', (3,) [m].
    """
    handle = _in_hand(world, 1, world.handle)
    cup = _in_hand(world, 0, world.cup + 0.5 * p.CUP_HEIGHT_M * world.cup_up)
    knob = points["knob"] + world.tamper[:, None] * np.array([0.0, 0.0, 1.0]) - world.hands[:, 0]
    button = points["button"] - world.hands[:, 1]
    spout = np.append(fixtures.seat[:2], points["tray"][2])
    near = [
        handle,
        cup,
        knob,
        button,
        world.portafilter - (fixtures.chute - points["chute_drop"]),
        world.portafilter - fixtures.tamper_axis,
        world.portafilter - fixtures.seat,
        world.cup - spout,
        world.cup[:, :2] - fixtures.mat,
    ]
    columns = [
        world.hands.reshape(-1, 6),
        world.hand_rotations[..., 0].reshape(-1, 6),
        world.hand_rotations[..., 1].reshape(-1, 6),
        world.portafilter,
        world.portafilter_rotation[:, :, 0],
        world.portafilter_rotation[:, :, 2],
        world.cup,
        world.cup_up,
        handle,
        cup,
        knob,
        button,
        np.tanh(np.concatenate(near, axis=1) / NEAR_M),
        fixtures.mat,
        _scalars(world, brew, fixtures),
    ]
    return np.concatenate(columns, axis=1)


def _in_hand(world: World, side: int, point: np.ndarray) -> np.ndarray:
    """Return a world point (k, 3) in the frame of a hand, (k, 3)."""
    return ((point - world.hands[:, side])[:, None] @ world.hand_rotations[:, side])[:, 0]


def _scalars(world: World, brew: Brew, fixtures: Fixtures) -> np.ndarray:
    liquid = world.liquid_up[:, :2] * (brew.shot_ml > 0)[:, None]
    return np.stack(
        [
            fixtures.cup_radius_m,
            brew.dose_g,
            brew.spilled_g,
            brew.grinding,
            world.tamper,
            world.tamper_force,
            np.minimum(brew.tamp_s, 1.0),
            world.collar,
            brew.engaged,
            brew.locked,
            world.button,
            brew.pumping,
            brew.pump_s,
            brew.shot_ml,
            brew.spilled_ml,
            liquid[:, 0],
            liquid[:, 1],
        ],
        axis=1,
    )
