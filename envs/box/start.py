"""Start states of the box task, drawn from one generator per episode."""

from dataclasses import dataclass

import numpy as np

from recap_bench.envs.box import parameters as p
from recap_bench.envs.box.family import CartonFamily
from recap_bench.envs.rig import CAMERAS, Rig
from recap_bench.envs.simulation import Simulation


@dataclass(frozen=True)
class Spread:
    """Half-widths of the uniform distributions around the nominal scene."""

    sheet_m: float
    """Sheet on the jig."""
    sheet_yaw_rad: float
    size_m: float
    """Half length and half width of the carton."""
    place_m: float
    """Dispenser and crate on the table."""
    crate_yaw_rad: float
    label_m: float
    """Label on the dispenser."""
    label_yaw_rad: float
    crease: float
    """Relative spread of crease stiffness and yield."""
    scale: float
    """Relative spread of friction and masses."""
    arm_rad: float
    """Resting posture."""
    camera_m: float
    camera_rad: float
    light: float
    """Relative spread of brightness, and of the direction."""


SPREADS = {
    "none": Spread(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
    "standard": Spread(0.005, 0.05, 0.004, 0.015, 0.05, 0.004, 0.15, 0.30, 0.20, 0.03, 0.01, 0.02, 0.15),
    "wide": Spread(0.010, 0.12, 0.006, 0.025, 0.10, 0.008, 0.30, 0.50, 0.35, 0.06, 0.02, 0.05, 0.30),
}
"""The values of `randomization`."""


class StartStates:
    """Writes start states into the simulations; what varies per simulation is expanded once."""

    def __init__(self, simulation: Simulation, rig: Rig, randomization: str) -> None:
        model, batch = simulation.model, simulation.batch
        self.simulation, self.rig, self.spread, self.model = simulation, rig, SPREADS[randomization], model
        self.home = rig.home()
        self._qpos = batch.qpos
        self.address = {name: int(model.joint(name).qposadr[0]) for name in ("carton", "label")}
        self.field = {
            name: batch.expand(name)
            for name in ("geom_friction", "geom_size", "geom_rbound", "geom_aabb", "geom_rgba", "body_mass",
                         "body_inertia", "body_pos", "body_quat", "jnt_stiffness", "jnt_springyield", "eq_data", "cam_pos",
                         "cam_quat", "light_diffuse", "light_dir")
        }  # fmt: skip
        self.family = CartonFamily(model, self.field)
        self.body = {name: model.body(name).id for name in ("dispenser", "crate", "parcel")}
        self.creases = np.array([model.joint(name).id for name in p.PANELS])
        cardboard = ("base_panel", *p.PANELS)
        self.board_geoms = np.array([model.geom(name).id for name in cardboard])
        self.grip_geoms = np.array([model.geom(f"{side}_pad_{jaw}").id for side in ("left", "right") for jaw in "ab"])
        self.masses = simulation.body_ids(["carton", *p.PANELS, "label"])
        self.cameras = np.array([model.camera(name).id for name in CAMERAS])

    def write(self, i: int, rng: np.random.Generator) -> dict[str, float]:
        """Write one start state into simulation `i` and return the episode's own geometry."""
        spread = self.spread
        posture = self.home.copy()
        posture[np.r_[0:6, 7:13]] += rng.uniform(-1, 1, 12) * spread.arm_rad
        self.rig.place(np.array([i]), posture[None])
        half_length, half_width = (
            np.array([p.HALF_LENGTH_M, p.HALF_WIDTH_M]) + rng.uniform(-1, 1, 2) * spread.size_m
        )
        self.family.resize(i, half_length, half_width)
        self._place_sheet(i, rng)
        cell = self._place_fixtures(i, rng)
        self._vary_dynamics(i, rng)
        self._vary_cameras(i, rng)
        return {"half_length_m": half_length, "half_width_m": half_width, **cell}

    def _place_sheet(self, i: int, rng: np.random.Generator) -> None:
        spread = self.spread
        offset, half = rng.uniform(-1, 1, 2) * spread.sheet_m, 0.5 * rng.uniform(-1, 1) * spread.sheet_yaw_rad
        at = self.address["carton"]
        height = p.GUIDE_TOP_M + p.PANEL_M / 2 + 0.0003
        position = p.JIG_M + np.array([offset[0], offset[1], height])
        self._qpos[i, at : at + 7] = [*position, np.cos(half), 0.0, 0.0, np.sin(half)]

    def _place_fixtures(self, i: int, rng: np.random.Generator) -> dict[str, float]:
        """Move dispenser and crate, fill one slot, lay the label down; return what was drawn."""
        spread, field, body = self.spread, self.field, self.body
        dispenser = self.model.body_pos[body["dispenser"]] + _horizontal(rng, spread.place_m)
        crate = self.model.body_pos[body["crate"]] + _horizontal(rng, spread.place_m)
        crate_yaw = rng.uniform(-1, 1) * spread.crate_yaw_rad
        far = float(rng.random() < 0.5) if spread.place_m else 0.0
        free = (far - 0.5) * p.SLOT_PITCH_M
        field["body_pos"][i, body["dispenser"]] = dispenser
        field["body_pos"][i, body["crate"]] = crate
        field["body_quat"][i, body["crate"]] = np.cos(crate_yaw / 2), 0, 0, np.sin(crate_yaw / 2)
        field["body_pos"][i, body["parcel"], 1] = -free
        label = dispenser + np.array([0.0, 0.0, 0.0313]) + _horizontal(rng, spread.label_m)
        half = 0.5 * rng.uniform(-1, 1) * spread.label_yaw_rad
        at = self.address["label"]
        self._qpos[i, at : at + 7] = [*label, np.cos(half), 0.0, 0.0, np.sin(half)]
        return {
            "slot_x_m": crate[0] - np.sin(crate_yaw) * free,
            "slot_y_m": crate[1] + np.cos(crate_yaw) * free,
            "slot_yaw_rad": crate_yaw,
            "dispenser_x_m": dispenser[0],
            "dispenser_y_m": dispenser[1],
        }

    def _vary_dynamics(self, i: int, rng: np.random.Generator) -> None:
        spread, model, field = self.spread, self.model, self.field
        for name in ("jnt_stiffness", "jnt_springyield"):
            factors = 1 + rng.uniform(-1, 1, len(self.creases)) * spread.crease
            shape = (len(self.creases),) + (1,) * (getattr(model, name).ndim - 1)
            field[name][i, self.creases] = getattr(model, name)[self.creases] * factors.reshape(shape)
        for geoms in (self.board_geoms, self.grip_geoms):
            scale = 1 + rng.uniform(-1, 1) * spread.scale
            field["geom_friction"][i, geoms] = model.geom_friction[geoms] * scale
        factors = 1 + rng.uniform(-1, 1, len(self.masses)) * spread.scale
        field["body_mass"][i, self.masses] = model.body_mass[self.masses] * factors
        field["body_inertia"][i, self.masses] = model.body_inertia[self.masses] * factors[:, None]

    def _vary_cameras(self, i: int, rng: np.random.Generator) -> None:
        spread, model = self.spread, self.model
        shift = rng.uniform(-1, 1, (len(self.cameras), 3)) * spread.camera_m
        self.field["cam_pos"][i, self.cameras] = model.cam_pos[self.cameras] + shift
        turned = model.cam_quat[self.cameras].copy()
        turned[:, 1:] += rng.uniform(-0.5, 0.5, (len(self.cameras), 3)) * spread.camera_rad
        self.field["cam_quat"][i, self.cameras] = turned / np.linalg.norm(turned, axis=1, keepdims=True)
        self.field["light_diffuse"][i] = model.light_diffuse * (1 + rng.uniform(-1, 1) * spread.light)
        self.field["light_dir"][i] = model.light_dir
        self.field["light_dir"][i, :, :2] += rng.uniform(-1, 1, 2) * spread.light


def _horizontal(rng: np.random.Generator, half_width_m: float) -> np.ndarray:
    return np.append(rng.uniform(-1, 1, 2) * half_width_m, 0.0)
