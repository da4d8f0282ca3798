"""Mending a folded package instead of undoing it: what lies short is drawn on, a crease that stands up is laid down.

A hem that comes down pushes the part below along, and cloth of several layers may bulge at the crease rather than
lie: undone, such a package seldom comes out better.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from recap_bench.envs.laundry.gripping import Attempt, Gripping
from recap_bench.envs.laundry.hands import LEFT, RIGHT, along, by_strain, own_side, reachable, side_by_side, swing
from recap_bench.envs.laundry.patterns import GridPoint
from recap_bench.envs.laundry.placing import carries
from recap_bench.envs.scripting import Motion

if TYPE_CHECKING:
    from recap_bench.envs.laundry.oracle import Launderer

SHORT_M = 0.012
"""An edge this much nearer to the crease than it should be is drawn on."""
LATE_M = 0.019
"""The same of an edge that is still held; less is common, and rights itself when the edge is let go."""
EDGE_M, CREASE_M = 0.016, 0.008
"""Heights at which an edge and a crease are laid down."""
BEYOND_M = 0.015
"""A crease is laid this far outside its line, for it springs back."""
TAUT_M = 0.020
"""An edge is drawn this far over its place to make the cloth before it taut."""
STANDING_M = 0.045
"""Cloth this high stands up: the double edge of a side that was folded before, turned over, may rest on its crease."""
OUTWARDS_M = 0.015
"""What stands up is laid down this far beyond its place, for it springs back, too."""
SPEED_M_S, SETTLE_S = 0.15, 0.2


class Mending:
    """The phase in which the last fold of a package is put right."""

    def __init__(self, script: "Launderer", gripping: Gripping) -> None:
        self.script, self.view, self.gripping = script, script.view, gripping

    def mend(self, index: int, crease: bool) -> Attempt:
        """Draw the edge that fold `index` turned over on, or lay its `crease` down; return whether it could be taken.

        An edge that lies where it should is drawn taut: cloth that bulges before it comes down.
        """
        self.script.phase = f"mend_{index}"
        garment, fold = self.view.garment, self.view.garment.folds[index]
        if crease:
            ends = self.hands_for(garment.on_line(fold, fold.far), garment.on_line(fold, fold.near))
            return (yield from self.lay(index, ends, CREASE_M, beyond_m=BEYOND_M, skim=False))
        edge = self.hands_for(fold.far, fold.near)
        short = any(self.lack(index, vertex) > SHORT_M for vertex in edge.values())
        return (yield from self.lay(index, edge, EDGE_M, beyond_m=0.0 if short else -TAUT_M, skim=True))

    def lay_down(self, index: int) -> Attempt:
        """Take what stands up highest after fold `index` and lay it where it belongs; return whether it was taken."""
        points, (ideal, _) = self.view.vertices(), self.view.garment.folded(index + 1)
        vertex = int(points[:, 2].argmax())
        place = self.view.frame_for(index).point(ideal[vertex], EDGE_M)
        out = (place - points[vertex]) * [1.0, 1.0, 0.0]
        place = place + OUTWARDS_M * out / max(float(np.linalg.norm(out)), 1e-9)
        sides = [side for side in (LEFT, RIGHT) if carries(side, points[vertex], place)]
        if points[vertex, 2] < STANDING_M or not sides:
            return False
        self.script.phase = f"lay_down_{index}"
        side = min(sides, key=lambda s: s != own_side(points[vertex]))
        taken = yield from self.gripping.close_on({side: vertex}, skim=True)
        yield from self.bring(taken, {vertex: place})
        yield from self.gripping.let_go(taken)
        return bool(taken)

    def catch_up(self, index: int, vertices: Mapping[int, int]) -> Motion:
        """Draw a turned edge on that is still held, if the part below has moved on with it."""
        if max(self.lack(index, vertex) for vertex in vertices.values()) > LATE_M:
            yield from self.draw(index, vertices, EDGE_M, beyond_m=0.0)

    def hands_for(self, far: GridPoint, near: GridPoint) -> dict[int, int]:
        """Return side -> vertex, each for the hand that it strains less, without what a hand does not reach."""
        points, garment = self.view.vertices(), self.view.garment
        best, _ = by_strain(garment.vertex(far), garment.vertex(near), points)
        return {side: vertex for side, vertex in best.items() if reachable(side, points[vertex])}

    def lack(self, index: int, vertex: int) -> float:
        """Return how much nearer to the crease than it should be a vertex lies that fold `index` turned over [m]."""
        fold, frame = self.view.garment.folds[index], self.view.frame_for(index)
        wanted = self.view.garment.folded(index + 1)[0][vertex]
        lack = frame.local(self.view.vertices()[vertex]) - wanted
        return float(fold.side * lack[fold.across])

    def lay(self, index: int, vertices: Mapping[int, int], height_m: float, beyond_m: float, skim: bool) -> Attempt:
        """Take hold of vertices, side -> vertex, draw what is held straight to where fold `index` puts it, and let go.

        It is laid at `height_m`, `beyond_m` farther out than the crease; returns whether anything was taken.
        """
        if not vertices:
            return False
        taken = yield from self.gripping.close_on(vertices, skim)
        yield from self.draw(index, taken, height_m, beyond_m)
        yield from self.gripping.let_go(taken)
        return bool(taken)

    def draw(self, index: int, vertices: Mapping[int, int], height_m: float, beyond_m: float) -> Motion:
        """Draw held vertices, side -> vertex, straight to where fold `index` puts them, as `lay` does."""
        fold, frame = self.view.garment.folds[index], self.view.frame_for(index)
        ideal, _ = self.view.garment.folded(index + 1)
        beyond = beyond_m * fold.side * frame.direction(fold.axis)
        yield from self.bring(vertices, {v: frame.point(ideal[v], height_m) + beyond for v in vertices.values()})

    def bring(self, vertices: Mapping[int, int], places: Mapping[int, np.ndarray]) -> Motion:
        """Bring held vertices, side -> vertex, straight to their places, vertex -> (3,), at the mending's pace."""
        points, motions = self.view.vertices(), []
        for side, vertex in vertices.items():
            grip, place = points[vertex], places[vertex]
            seconds = float(np.linalg.norm(place - grip)) / SPEED_M_S + SETTLE_S
            motions.append(swing(self.script.hands[side], side, along(np.array([grip, place])), grip, seconds))
        yield from side_by_side(*motions)
