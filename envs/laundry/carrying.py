"""Bringing the folded garment to the stack: both hands take its sides and slide it over the table."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from recap_bench.envs.laundry.gripping import Gripping
from recap_bench.envs.laundry.hands import LEFT, RIGHT, UP, side_by_side, swing
from recap_bench.envs.scripting import Motion

if TYPE_CHECKING:
    from recap_bench.envs.laundry.oracle import Launderer

LIFT_M = 0.012
"""The sides slide this high: lifted higher, the ends of the package hang down and fold under."""
LIFT_SHARE = 0.1
"""Share of the way in which they are lifted, and again in which they are put down."""
SLIDE_SPEED_M_S = 0.12
"""At 0.15 m/s, with a peak of 0.5, shirts came apart; at 0.10 three of three stayed within 4 mm."""
SAME_PLACE_M, EDGE_M, HALF_WAY_M = 0.008, 0.030, 0.045
"""Layers at one place are held together; the edge is this wide, and its middle this long to either side."""
LAND_M = 0.003
"""The sides are let go this much above the height at which they were taken."""


class Carrying:
    """The phase between folding and home."""

    def __init__(self, script: "Launderer", gripping: Gripping) -> None:
        self.script, self.view, self.gripping = script, script.view, gripping

    def carry(self) -> Motion:
        """Slide the package to the stack's place, and in line with it."""
        self.script.phase = "carry"
        if not (yield from self.gripping.take(self.sides())):
            return
        measured = self.view.measure()
        x, y, yaw = measured.package[0]
        yaw = (yaw + np.pi / 2) % np.pi - np.pi / 2  # either way round is in line with the stack
        offset = measured.mat[0] - (x, y)
        seconds = float(np.linalg.norm(offset)) / SLIDE_SPEED_M_S + 0.4
        points = self.view.vertices()
        motions = []
        for side in (LEFT, RIGHT):
            grip = points[self.view.held(side)[0]]
            path = self.path(grip, np.array([x, y]), offset, yaw)
            motions.append(swing(self.script.hands[side], side, path, grip, seconds))
        yield from side_by_side(*motions)
        yield from self.gripping.let_go()

    def sides(self) -> dict[int, int]:
        """Return, for each hand, a vertex half-way along the package's edge on its side, where most layers lie."""
        garment, points = self.view.garment, self.view.vertices()
        ideal, turned = garment.folded(len(garment.folds))
        layers = (np.linalg.norm(ideal[:, None] - ideal, axis=2) < SAME_PLACE_M).sum(1)
        off = np.abs(ideal[:, 0] - (ideal[:, 0].min() + ideal[:, 0].max()) / 2)
        edges = []
        for sign in (1, -1):
            across = sign * ideal[:, 1]
            able = (across > across.max() - EDGE_M) & (off < HALF_WAY_M)
            edges.append(int(np.lexsort((turned, off, -layers * able, ~able))[0]))
        edges.sort(key=lambda vertex: points[vertex, 1])
        return {LEFT: edges[1], RIGHT: edges[0]}

    def path(self, grip: np.ndarray, centre: np.ndarray, offset: np.ndarray, yaw: float) -> Callable:
        """Return the path of a gripped point: up, across while the package turns straight, down."""
        arm = grip[:2] - centre

        def path(share: float) -> np.ndarray:
            across = float(np.clip((share - LIFT_SHARE) / (1 - 2 * LIFT_SHARE), 0, 1))
            angle = -yaw * across
            cosine, sine = np.cos(angle), np.sin(angle)
            turned = np.array([cosine * arm[0] - sine * arm[1], sine * arm[0] + cosine * arm[1]])
            up = LIFT_M * np.clip(share / LIFT_SHARE, 0, 1)
            down = (LIFT_M - LAND_M) * np.clip((share - 1 + LIFT_SHARE) / LIFT_SHARE, 0, 1)
            return np.append(centre + across * offset + turned, grip[2]) + (up - down) * UP

        return path
