"""The parts of making an espresso that are not rigid-body physics.

Each process takes the measured `World` and the per-simulation arrays of `Brew`, and advances the latter by one
control step. What happens depends on where things are, how long they stay there and how hard they are pressed.
"""

from dataclasses import dataclass, fields

import numpy as np

from recap_bench.envs.espresso import parameters as p
from recap_bench.envs.espresso.world import World
from recap_bench.envs.simulation import CONTROL_HZ

DT = 1.0 / CONTROL_HZ


@dataclass
class Brew:
    """Process state of k simulations, (k,) each; g, ml and s."""

    dose_g: np.ndarray
    """Coffee in the basket."""
    grinding: np.ndarray
    """1 while grounds flow."""
    spilled_g: np.ndarray
    tamp_s: np.ndarray
    """Time pressed within the window."""
    crushed: np.ndarray
    """1 once the puck was pressed too hard."""
    engaged: np.ndarray
    """1 while the lugs sit in the group."""
    locked: np.ndarray
    """1 once turned home."""
    button_down: np.ndarray
    pumping: np.ndarray
    pump_s: np.ndarray
    """Time the pump has run; above 0 the puck is spent."""
    delivered_ml: np.ndarray
    """Volume out of the spout."""
    shot_ml: np.ndarray
    """Volume in the cup."""
    spilled_ml: np.ndarray
    bad_shot: np.ndarray
    """1 once a shot ran through a bad puck or ended short."""
    served_s: np.ndarray
    """Time the full cup has stood on the mat."""


PROCESS_NAMES = tuple(field.name for field in fields(Brew))


@dataclass(frozen=True)
class Fixtures:
    """Fixed points of the scene (3,) [m] and the k episodes' own parameters."""

    chute: np.ndarray
    tamper_axis: np.ndarray
    seat: np.ndarray
    seat_rotation: np.ndarray
    dose_rate_g_s: np.ndarray
    cup_radius_m: np.ndarray
    mat: np.ndarray
    """Centre of the serving mat, (k, 2)."""


def leans(up: np.ndarray, angle_rad: float | np.ndarray) -> np.ndarray:
    """Whether a unit vector (k, 3) is more than this far from the vertical, (k,) bool."""
    return up[:, 2] < np.cos(angle_rad)


def length(vectors: np.ndarray) -> np.ndarray:
    """Euclidean length over the last axis; several times faster than np.linalg.norm on small arrays."""
    return np.sqrt((vectors * vectors).sum(-1))


