"""The pinch: how the jaws hold cloth. A modelling choice, because friction alone holds cloth only at 22 mm spacing.

Closing jaws gather the cloth that lies between their pads, from an opening of 32 mm on or from where they last
paused: cloth cannot pass through a pad. Cloth is a sheet, so what counts is not only its vertices but also the points
along its edges: each stands for the nearer vertex. When the jaws have closed, the vertices of what was gathered (within
the length and width of the pads) are tied to the hand, in whatever layer they lie, up to four; a hand that has gathered
none holds nothing. The tie is a soft ball joint: it stretches with the force on it, and gives way when it is stretched
too far, so that the cloth slips out of the hand: at 5.2 to 6.0 N on one vertex (measured eight times, pulled sideways
by 2.5 N more each second), 4 times a shirt's weight. At 12 mm (3 N) a heap that was lifted by one vertex was lost
half-way up. Opening the jaws lets go of everything.

Limits: the pads themselves do not collide with cloth, since their contact is what the tie stands for; the vertex that
is tied may lie up to half a cell (16 mm) beside the pads, and the cloth up to it is stiff; a vertex cannot slide within
the grip; it is held or lost as a whole.
"""

from itertools import islice

import numpy as np

from recap_bench.envs.laundry import parameters as p
from recap_bench.envs.laundry.patterns import Garment
from recap_bench.envs.laundry.world import World, grip_name, vertex_name
from recap_bench.envs.rig import SIDES
from recap_bench.envs.simulation import Simulation

ALONG = (0.15, 0.3, 0.45)
"""Shares of an edge, from either end, at which cloth is looked for between the pads: every 5 mm."""


class Pinch:
    """Ties vertices to hands and cuts the ties again, in the simulations of one garment type."""

    def __init__(self, simulation: Simulation, garment: Garment) -> None:
        model, batch = simulation.model, simulation.batch
        names = [[grip_name(side, slot) for slot in range(p.SLOTS)] for side in SIDES]
        self._grips = np.array([[model.equality(name).id for name in row] for row in names])
        self._first = model.body(vertex_name(0)).id
        self._cloth = Cloth(garment)
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
        """Tie what the pads of one hand have gathered from `opening` on, the most central vertices first."""
        local = (world.vertices[row] - world.hands[row, side]) @ world.hand_rotations[row, side]
        gap = world.gaps[row, side]
        gathered = zip(*self._cloth.gathered(local, gap, opening), strict=True)
        for slot, (vertex, drawn) in enumerate(islice(gathered, p.SLOTS)):
            grip = self._grips[side, slot]
            self._target[i, grip] = self._first + vertex
            self._data[i, grip, :6] = [*(local[vertex] + [0.0, drawn, 0.0] + self._site), 0.0, 0.0, 0.0]
            self._active[i, grip] = 1


class Cloth:
    """The points of a garment that pads can find: its vertices, and places along its edges."""

    def __init__(self, garment: Garment) -> None:
        ends = np.concatenate([garment.edges, garment.edges[:, ::-1]])
        every = np.arange(len(garment.flat))
        self._near = np.concatenate([every, np.tile(ends[:, 0], len(ALONG))])
        self._far = np.concatenate([every, np.tile(ends[:, 1], len(ALONG))])
        self._share = np.concatenate([np.zeros(len(every)), np.repeat(ALONG, len(ends))])

    def gathered(self, local: np.ndarray, gap: float, opening: float) -> tuple[np.ndarray, np.ndarray]:
        """Return the vertices of what lies between the pads, the nearest ones first, and how far each is drawn in.

        `local` (V, 3) are the vertices in the hand's frame around its grasp point, `gap` is that of the closed pads
        and `opening` the one from which they have closed, all in m. Indices (G,), and ways along the jaw axis (G,) [m].
        """
        points = local[self._near] + self._share[:, None] * (local[self._far] - local[self._near])
        along, across, beside = points.T
        inside = (along >= -p.PAD_BACK_M) & (along <= p.PAD_FORWARD_M + p.PINCH_SLACK_M)
        inside &= np.abs(across) <= max(gap / 2 + p.PINCH_SLACK_M, opening / 2)
        inside &= np.abs(beside) <= p.PAD_HALF_WIDTH_M
        found = np.flatnonzero(inside)
        vertices = self._near[found]
        order = np.lexsort((self._share[found], np.abs(local[vertices]).max(1)))
        _, first = np.unique(vertices[order], return_index=True)
        chosen = order[np.sort(first)]
        drawn = np.clip(across[found], -gap / 2, gap / 2) - across[found]
        return vertices[chosen], drawn[chosen]
