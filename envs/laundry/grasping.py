"""The pinch: how the jaws hold cloth. A modelling choice, because friction alone holds cloth only at 22 mm spacing.

Closing jaws gather what lies between their pads, from an opening of 32 mm on or from where they last paused: cloth
cannot pass through a pad. When they have closed, every vertex gathered so (within the length and width of the pads) is
tied to the hand between them, in whatever layer it lies, up to four; a hand that has gathered none holds nothing. The
tie is a soft ball joint: it stretches with the force on it, and gives way when it is stretched too far, so that the
cloth slips out of the hand: at 5.2 to 6.0 N on one vertex (measured eight times, pulled sideways by 2.5 N more each
second), 4 times a shirt's weight. At 12 mm (3 N) a heap that was lifted by one vertex was lost half-way up. Opening the
jaws lets go of everything.

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

    def update(self, ids: np.ndarray, world: World, opening: np.ndarray, gap: np.ndarray) -> np.ndarray:
        """Release, slip and grip.

        `opening` (k, 2) is the gap from which open jaws close, 0 for closed ones, and `gap` (k, 2) that of the step
        before, all in m. Return the opening anew.
        """
        self._let_go(ids, world, world.gaps > p.RELEASE_GAP_M)
        armed = (opening > 0) | (world.gaps > p.RELEASE_GAP_M)
        closing = (opening > 0) & (world.gaps < gap - p.CLOSING_M)
        opening = np.where(closing, opening, np.where(armed, world.gaps, 0.0))
        closed = world.gaps < p.PINCH_GAP_M
        for row, side in np.argwhere(closed & armed):
            self._grip(int(ids[row]), int(side), world, int(row), min(opening[row, side], p.GATHER_GAP_M))
        return np.where(closed, 0.0, opening)

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

    def _grip(self, i: int, side: int, world: World, row: int, opening: float) -> None:
        """Tie the vertices that the pads of one hand have gathered from `opening` on, the most central first."""
        local, gap = between_pads(world, row, side), world.gaps[row, side]
        order = [int(k) for k in np.argsort(np.abs(local).max(1)) if _gathered(local[k], gap, opening)]
        for slot, vertex in enumerate(order[: p.SLOTS]):
            grip = self._grips[side, slot]
            tie = np.clip(local[vertex], [-np.inf, -gap / 2, -np.inf], [np.inf, gap / 2, np.inf])
            self._target[i, grip] = self._first + vertex
            self._data[i, grip, :6] = [*(tie + self._site), 0.0, 0.0, 0.0]
            self._active[i, grip] = 1


def between_pads(world: World, row: int, side: int) -> np.ndarray:
    """Return the vertices in the frame of one hand, around its grasp point, (V, 3) [m]."""
    return (world.vertices[row] - world.hands[row, side]) @ world.hand_rotations[row, side]


def _gathered(local: np.ndarray, gap: float, opening: float) -> bool:
    along = -p.PAD_BACK_M <= local[0] <= p.PAD_FORWARD_M + p.PINCH_SLACK_M
    across = max(gap / 2 + p.PINCH_SLACK_M, opening / 2)
    return bool(along and abs(local[1]) <= across and abs(local[2]) <= p.PAD_HALF_WIDTH_M)
