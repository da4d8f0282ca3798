"""Start states of the espresso task, drawn from one generator per episode.

'table' is the whole task: the portafilter lies on the table, empty. 'locked' begins in the middle of it, for shorter
experiments: a good puck is in the portafilter and the portafilter in the group; cup, shot and serving are left.
"""

from dataclasses import dataclass

import mujoco
import numpy as np

from recap_bench.envs.espresso import parameters as p
from recap_bench.envs.rig import CAMERAS, Rig
from recap_bench.envs.simulation import Simulation


@dataclass(frozen=True)
class Spread:
    """Half-widths of the uniform distributions around the nominal scene."""

    position_m: float
    """Portafilter and cup on the table."""
    yaw_rad: float
    """Portafilter."""
    mat_m: float
    """Serving mat."""
    cup_radius_m: float
    """Around 29.5 mm."""
    scale: float
    """Relative spread of friction, masses and dose rate."""
    arm_rad: float
    """Resting posture."""
    camera_m: float
    camera_rad: float
    light: float
    """Relative spread of brightness, and of the direction."""


SPREADS = {
    "none": Spread(0, 0, 0, 0, 0, 0, 0, 0, 0),
    "standard": Spread(0.03, 0.30, 0.02, 0.0025, 0.20, 0.03, 0.01, 0.02, 0.15),
    "wide": Spread(0.045, 0.60, 0.03, 0.0035, 0.35, 0.06, 0.02, 0.05, 0.30),
}
"""The values of `randomization`."""

STARTS = ("table", "locked")
"""The default first."""

STAGES_BEFORE = {"table": 0, "locked": 4}
"""Stages that lie behind an episode at its start."""

LOCKED_RAD = np.pi / 4
"""Angle of the bayonet that is turned home, where the latch holds it."""

NOMINAL_CUP_RADIUS_M = 0.0295


