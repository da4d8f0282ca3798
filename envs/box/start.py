"""Start states of the box task, drawn from one generator per episode.

'stack' is the whole task. The others begin in the middle of it, for shorter experiments: 'jig' with the flat sheet on
the jig, 'built' with the latched box in it, to be labelled and placed.
"""

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
    """Sheet on the jig, or the top sheet on the one below."""
    sheet_yaw_rad: float
    pile_m: float
    """Pile on the feeder, and the sheet below the top one on the pile."""
    pile_yaw_rad: float
    pile_height_m: float
    """How exactly the feeder keeps the pile's height."""
    pile_sheets: int
    """Number of sheets in the pile, below the two upper ones."""
    sticking: float
    """Probability that the two upper sheets stick together."""
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
    "none": Spread(*[0] * 18),
    "standard": Spread(
        0.005, 0.05, 0.006, 0.04, 0.0008, 8, 0.3, 0.004, 0.015, 0.05, 0.004, 0.15, 0.30, 0.20, 0.03, 0.01, 0.02, 0.15
    ),
    "wide": Spread(
        0.010, 0.12, 0.010, 0.08, 0.0012, 10, 0.5, 0.006, 0.025, 0.10, 0.008, 0.30, 0.50, 0.35, 0.06, 0.02, 0.05, 0.30
    ),
}
"""The values of `randomization`."""

STARTS = ("stack", "jig", "built")
"""The default first."""

STAGES_BEFORE = {"stack": 0, "jig": 1, "built": 2}
"""Stages that lie behind an episode at its start."""


