"""The truth of the espresso task: stages, failures, progress and hazards, from measured state alone."""

import numpy as np
from dm_control.utils import rewards

from recap_bench.envs.espresso import parameters as p
from recap_bench.envs.espresso.processes import Brew, Fixtures, clip, distance_xy, freeboard, good_puck, leans, length
from recap_bench.envs.espresso.world import World

STAGES = ("pick_portafilter", "grind", "tamp", "lock", "bring_cup", "extract", "serve")
FAILURES = ("dropped_portafilter", "dropped_cup", "spilled_grounds", "spilled_coffee", "bad_shot")
"""The task's own failure modes; their index + 1 is the failure code."""


def handle_gripped(world: World, jaw_openings: np.ndarray) -> np.ndarray:
    """Whether a hand is closed around the handle, (k,) bool; `jaw_openings` is (k, 2) in [0, 1]."""
    offset = world.hands - world.portafilter[:, None]
    local = np.einsum("kji,ksj->ksi", world.portafilter_rotation, offset)
    along = (local[..., 0] > 0.03) & (local[..., 0] < 0.155)
    around = (np.abs(local[..., 1]) < 0.02) & (np.abs(local[..., 2] - 0.032) < 0.025)
    return (along & around & (jaw_openings < 0.4)).any(axis=1)


def stages_reached(world: World, brew: Brew, fixtures: Fixtures) -> np.ndarray:
    """Which stages hold in the present state, (k, 7) bool; the task latches them."""
    grip = length(world.hands - world.handle[:, None]).min(1)
    lifted = (world.portafilter[:, 2] > p.PICK_HEIGHT_M) & (grip < p.HAND_DISTANCE_M)
    under_spout = distance_xy(world.cup, fixtures.seat) < p.SPOUT_OFFSET_M
    on_tray = (np.abs(world.cup[:, 2] - 0.012) < 0.006) & (world.cup_up[:, 2] > 0.98)
    full = brew.shot_ml >= p.SHOT_FULL_ML
    good = (brew.pump_s > 0) & (brew.pumping == 0) & (brew.bad_shot == 0)
    extracted = full & good
    return np.stack(
        [
            lifted,
            brew.dose_g >= p.DOSE_MIN_G,
            good_puck(brew),
            brew.locked > 0,
            (under_spout & on_tray) | extracted,  # a cup farther out may have caught it all
            extracted,
            extracted & (brew.served_s >= p.SERVE_HOLD_S),
        ],
        axis=1,
    )


def failure(world: World, brew: Brew, stages: np.ndarray) -> np.ndarray:
    """Return the failure code of each simulation, 0 for none, (k,) int8; the first of FAILURES that holds."""
    free = brew.engaged == 0
    conditions = (
        free
        & _dropped(
            world.portafilter, world.portafilter_rotation[:, :, 2], world.portafilter_velocity, world, world.handle
        ),
        _dropped(world.cup, world.cup_up, world.cup_velocity, world, world.cup),
        brew.spilled_g > p.GROUNDS_SPILL_LIMIT_G,
        brew.spilled_ml > p.COFFEE_SPILL_LIMIT_ML,
        brew.bad_shot > 0,
    )
    code = np.zeros(len(free), np.int8)
    for index in range(len(FAILURES), 0, -1):
        code[conditions[index - 1]] = index
    return code


def _dropped(position: np.ndarray, up: np.ndarray, velocity: np.ndarray, world: World, grip: np.ndarray) -> np.ndarray:
    """Toppled, off the table, or falling out of reach of both hands, (k,) bool."""
    away = length(world.hands - grip[:, None]).min(1) > p.HAND_DISTANCE_M
    falling = away & (velocity[:, 2] < -p.DROP_SPEED_M_S)
    outside = (np.abs(position[:, :2] - p.TABLE_CENTRE_M) > p.TABLE_HALF_M).any(axis=1)
    return falling | outside | leans(up, p.TOPPLED_RAD)


def progress(world: World, brew: Brew, fixtures: Fixtures, stages: np.ndarray) -> np.ndarray:
    """Return progress within each stage, (k, 7) in [0, 1], 1 for a stage already reached."""
    reach = length(world.hands[:, 1] - world.handle)
    values = np.stack(
        [
            rewards.tolerance(reach, bounds=(0, 0.01), margin=0.3, sigmoid="linear", value_at_margin=0),
            clip(brew.dose_g / p.DOSE_MIN_G, 0, 1),
            clip(brew.tamp_s / p.TAMP_HOLD_S, 0, 1),
            0.5 * _near(length(world.portafilter - fixtures.seat), 0.3)
            + 0.5 * clip(world.collar / p.BAYONET_LATCH_RAD, 0, 1),
            _near(distance_xy(world.cup, fixtures.seat), 0.3),
            clip(brew.shot_ml / p.SHOT_FULL_ML, 0, 1),
            _near(distance_xy(world.cup, fixtures.mat), 0.35) * (brew.shot_ml >= p.SHOT_FULL_ML),
        ],
        axis=1,
    )
    return np.where(stages, 1.0, values)


def _near(distance: np.ndarray, margin: float) -> np.ndarray:
    return rewards.tolerance(distance, bounds=(0, 0.004), margin=margin, sigmoid="linear", value_at_margin=0)


def hazards(world: World, brew: Brew, fixtures: Fixtures, stages: np.ndarray) -> dict[str, np.ndarray]:
    """Return predicates of imminent failure, name -> (k,) bool."""
    cosine = clip((world.liquid_up * world.cup_up).sum(-1), 0.02, 1.0)
    rise = (fixtures.cup_radius_m - p.CUP_WALL_M) * np.sqrt(1 - cosine**2) / cosine
    filled = brew.shot_ml > 0.3 * p.SHOT_ML
    untamped = (brew.dose_g > 1.0) & (brew.tamp_s < p.TAMP_HOLD_S) & (brew.engaged > 0)
    cup_there = distance_xy(world.cup, fixtures.seat) < fixtures.cup_radius_m - p.CUP_WALL_M
    button_offset = world.button > 0.25 * p.BUTTON_TRAVEL_M
    return {
        "portafilter_tilting": leans(world.portafilter_rotation[:, :, 2], 0.45) & (brew.engaged == 0),
        "cup_tilting": leans(world.cup_up, 0.35),
        "overfilling": (brew.dose_g > 0.95 * p.DOSE_MAX_G) & (brew.grinding > 0),
        "grounds_spilling": brew.spilled_g > 0.4 * p.GROUNDS_SPILL_LIMIT_G,
        "coffee_near_rim": filled & (rise > 0.8 * freeboard(brew, fixtures)),
        "locking_bad_puck": untamped & (brew.pump_s == 0),
        "pressing_too_early": button_offset & (brew.pump_s == 0) & ~(stages[:, 3] & cup_there),
    }