class StartStates:
    """Writes start states into the simulations; what varies per simulation is expanded once."""

    def __init__(self, simulation: Simulation, rig: Rig, randomization: str, start: str) -> None:
        model, batch = simulation.model, simulation.batch
        self.simulation, self.rig, self.spread, self.model = simulation, rig, SPREADS[randomization], model
        self.home, self.start = rig.home(), start
        self._qpos = batch.qpos
        self.address = {name: int(model.joint(name).qposadr[0]) for name in ("portafilter", "cup", "collar")}
        self.locked_pose = self._locked_pose()
        self.field = {
            name: batch.expand(name)
            for name in ("geom_friction", "geom_size", "geom_rbound", "geom_aabb", "geom_pos", "geom_rgba", "body_mass",
                         "body_inertia", "cam_pos", "cam_quat", "light_diffuse", "light_dir")
        }  # fmt: skip
        self.cup_geoms = np.array([model.geom(name).id for name in ("cup", "coffee", "coffee_surface")])
        self.grip_geoms = np.array(
            [
                model.geom(name).id
                for name in ("basket", "handle", "cup", "left_pad_a", "left_pad_b", "right_pad_a", "right_pad_b")
            ]
        )
        self.mat_geom = model.geom("serve_mat").id
        self.masses = simulation.body_ids(["portafilter", "cup"])
        self.cameras = np.array([model.camera(name).id for name in CAMERAS])

    def write(self, i: int, rng: np.random.Generator) -> dict[str, float]:
        """Write one start state into simulation `i` and return the episode's own parameters."""
        spread = self.spread
        self._place_objects(i, rng)
        posture = self.home.copy()
        joints = np.r_[0:6, 7:13]
        posture[joints] += rng.uniform(-1, 1, 12) * spread.arm_rad
        self.rig.place(np.array([i]), posture[None])
        radius = NOMINAL_CUP_RADIUS_M + rng.uniform(-1, 1) * spread.cup_radius_m
        self._size_cup(i, radius)
        self._vary_dynamics(i, rng)
        mat = self.model.geom_pos[self.mat_geom].copy()
        mat[:2] += rng.uniform(-1, 1, 2) * spread.mat_m
        self.field["geom_pos"][i, self.mat_geom] = mat
        self._vary_cameras(i, rng)
        dose_rate = p.NOMINAL_DOSE_RATE_G_S * (1 + rng.uniform(-1, 1) * spread.scale)
        own = {"dose_rate_g_s": dose_rate, "cup_radius_m": radius, "mat_x": mat[0], "mat_y": mat[1]}
        return own if self.start == "table" else {**own, **self._lock(i)}

    def _lock(self, i: int) -> dict[str, float]:
        """Hang the portafilter in the group, turned home, and return the process state of a good puck in it."""
        at = self.address["portafilter"]
        self._qpos[i, self.address["collar"]] = LOCKED_RAD
        self._qpos[i, at : at + 7] = self.locked_pose
        return {"dose_g": p.DOSE_TARGET_G, "tamp_s": p.TAMP_HOLD_S, "engaged": 1.0, "locked": 1.0}

    def _locked_pose(self) -> np.ndarray:
        """Return position and quaternion of the portafilter that is turned home, (7,)."""
        data = mujoco.MjData(self.model)
        data.qpos[self.address["collar"]] = LOCKED_RAD
        mujoco.mj_kinematics(self.model, data)
        collar = data.body("collar")
        return np.concatenate([collar.xpos, collar.xquat])

    def _place_objects(self, i: int, rng: np.random.Generator) -> None:
        for name in ("portafilter", "cup"):
            at = self.address[name]
            pose = self.model.qpos0[at : at + 7].copy()
            pose[:2] += rng.uniform(-1, 1, 2) * self.spread.position_m
            if name == "portafilter":
                half = 0.5 * (np.pi + rng.uniform(-1, 1) * self.spread.yaw_rad)
                pose[3:] = np.cos(half), 0.0, 0.0, np.sin(half)
            self._qpos[i, at : at + 7] = pose

    def _size_cup(self, i: int, radius: float) -> None:
        half_height = p.CUP_HEIGHT_M / 2
        cup = self.cup_geoms[0]
        self.field["geom_size"][i, self.cup_geoms, 0] = radius, radius - p.CUP_WALL_M, radius - 2 * p.CUP_WALL_M
        self.field["geom_rbound"][i, cup] = np.hypot(radius, half_height)
        self.field["geom_aabb"][i, cup] = 0, 0, 0, radius, radius, half_height

    def _vary_dynamics(self, i: int, rng: np.random.Generator) -> None:
        scale = 1 + rng.uniform(-1, 1) * self.spread.scale
        self.field["geom_friction"][i, self.grip_geoms] = self.model.geom_friction[self.grip_geoms] * scale
        factors = 1 + rng.uniform(-1, 1, len(self.masses)) * self.spread.scale
        self.field["body_mass"][i, self.masses] = self.model.body_mass[self.masses] * factors
        self.field["body_inertia"][i, self.masses] = self.model.body_inertia[self.masses] * factors[:, None]

    def _vary_cameras(self, i: int, rng: np.random.Generator) -> None:
        spread, model = self.spread, self.model
        shift = rng.uniform(-1, 1, (len(self.cameras), 3)) * spread.camera_m
        self.field["cam_pos"][i, self.cameras] = model.cam_pos[self.cameras] + shift
        turned = model.cam_quat[self.cameras].copy()
        turned[:, 1:] += rng.uniform(-0.5, 0.5, (len(self.cameras), 3)) * spread.camera_rad
        self.field["cam_quat"][i, self.cameras] = turned / np.linalg.norm(turned, axis=1, keepdims=True)
        light = 1 + rng.uniform(-1, 1) * spread.light
        self.field["light_diffuse"][i] = model.light_diffuse * light
        self.field["light_dir"][i] = model.light_dir
        self.field["light_dir"][i, :, :2] += rng.uniform(-1, 1, 2) * spread.light