def distance_xy(points: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Horizontal distance, (k,)."""
    return length(points[:, :2] - target[..., :2])


def clip(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Clip; np.clip costs three times as much on small arrays."""
    return np.minimum(np.maximum(values, low), high)


def grind(brew: Brew, world: World, fixtures: Fixtures) -> None:
    """Dose while the basket is under the chute; what misses the basket is spilled."""
    up = world.portafilter_rotation[:, :, 2]
    rim = world.portafilter + p.BASKET_HEIGHT_M * up
    offset = distance_xy(rim, fixtures.chute)
    gap = fixtures.chute[2] - rim[:, 2]
    present = (offset < p.GRINDER_SENSOR_RADIUS_M) & (gap > p.GRINDER_GAP_M[0]) & (gap < p.GRINDER_GAP_M[1])
    brew.grinding = (present & ~leans(up, p.GRINDER_TILT_RAD) & (brew.locked == 0)).astype(float)
    flow = brew.grinding * fixtures.dose_rate_g_s * DT
    caught = flow * clip((p.CATCH_NONE_M - offset) / (p.CATCH_NONE_M - p.CATCH_FULL_M), 0.0, 1.0)
    dose = brew.dose_g + caught
    brew.tamp_s = np.where(caught > 0, 0.0, brew.tamp_s)
    overflow = np.maximum(dose - p.DOSE_MAX_G, 0.0)
    holds = np.where(brew.tamp_s >= p.TAMP_HOLD_S, 2 * p.GROUNDS_TILT_RAD, p.GROUNDS_TILT_RAD)
    pours = leans(up, holds) & (brew.locked == 0)
    poured = np.minimum(dose - overflow, np.where(pours, p.GROUNDS_POUR_G_S * DT, 0.0))
    brew.dose_g = dose - overflow - poured
    brew.spilled_g = brew.spilled_g + (flow - caught) + overflow + poured


def tamp(brew: Brew, world: World, fixtures: Fixtures) -> None:
    """Compact the puck while a centred, level tamper presses within the force window."""
    up = world.portafilter_rotation[:, :, 2]
    centred = distance_xy(world.portafilter, fixtures.tamper_axis) < p.TAMP_OFFSET_M
    seated = np.abs(world.portafilter[:, 2] - fixtures.tamper_axis[2]) < p.TAMP_SEATED_M
    pressed = centred & seated & ~leans(up, p.TAMP_TILT_RAD) & (brew.dose_g > 5.0)
    force = world.tamper_force
    within = pressed & (force >= p.TAMP_FORCE_N[0]) & (force <= p.TAMP_FORCE_N[1])
    brew.tamp_s = brew.tamp_s + np.where(within, DT, 0.0)
    brew.crushed = np.maximum(brew.crushed, (pressed & (force > p.TAMP_CRUSH_N)).astype(float))


def turn_bayonet(brew: Brew, world: World, fixtures: Fixtures, gripped: np.ndarray) -> None:
    """Engage the lugs at the seat, release them when pulled or let go unturned, latch them when turned home."""
    offset = length(world.portafilter - fixtures.seat)
    relative = (fixtures.seat_rotation * world.portafilter_rotation).sum((1, 2))
    angle = np.arccos(clip((relative - 1.0) / 2.0, -1.0, 1.0))
    unturned = world.collar < p.BAYONET_FREE_RAD
    enters = (offset < p.BAYONET_OFFSET_M) & (angle < p.BAYONET_ANGLE_RAD) & unturned & gripped
    comes_free = unturned & ((offset > p.BAYONET_RELEASE_M) | ~gripped)
    engaged = np.where(brew.engaged > 0, ~comes_free, enters)
    brew.locked = np.maximum(brew.locked, (engaged & (world.collar >= p.BAYONET_LATCH_RAD)).astype(float))
    brew.engaged = np.maximum(engaged.astype(float), brew.locked)


def good_puck(brew: Brew) -> np.ndarray:
    """Whether a full, tamped, uncracked puck is in the basket, (k,) bool."""
    return (brew.dose_g >= p.DOSE_MIN_G) & (brew.tamp_s >= p.TAMP_HOLD_S - 1e-9) & (brew.crushed == 0)


def extract(brew: Brew, world: World, fixtures: Fixtures) -> None:
    """Run the pump after a press of the button; the flow and the shot depend on the puck, the cup on its place."""
    down = world.button > p.BUTTON_TRAVEL_M
    starts = down & (brew.button_down == 0) & (brew.pump_s == 0)
    brew.button_down = down.astype(float)
    pumping = (brew.pumping > 0) | starts
    good = good_puck(brew)
    choked = (brew.crushed > 0) & (brew.locked > 0)
    rate = np.where(good, p.FLOW_GOOD_ML_S, np.where(choked, p.FLOW_CHOKED_ML_S, p.FLOW_GUSHER_ML_S))
    flow = np.where(pumping, np.minimum(rate * DT, p.SHOT_ML - brew.delivered_ml), 0.0)
    brew.pump_s = brew.pump_s + np.where(pumping, DT, 0.0)
    brew.delivered_ml = brew.delivered_ml + flow
    ends = pumping & ((brew.delivered_ml >= p.SHOT_ML - 1e-9) | (brew.pump_s >= p.PUMP_LIMIT_S))
    brew.pumping = (pumping & ~ends).astype(float)
    inner = fixtures.cup_radius_m - p.CUP_WALL_M
    below = world.cup[:, 2] + p.CUP_HEIGHT_M < fixtures.seat[2] + 0.02
    stands = (distance_xy(world.cup, fixtures.seat) < inner - 0.002) & below & (world.cup_up[:, 2] > 0.9)
    caught = np.where(stands & (brew.locked > 0), flow, 0.0)
    brew.shot_ml = brew.shot_ml + caught
    brew.spilled_ml = brew.spilled_ml + flow - caught
    brew.bad_shot = np.maximum(brew.bad_shot, (ends & (~good | (brew.delivered_ml < p.SHOT_FULL_ML))).astype(float))


def freeboard(brew: Brew, fixtures: Fixtures) -> np.ndarray:
    """Height of the rim above the liquid at rest, (k,) [m]."""
    inner = fixtures.cup_radius_m - p.CUP_WALL_M
    return p.CUP_INNER_HEIGHT_M - brew.shot_ml * 1e-6 / (np.pi * inner**2)


def slosh(brew: Brew, world: World, fixtures: Fixtures) -> None:
    """Spill what stands above the rim when the surface tilts against the cup."""
    inner = fixtures.cup_radius_m - p.CUP_WALL_M
    cosine = clip((world.liquid_up * world.cup_up).sum(-1), 0.02, 1.0)
    rise = inner * np.sqrt(1.0 - cosine**2) / cosine
    excess = np.maximum(rise - freeboard(brew, fixtures), 0.0)
    area = np.pi * inner**2
    lost = np.minimum(brew.shot_ml, 0.5 * area * excess * 1e6 * DT / p.SLOSH_TIME_S)
    brew.shot_ml = brew.shot_ml - lost
    brew.spilled_ml = brew.spilled_ml + lost


def serve(brew: Brew, world: World, fixtures: Fixtures) -> None:
    """Count the time a cup has stood on the mat, upright, at rest and let go."""
    speed = length(world.cup_velocity)
    centre = world.cup + 0.5 * p.CUP_HEIGHT_M * world.cup_up
    nearest = length(world.hands - centre[:, None]).min(1)
    stands = (
        (distance_xy(world.cup, fixtures.mat) < p.SERVE_RADIUS_M)
        & (world.cup[:, 2] < 0.008)
        & (world.cup_up[:, 2] > 0.99)
        & (speed < 0.03)
        & (nearest > p.SERVE_CLEARANCE_M)
    )
    brew.served_s = np.where(stands, brew.served_s + DT, 0.0)