class StartStates:
    """Writes start states into the simulations; what varies per simulation is expanded once."""

    def __init__(self, simulation: Simulation, rig: Rig, randomization: str, start: str) -> None:
        model, batch = simulation.model, simulation.batch
        self.simulation, self.rig, self.spread, self.model = simulation, rig, SPREADS[randomization], model
        self.home, self.start = rig.home(), start
        self._qpos = batch.qpos
        self.address = {name: int(model.joint(name).qposadr[0]) for name in ("carton", "second", "label")}
        self.field = {
            name: batch.expand(name)
            for name in ("geom_friction", "geom_size", "geom_rbound", "geom_aabb", "body_mass", "body_inertia",
                         "body_pos", "body_quat", "jnt_stiffness", "jnt_springyield", "eq_data", "cam_pos", "cam_quat",
                         "light_diffuse", "light_dir")
        }  # fmt: skip
        self.family = CartonFamily(model, self.field)
        self.body = {name: model.body(name).id for name in ("dispenser", "crate", "parcel", "feeder")}
        self.panels = np.array([model.joint(name).qposadr[0] for name in p.PANELS])
        self.creases = np.array([model.joint(name).id for name in p.PANELS])
        cardboard = ("base_panel", *p.PANELS)
        self.board_geoms = np.array([model.geom(name).id for name in cardboard])
        self.grip_geoms = np.array([model.geom(f"{side}_pad_{jaw}").id for side in ("left", "right") for jaw in "ab"])
        self.masses = simulation.body_ids(["carton", *p.PANELS, "second", "label"])
        self.cameras = np.array([model.camera(name).id for name in CAMERAS])

    def write(self, i: int, rng: np.random.Generator) -> dict[str, np.ndarray | float]:
        """Write one start state into simulation `i` and return the episode's own geometry."""
        spread = self.spread
        posture = self.home.copy()
        posture[np.r_[0:6, 7:13]] += rng.uniform(-1, 1, 12) * spread.arm_rad
        self.rig.place(np.array([i]), posture[None])
        half_length, half_width = np.array([p.HALF_LENGTH_M, p.HALF_WIDTH_M]) + rng.uniform(-1, 1, 2) * spread.size_m
        self.family.resize(i, half_length, half_width)
        cell = {**self._place_sheets(i, rng), **self._place_fixtures(i, rng)}
        self._vary_dynamics(i, rng)
        self._vary_cameras(i, rng)
        return {"half_length_m": half_length, "half_width_m": half_width, **cell}

    def _place_sheets(self, i: int, rng: np.random.Generator) -> dict[str, np.ndarray | float]:
        """Lay the pile, the sheet below and the carton's sheet; return the pile's place and whether sheets stick."""
        spread, feeder = self.spread, self.body["feeder"]
        pile = self.model.body_pos[feeder] + _horizontal(rng, spread.pile_m)
        pile[2] = rng.uniform(-1, 1) * spread.pile_height_m
        pile_yaw = _angle(rng, spread.pile_yaw_rad)
        more = rng.integers(-spread.pile_sheets, spread.pile_sheets, endpoint=True)
        self.family.stack(i, p.PILE_SHEETS + int(more))
        self.field["body_pos"][i, feeder] = pile
        self.field["body_quat"][i, feeder] = _turn(pile_yaw)
        second = pile + _horizontal(rng, 0.5 * spread.pile_m) + [0, 0, p.PILE_TOP_M + 0.5 * p.PANEL_M + 0.0002]
        self._put(i, "second", second, pile_yaw)
        offset, turn = _horizontal(rng, spread.sheet_m), _angle(rng, spread.sheet_yaw_rad)
        clings = float(rng.random() < spread.sticking)
        place = {"pile_x_m": second[0], "pile_y_m": second[1]}
        if self.start == "jig":
            height = p.GUIDE_TOP_M + 0.5 * p.PANEL_M + 0.0003
            self._put(i, "carton", p.JIG_M + offset + [0, 0, height], turn)
            return place
        if self.start == "built":
            height = p.JIG_FLOOR_M + 0.5 * p.PANEL_M + 0.0005
            self._put(i, "carton", p.JIG_M + np.array([0.0, 0.0, height]), 0.0)
            self._qpos[i, self.panels] = p.RIGHT_ANGLE
            return {**place, "latched": np.ones(len(p.CORNER_WALLS))}
        self._put(i, "carton", second + offset + [0, 0, p.PANEL_M + 0.0002], pile_yaw + 0.5 * turn)
        return {**place, "cling": clings, "cling_at": _relative_pose(offset, pile_yaw + 0.5 * turn, pile_yaw)}

    def _put(self, i: int, name: str, position: np.ndarray, turn: float) -> None:
        at = self.address[name]
        self._qpos[i, at : at + 7] = [*position, *_turn(turn)]

    def _place_fixtures(self, i: int, rng: np.random.Generator) -> dict[str, float]:
        """Move dispenser and crate, fill one slot, lay the label down; return what was drawn."""
        spread, field, body = self.spread, self.field, self.body
        dispenser = self.model.body_pos[body["dispenser"]] + _horizontal(rng, spread.place_m)
        crate = self.model.body_pos[body["crate"]] + _horizontal(rng, spread.place_m)
        crate_yaw = _angle(rng, spread.crate_yaw_rad)
        far = float(rng.random() < 0.5) if spread.place_m else 0.0
        free = (far - 0.5) * p.SLOT_PITCH_M
        field["body_pos"][i, body["dispenser"]] = dispenser
        field["body_pos"][i, body["crate"]] = crate
        field["body_quat"][i, body["crate"]] = _turn(crate_yaw)
        field["body_pos"][i, body["parcel"], 1] = -free
        label = dispenser + np.array([0.0, 0.0, 0.0313]) + _horizontal(rng, spread.label_m)
        self._put(i, "label", label, _angle(rng, spread.label_yaw_rad))
        return {
            "slot_x_m": crate[0] - np.sin(crate_yaw) * free,
            "slot_y_m": crate[1] + np.cos(crate_yaw) * free,
            "slot_yaw_rad": crate_yaw,
            "slot_side": 2 * far - 1,
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


def _angle(rng: np.random.Generator, half_width_rad: float) -> float:
    """Draw an angle; a width of 0 gives 0, never -0."""
    return rng.uniform(-1, 1) * half_width_rad + 0.0


def _turn(angle: float) -> np.ndarray:
    """Quaternion of a turn about the vertical."""
    return np.array([np.cos(0.5 * angle), 0.0, 0.0, np.sin(0.5 * angle)])


def _relative_pose(offset: np.ndarray, turn: float, second_turn: float) -> np.ndarray:
    """Pose (7,) of the sheet below in the frame of the sheet that lies `offset` from it, turned by `turn`."""
    c, s = np.cos(turn), np.sin(turn)
    back = -np.array([c * offset[0] + s * offset[1], -s * offset[0] + c * offset[1]])
    return np.array([*back, -p.PANEL_M, *_turn(second_turn - turn)])
