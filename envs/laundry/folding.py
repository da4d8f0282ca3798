"""Folding a flat garment by its plan: both hands carry an edge on half circles about the fold line."""

from typing import TYPE_CHECKING

import numpy as np

from recap_bench.envs.laundry.hands import ABOVE_M, LEFT, NARROW, RIGHT, UP, grip_at, side_by_side, swing, travel
from recap_bench.envs.laundry.launderer_view import Frame
from recap_bench.envs.laundry.patterns import Fold
from recap_bench.envs.scripting import Hand, Motion, nearer_half_turn, wait

if TYPE_CHECKING:
    from recap_bench.envs.laundry.oracle import Launderer

ARC_HEIGHT = 0.9
"""Height of the arc over its radius: a full circle would pull at the crease."""
LAND_M = 0.020
"""The edge is let go at this height; pressed down, it drags what lies below."""
FOLD_S = 1.6
ATTEMPTS = 3
FUMBLE_M = 0.018
MISTAKE_M = 0.055
"""How far off a fumbled grip and a mistaken fold are."""


class Folding:
    """The phase in which one fold of the plan is made."""

    def __init__(self, script: "Launderer") -> None:
        self.script, self.view, self.operator = script, script.view, script.operator

    def fold(self, index: int) -> Motion:
        """Make fold number `index` of the plan."""
        self.script.phase = f"fold_{index}"
        view, garment = self.view, self.view.garment
        fold = garment.folds[index]
        vertices = self.vertices_of(fold)
        if not (yield from self.take(vertices)):
            return
        frame, line = view.frame_for(index), garment.line_of(fold)
        shift = self.mistake()
        seconds = FOLD_S * self.operator.rng.uniform(0.95, 1.1)
        points = view.vertices()
        swings = [
            swing(
                self.hand(side),
                side,
                self.arc(points[vertices[side]], frame, fold, line, shift),
                points[vertices[side]],
                seconds,
            )
            for side in (LEFT, RIGHT)
        ]
        yield from side_by_side(*swings)
        yield from self.let_go()

    def vertices_of(self, fold: Fold) -> list[int]:
        """Return the vertex for the left and for the right hand: each hand works on its own side or nearer to it."""
        garment, points = self.view.garment, self.view.vertices()
        far, near = garment.vertex(fold.far), garment.vertex(fold.near)
        if fold.axis == "v":
            return [far, near] if points[far, 1] > points[near, 1] else [near, far]
        return [far, near] if points[[far, near], 1].mean() > points[:, 1].mean() else [near, far]

    def arc(self, point: np.ndarray, frame: Frame, fold: Fold, line: float, shift: float):
        """Return the path of a gripped point over the fold line, to its mirror image."""
        across = frame.direction(fold.axis)
        reach = frame.local(point)[0 if fold.axis == "v" else 1] - line + shift
        ideal = abs(reach)

        def path(share: float) -> np.ndarray:
            angle = np.pi * share
            rise = ARC_HEIGHT * ideal * np.sin(angle) + (LAND_M - point[2]) * share
            return point - (1 - np.cos(angle)) * reach * across + rise * UP

        return path

    def take(self, vertices: list[int]) -> Motion:
        """Grip one vertex with each hand; return whether both hold theirs."""
        for _ in range(ATTEMPTS):
            yield from side_by_side(*(self.reach(side, vertices[side]) for side in (LEFT, RIGHT)))
            yield from side_by_side(*(self.hand(side).set_jaw(0.0, settle_s=0.06) for side in (LEFT, RIGHT)))
            if all(len(self.view.held(side)) for side in (LEFT, RIGHT)):
                return True
            yield from self.let_go()
        return False

    def reach(self, side: int, vertex: int) -> Motion:
        """Go above a vertex, then straight down to it, aiming at where it is seen then."""
        hand = self.hand(side)
        yield from travel(hand, side, self.view.vertices()[vertex])
        yield from hand.set_jaw(NARROW)
        point = self.view.vertices()[vertex] + self.operator.aim()
        if self.operator.fumbles():
            point = point + FUMBLE_M * _sideways(self.operator.rng)
        goal, rotation = grip_at(side, point)
        yield from hand.move_now(goal, _near(rotation, hand), speed=0.7, wander=0.2)
        yield from wait(0.06)

    def let_go(self) -> Motion:
        """Open both hands and lift them off."""
        yield from side_by_side(*(self.hand(side).set_jaw(NARROW, settle_s=0.04) for side in (LEFT, RIGHT)))
        yield from side_by_side(
            *(self.hand(side).move_now(self.hand(side).position + ABOVE_M * UP, wander=0.2) for side in (LEFT, RIGHT))
        )

    def mistake(self) -> float:
        """Draw whether this fold is laid beside its place, and by how much [m]."""
        return MISTAKE_M * float(self.operator.rng.uniform(0.6, 1.0)) if self.operator.errs() else 0.0

    def hand(self, side: int) -> Hand:
        """The command of one hand."""
        return self.script.hands[side]


def _sideways(rng: np.random.Generator) -> np.ndarray:
    angle = rng.uniform(0, 2 * np.pi)
    return np.array([np.cos(angle), np.sin(angle), 0.0])


def _near(rotation: np.ndarray, hand: Hand) -> np.ndarray:
    return nearer_half_turn(rotation, hand.rotation)
