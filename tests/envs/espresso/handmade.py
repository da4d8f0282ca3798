"""Hand-made worlds, brews and fixtures of the espresso task, for tests without physics."""

import numpy as np

from recap_bench.envs.espresso import parameters as p
from recap_bench.envs.espresso.processes import DT, PROCESS_NAMES, Brew, Fixtures
from recap_bench.envs.espresso.world import World
from recap_bench.envs.scripting import rotation_matrices

CHUTE = np.array([0.33, -0.36, 0.17])
UNDER_CHUTE = CHUTE - [0.0, 0.0, p.BASKET_HEIGHT_M + 0.035]
PEDESTAL = np.array([0.30, -0.13, 0.04])
SEAT = np.array([0.36, 0.08, 0.115])
TRAY = np.array([0.36, 0.08, 0.012])
MAT = np.array([0.22, 0.38, 0.0])
RADIUS_M = 0.03
FAR = np.full((2, 3), 9.0)
UPRIGHT = np.array([0.0, 0.0, 1.0])
RATE_G_S = 7.0


def tilted(angle_rad):
    """Rotations about x, (k, 3, 3)."""
    angle = np.atleast_1d(np.asarray(angle_rad, float))
    return rotation_matrices(np.stack([angle, 0 * angle, 0 * angle], axis=1))


def make_world(k=1, **given):
    """Everything at rest and out of the way but what is given, broadcast to (k, ...)."""
    default = {
        "hands": FAR,
        "hand_rotations": np.tile(np.eye(3), (2, 1, 1)),
        "portafilter": np.array([0.2, 0.0, 0.3]),
        "portafilter_rotation": np.eye(3),
        "portafilter_velocity": np.zeros(3),
        "handle": np.array([0.3, 0.0, 0.33]),
        "cup": np.array([0.28, 0.27, 0.0]),
        "cup_up": UPRIGHT,
        "cup_velocity": np.zeros(3),
        "liquid_up": UPRIGHT,
        "tamper": 0.0,
        "tamper_force": 0.0,
        "collar": 0.0,
        "button": 0.0,
    }
    assert given.keys() <= default.keys()
    fields = {}
    for name, value in {**default, **given}.items():
        shape = np.shape(default[name])
        fields[name] = np.broadcast_to(np.asarray(value, float), (k, *shape)).copy()
    return World(**fields)


def make_brew(k=1, **given):
    assert given.keys() <= set(PROCESS_NAMES)
    return Brew(**{name: np.broadcast_to(float(given.get(name, 0.0)), k).copy() for name in PROCESS_NAMES})


def make_fixtures(k=1):
    return Fixtures(
        chute=CHUTE,
        tamper_axis=PEDESTAL,
        seat=SEAT,
        seat_rotation=np.eye(3),
        dose_rate_g_s=np.full(k, RATE_G_S),
        cup_radius_m=np.full(k, RADIUS_M),
        mat=np.tile(MAT[:2], (k, 1)),
    )


def run(process, brew, world, seconds):
    for _ in range(round(seconds / DT)):
        process(brew, world, make_fixtures(len(brew.dose_g)))
    return brew


def offsets(*offsets_m):
    """Horizontal offsets as points, (k, 3)."""
    return np.array([[offset, 0.0, 0.0] for offset in offsets_m])
