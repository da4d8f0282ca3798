"""Start states of a garment, drawn from one generator per episode, without simulating anything.

'flat' lies on the table with a random pose and small wrinkles. 'light' is laid over itself along one or two random
lines: the part beyond the line is mirrored onto what lies there. In 'begun' all folds of the plan but the last are
made, for shorter experiments. The cloth settles in the first tenths of a second of the episode. 'crumpled' and
'basket' lie flat here, and are hung up and let down, the latter into the basket, before the episode begins
(crumpling.py). 'turned' is 'flat' in any of many poses, for demonstrations of a task whose own start is fixed.
"""

from dataclasses import dataclass

import numpy as np

from recap_bench.envs.laundry import parameters as p
from recap_bench.envs.laundry.patterns import Garment
from recap_bench.envs.laundry.world import body_index, vertex_name
from recap_bench.envs.rig import CAMERAS, Rig
from recap_bench.envs.simulation import Simulation

STARTS = ("light", "flat", "crumpled", "begun")
"""The default first."""
BASKET, TURNED = "basket", "turned"
"""Starts that only some tasks have."""
TURNED_M, TURNED_RAD = 0.02, 0.5
"""How far a 'turned' garment is shifted and turned from the layout's pose at most."""
LAID_OVER = (1, 3)
"""How often a 'light' garment is laid over itself: at least, and less than."""
STIFFNESSES = ("flex_stiffness", "flex_bending")
"""Of stretch and of bending."""


@dataclass(frozen=True)
class Spread:
    """Half-widths of the uniform distributions around the nominal scene."""

    position_m: float
    yaw_rad: float
    wrinkle_m: float
    """Height of the waves in the cloth."""
    scale: float
    """Relative spread of mass and friction."""
    size: float
    """Relative spread of a garment's lengths: 42 cm and 5 % more is as far as both arms reach."""
    stiffness: float
    """Relative spread of the stiffness of stretch and of bending."""
    colour: float
    """Spread of each colour channel."""
    mat_m: float
    arm_rad: float
    camera_m: float
    light: float


