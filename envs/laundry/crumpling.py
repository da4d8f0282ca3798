"""Crumpling: a garment is hung up by one of its vertices and let down, before its episode begins: on the table, or into
the basket.

Unlike the other start states this one needs physics: where the layers of a heap lie follows from how they came down.
"""

import numpy as np

from recap_bench.envs.laundry import parameters as p
from recap_bench.envs.laundry.world import vertex_name
from recap_bench.envs.simulation import CONTROL_HZ, Simulation

CLEAR_M = 0.05
"""What is farthest from the held vertex along the cloth hangs at least this high above the table."""
HELD_KG = 2.0
"""Mass of the held vertex: the rest of the garment, a tenth of this, does not pull it away."""
HANG_S, LOWER_M_S, SETTLE_S = 0.8, 0.6, 0.8
"""How long the garment swings, how fast it comes down, and how long it lies before its episode begins; dropped
garments strike their vertices into the table."""


class Crumpling:
    """Crumples the garments of one simulation."""

    def __init__(self, simulation: Simulation, flat: np.ndarray) -> None:
        """`flat` (V, 2) are the vertices of the flat garment [m]."""
        self.simulation, self.flat = simulation, flat
        names = [vertex_name(v) for v in range(len(flat))]
        self._bodies = simulation.body_ids(names)
        self._rest = simulation.model.body_pos[self._bodies]
        first, each = simulation.model.joint(f"{names[0]}_x"), np.arange(3 * len(flat)).reshape(-1, 3)
        self._places, self._speeds = int(first.qposadr[0]) + each, int(first.dofadr[0]) + each
        self._qpos, self._qvel = simulation.batch.qpos, simulation.batch.qvel
        self._mass = simulation.batch.expand("body_mass")

    def crumple(self, i: int, rng: np.random.Generator, basket: bool = False) -> None:
        """Hang the garment in slot `i` up by a random vertex, and let it down: where it lay, or into the `basket`."""
        middle, vertex = self._middle(i), int(rng.integers(len(self.flat)))
        raised = CLEAR_M + float(np.linalg.norm(self.flat - self.flat[vertex], axis=1).max())
        self._qpos[i, self._places[:, 2]] += raised
        mass = self._mass[i, self._bodies[vertex]]
        self._mass[i, self._bodies[vertex]] = HELD_KG
        self._carry(i, vertex, 0.0, HANG_S)
        if basket:
            self._shift(i, p.BASKET_CENTRE_M[:2] - self._vertices(i)[vertex])
        self._carry(i, vertex, -LOWER_M_S, (raised - CLEAR_M) / LOWER_M_S)
        self._mass[i, self._bodies[vertex]] = mass
        for _ in range(round(SETTLE_S * CONTROL_HZ)):
            self.simulation.step(np.array([i]))
        if not basket:
            self._shift(i, middle - self._middle(i))

    def _carry(self, i: int, vertex: int, speed_m_s: float, seconds: float) -> None:
        """Move one vertex upwards at `speed_m_s`, while the rest of the garment in slot `i` hangs from it."""
        place, velocity = self._qpos[i, self._places[vertex]], np.array([0.0, 0.0, speed_m_s])
        for _ in range(round(seconds * CONTROL_HZ)):
            self._qpos[i, self._places[vertex]], self._qvel[i, self._speeds[vertex]] = place, velocity
            self.simulation.step(np.array([i]))
            place = place + velocity / CONTROL_HZ

    def _shift(self, i: int, offset_m: np.ndarray) -> None:
        self._qpos[i, self._places[:, :2]] += offset_m

    def _middle(self, i: int) -> np.ndarray:
        """Return the mean of the vertices in slot `i`, (2,) [m]."""
        return self._vertices(i).mean(0)

    def _vertices(self, i: int) -> np.ndarray:
        """Return where the vertices in slot `i` are seen from above, (V, 2) [m]."""
        return (self._rest + self._qpos[i, self._places])[:, :2]
