"""The pinch: how the jaws hold cloth. A modelling choice, because friction alone holds cloth only at 22 mm spacing.

When the jaws close, every vertex that lies between the closed pads (inside the volume of the pads and within the
gap, plus one layer's thickness) is tied to the hand where it is, in whatever layer it lies, up to four of them; a
closing hand that has no vertex between its pads holds nothing. The tie is a soft ball joint: it stretches with the
force on it, and gives way when it is stretched too far, so that the cloth slips out of the hand: at 5.2 to 6.0 N on one
vertex (measured eight times, pulled sideways by 2.5 N more each second), 4 times a shirt's weight. At 12 mm (3 N) a
heap that was lifted by one vertex was lost half-way up. Opening the jaws lets go of everything.

Limits: the pads themselves do not collide with cloth, since their contact is what the tie stands for; cloth is held at
its vertices only, so a pinch in the middle of a 35 mm cell misses; a vertex cannot slide within the grip; it is held or
lost as a whole.
"""

import numpy as np

from recap_bench.envs.laundry import parameters as p
from recap_bench.envs.laundry.world import World, grip_name, vertex_name
from recap_bench.envs.rig import SIDES
from recap_bench.envs.simulation import Simulation


class Pinch:
    """Ties vertices to hands and cuts the ties again, in the simulations of one garment type."""

    def __init__(self, simulation: Simulation, vertices: int) -> None:
        model, batch = simulation.model, simulation.batch
        names = [[grip_name(side, slot) for slot in range(p.SLOTS)] for side in SIDES]
        self._grips = np.array([[model.equality(name).id for name in row] for row in names])
        self._first = model.body(vertex_name(0)).id
        self._vertices = vertices
        self._active = batch.eq_active
        self._target, self._data = batch.expand("eq_obj2id"), batch.expand("eq_data")
        hand = model.body(f"{SIDES[0]}_hand")
        self._site = model.site(f"{SIDES[0]}_grasp").pos.copy()
        assert hand.id == model.site(f"{SIDES[0]}_grasp").bodyid[0], "anchors are written in the frame of the hand"

    def held(self, ids: np.ndarray) -> np.ndarray:
        """Return the vertex held in each slot of each hand, (k, 2, SLOTS), -1 for none."""
        index = ids[:, None, None], self._grips
        return np.where(self._active[index] > 0, self._target[index] - self._first, -1)

    def update(self, ids: np.ndarray, world: World, ready: np.ndarray) -> np.ndarray:
        """Release, slip and grip; `ready` (k, 2) says which hands were open before. Return it anew."""
        open_now, closed = world.gaps > p.RELEASE_GAP_M, world.gaps < p.PINCH_GAP_M
        self._let_go(ids, world, open_now)
        for row, side in np.argwhere(closed & (ready > 0)):
            self._grip(int(ids[row]), int(side), world, int(row))
        return np.where(open_now, 1.0, np.where(closed, 0.0, ready))

    def _let_go(self, ids: np.ndarray, world: World, open_now: np.ndarray) -> None:
        index = ids[:, None, None], self._grips
        active = self._active[index] > 0
        if not active.any():
            return
        rows = np.arange(len(ids))[:, None, None]
        at = world.vertices[rows, self._target[index] - self._first]
        anchor = self._data[index][..., :3] - self._site
        tied = world.hands[:, :, None] + np.einsum("ksij,ksmj->ksmi", world.hand_rotations, anchor)
        stretched = np.linalg.norm(at - tied, axis=-1) > p.PULL_OFF_M
        self._active[index] = active & ~stretched & ~open_now[..., None]

    def _grip(self, i: int, side: int, world: World, row: int) -> None:
        """Tie the vertices between the pads of one hand, the most central first."""
        local = between_pads(world, row, side)
        order = [int(k) for k in np.argsort(np.abs(local).max(1)) if _inside(local[k], world.gaps[row, side])]
        for slot, vertex in enumerate(order[: p.SLOTS]):
            grip = self._grips[side, slot]
            self._target[i, grip] = self._first + vertex
            self._data[i, grip, :6] = [*(local[vertex] + self._site), 0.0, 0.0, 0.0]
            self._active[i, grip] = 1


def between_pads(world: World, row: int, side: int) -> np.ndarray:
    """Return the vertices in the frame of one hand, around its grasp point, (V, 3) [m]."""
    return (world.vertices[row] - world.hands[row, side]) @ world.hand_rotations[row, side]


def _inside(local: np.ndarray, gap: float) -> bool:
    along = -p.PAD_BACK_M <= local[0] <= p.PAD_FORWARD_M + p.PINCH_SLACK_M
    return bool(along and abs(local[1]) <= gap / 2 + p.PINCH_SLACK_M and abs(local[2]) <= p.PAD_HALF_WIDTH_M)