SPREADS = {
    "none": Spread(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
    "standard": Spread(0.02, 0.12, 0.004, 0.15, 0.05, 0.20, 0.10, 0.01, 0.03, 0.01, 0.15),
    "wide": Spread(0.03, 0.25, 0.006, 0.30, 0.08, 0.40, 0.20, 0.02, 0.06, 0.02, 0.30),
}
"""The values of `randomization`."""


@dataclass(frozen=True)
class Layout:
    """Where a task lets its garments start."""

    middle: tuple[float, float]
    """Of the outline, x and y [m]."""
    yaw_rad: float = 0.0
    turns: bool = True
    """Whether pose and colour vary; without it, only wrinkles, dynamics and the resting arms do."""
    cuts: bool = False
    """Whether size and stiffness vary within a type."""


class StartStates:
    """Writes start states into the simulations of one garment type."""

    def __init__(self, simulation: Simulation, rig: Rig, garment: Garment, randomization: str, layout: Layout) -> None:
        self.garment, self.rig, self.spread, self.layout = garment, rig, SPREADS[randomization], layout
        model, batch = simulation.model, simulation.batch
        self.model, self.home, self._qpos = model, rig.home(), batch.qpos
        names = [vertex_name(i) for i in range(len(garment.flat))]
        self._bodies = simulation.body_ids(names)
        first = int(model.joint(f"{names[0]}_x").qposadr[0])
        self._cloth = slice(first, first + 3 * len(names))
        self._rest = model.body_pos[self._bodies]
        fields = ("body_mass", "body_inertia", "flex_friction", "geom_friction", "flex_rgba", "cam_pos", "body_pos")
        self.field = {name: batch.expand(name) for name in (*fields, "light_diffuse")}
        if layout.cuts:
            self.field.update({name: batch.expand(name) for name in ("flexedge_length0", *STIFFNESSES)})
        self._spheres = np.array([model.geom(name).id for name in names])
        self._cameras = np.array([model.camera(name).id for name in CAMERAS])
        self._mat, self._basket = (body_index(model, name) for name in ("mat", "basket"))

    def write(self, i: int, rng: np.random.Generator, start: str) -> float:
        """Write one start state of the kind `start` into simulation `i`; return the garment's size."""
        spread = self.spread
        size = self._cut(i, rng) if self.layout.cuts else 1.0
        vertices = self._lay(rng, start, size)
        self._qpos[i, self._cloth] = (vertices - self._rest).ravel()
        posture = self.home.copy()
        posture[np.r_[0:6, 7:13]] += rng.uniform(-1, 1, 12) * spread.arm_rad
        self.rig.place(np.array([i]), posture[None])
        if self._mat is not None:
            shift = np.append(rng.uniform(-1, 1, 2) * spread.mat_m, 0.0)
            self.field["body_pos"][i, self._mat] = p.MAT_CENTRE_M + shift
        if self._basket is not None:
            self.field["body_pos"][i, self._basket] = p.BASKET_CENTRE_M if start == BASKET else p.NO_BASKET_M
        self._vary(i, rng)
        return size

    def _cut(self, i: int, rng: np.random.Generator) -> float:
        """Draw the size, and write the stiffness as the compiler would: it goes with the inverse area."""
        size = 1 + rng.uniform(-1, 1) * self.spread.size
        stiffness = 1 + rng.uniform(-1, 1, len(STIFFNESSES)) * self.spread.stiffness
        for name, factor in zip(STIFFNESSES, stiffness, strict=True):
            self.field[name][i] = getattr(self.model, name) * factor / size**2
        return size

    def size_edges(self, i: int, size: float) -> None:
        """Give the edges of the cloth their lengths at rest: `set_const` puts them back to those of the model."""
        if self.layout.cuts:
            self.field["flexedge_length0"][i] = self.model.flexedge_length0 * size

    def _lay(self, rng: np.random.Generator, start: str, size: float) -> np.ndarray:
        """Return the vertices of a garment lying on the table, (V, 3) [m]."""
        spread = self.spread
        folds = len(self.garment.folds) - 1 if start == "begun" else 0
        position, below = self.garment.folded(folds)
        vertices = np.column_stack([size * position, p.CLOTH_RADIUS_M * (1 + 2 * below)])
        vertices[:, 2] += spread.wrinkle_m * _waves(rng, size * position)
        if start == "light":
            for _ in range(rng.integers(*LAID_OVER)):
                vertices = _lay_over(rng, vertices)
        yaw, middle = self._pose(rng, start)
        cosine, sine = np.cos(yaw), np.sin(yaw)
        turn = np.array([[cosine, -sine], [sine, cosine]])
        vertices[:, :2] = vertices[:, :2] @ turn.T + middle
        return vertices

    def _pose(self, rng: np.random.Generator, start: str) -> tuple[float, np.ndarray]:
        """Return by how much the garment is turned [rad], and where its middle lies, (2,) [m]."""
        spread, layout = self.spread, self.layout
        share, most_m, most_rad = (1.0 if layout.turns else 0.15), spread.position_m, spread.yaw_rad
        if start == TURNED and most_rad > 0:
            share, most_m, most_rad = 1.0, TURNED_M, TURNED_RAD
        yaw = layout.yaw_rad + share * rng.uniform(-1, 1) * most_rad
        return yaw, np.array(layout.middle) + share * rng.uniform(-1, 1, 2) * most_m

    def _vary(self, i: int, rng: np.random.Generator) -> None:
        """Vary what the cloth is made of, its colour, and what the cameras see it by."""
        spread, model, field = self.spread, self.model, self.field
        mass, friction = 1 + rng.uniform(-1, 1, 2) * spread.scale
        field["body_mass"][i, self._bodies] = model.body_mass[self._bodies] * mass
        field["body_inertia"][i, self._bodies] = model.body_inertia[self._bodies] * mass
        field["flex_friction"][i, :, 0] = model.flex_friction[:, 0] * friction
        field["geom_friction"][i, self._spheres, 0] = model.geom_friction[self._spheres, 0] * friction
        colour = model.flex_rgba[:, :3] + rng.uniform(-1, 1, 3) * spread.colour * self.layout.turns
        field["flex_rgba"][i, :, :3] = np.clip(colour, 0, 1)
        shift = rng.uniform(-1, 1, (len(self._cameras), 3)) * spread.camera_m
        field["cam_pos"][i, self._cameras] = model.cam_pos[self._cameras] + shift
        field["light_diffuse"][i] = model.light_diffuse * (1 + rng.uniform(-1, 1) * spread.light)


def _waves(rng: np.random.Generator, flat: np.ndarray) -> np.ndarray:
    """Return a smooth height in [0, 1] over the garment: three plane waves 0.15 to 0.3 m long."""
    height = np.zeros(len(flat))
    for _ in range(3):
        angle, phase = rng.uniform(0, 2 * np.pi, 2)
        height += np.sin(2 * np.pi / rng.uniform(0.15, 0.3) * (flat @ [np.cos(angle), np.sin(angle)]) + phase)
    return (height + 3) / 6


def _lay_over(rng: np.random.Generator, vertices: np.ndarray) -> np.ndarray:
    """Mirror the part of the cloth beyond a random line onto the rest, on top of it."""
    angle = rng.uniform(0, 2 * np.pi)
    normal = np.array([np.cos(angle), np.sin(angle)])
    along = vertices[:, :2] @ normal
    line = along.min() + rng.uniform(0.65, 0.85) * np.ptp(along)
    over = along > line
    laid = vertices.copy()
    laid[over, :2] -= 2 * (along[over] - line)[:, None] * normal
    top = vertices[:, 2].max() + 2 * p.CLOTH_RADIUS_M
    laid[over, 2] = top + (vertices[over, 2].max() - vertices[over, 2])
    return laid
