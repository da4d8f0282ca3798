"""Spreading a garment that is laid over itself: what lies wrong is carried, edge by edge, to where it belongs.

The largest part that lies as the flat garment would gives the frame. Of the outline's vertices that can be reached
from above, the one farthest from its place is taken, and perhaps a second one with the other hand, and both are
laid on half circles to their places.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from recap_bench.envs.laundry import parameters as p
from recap_bench.envs.laundry.gripping import Attempt, Gripping
from recap_bench.envs.laundry.hands import LEFT, RIGHT, UP, reachable, side_by_side, swing
from recap_bench.envs.laundry.launderer_view import Frame
from recap_bench.envs.laundry.measuring import fit
from recap_bench.envs.scripting import Motion, wait

if TYPE_CHECKING:
    from recap_bench.envs.laundry.oracle import Launderer

HYPOTHESES = 150
"""Pairs of vertices tried as the frame."""
INLIER_M = 0.015
"""A vertex this near to its place lies right."""
MISPLACED_M = 0.030
"""A vertex this far from its place is worth moving."""
APART_M = 0.14
"""Two hands work at least this far from each other."""
OVERSHOOT = 1.0
LAND_M = 0.016
ARC_HEIGHT = 0.8
LOW_ARC_HEIGHT, SMALL_RADIUS_M = 0.15, 0.05
"""Small corners are pulled out along the table: they may lie under the rest."""
SPEED_M_S = 0.30
"""Mean speed along the arc's chord."""
SHORTEST_S = 0.8
STRAYED_M, LONGEST_PULL_M, PULL_SPEED_M_S, SLIDE_M = 0.07, 0.15, 0.2, 0.012
"""A garment farther than the first from its workplace is pulled back, by at most the second at a time."""
FREE_M = 0.03
"""A crease is lifted this much above the length of its flap."""
TURN_OUT_S = 1.8


class Spreading:
    """The phase in which the garment is made flat."""

    def __init__(self, script: "Launderer", gripping: Gripping) -> None:
        self.script, self.view, self.gripping = script, script.view, gripping
        self.failed: set[int] = set()
        """Vertices that could not be taken alone since something was moved last."""

    def spread(self) -> Motion:
        """Lay one or two edges where they belong."""
        self.script.phase = "spread"
        frame = self.frame()
        if np.linalg.norm(self.view.workplace - frame.origin) > STRAYED_M and (yield from self.pull_back(frame)):
            return
        chosen = self.choose(frame)
        if not chosen:
            self.failed.clear()
            yield from self.turn_out(frame)
            return
        if not (yield from self.take(chosen, frame)):
            self.failed.update(chosen.values())
            return
        self.failed.clear()
        points, motions = self.view.vertices(), []
        for side, vertex in chosen.items():
            place = frame.point(self.view.garment.flat[vertex], LAND_M)
            seconds = max(SHORTEST_S, float(np.linalg.norm(place - points[vertex])) / SPEED_M_S)
            path = arc(points[vertex], place)
            motions.append(swing(self.script.hands[side], side, path, points[vertex], seconds))
        yield from side_by_side(*motions)
        yield from self.gripping.let_go(chosen)

    def pull_back(self, frame: Frame) -> Attempt:
        """Slide a garment that has strayed back to the middle of the table; return whether it was moved."""
        away, points, garment = self.away(frame), self.view.vertices(), self.view.garment
        offset = np.append(self.view.workplace - frame.origin, 0.0)
        offset *= min(1.0, LONGEST_PULL_M / float(np.linalg.norm(offset)))
        able = [v for v in garment.outline if away[v] < INLIER_M and _uncovered(points, v) and v not in self.failed]
        able.sort(key=lambda v: -points[v] @ offset)
        pair = next((pair for v in able if (pair := self.pair(v, able, points, points + offset))), {})
        if not pair or not (yield from self.gripping.take(pair)):
            self.failed.update(pair.values())
            return False
        grips = self.view.vertices()
        motions = []
        for side, vertex in pair.items():
            grip = grips[vertex]
            corners = np.array([grip, grip + SLIDE_M * UP, grip + SLIDE_M * UP + offset, grip + offset])
            seconds = float(np.linalg.norm(offset)) / PULL_SPEED_M_S + 0.4
            motions.append(swing(self.script.hands[side], side, along(corners), grip, seconds))
        yield from side_by_side(*motions)
        yield from self.gripping.let_go(pair)
        return True

    def turn_out(self, frame: Frame) -> Motion:
        """Free a flap that lies under the garment: lift its crease, and lay it down again from the outside inwards.

        The hanging flap touches the table first, stays there, and comes to lie outside.
        """
        away, points, garment = self.away(frame), self.view.vertices(), self.view.garment
        worst = garment.outline[away[garment.outline].argmax()]
        out = (frame.point(garment.flat[worst], 0.0) - points[worst]) * [1.0, 1.0, 0.0]
        right = np.flatnonzero(away < INLIER_M)
        if away[worst] < MISPLACED_M or not len(right):
            yield from wait(0.1)
            return
        crease = right[np.linalg.norm((points[right] - points[worst] - 0.5 * out)[:, :2], axis=1).argmin()]
        side = LEFT if points[crease, 1] > 0 else RIGHT
        if not reachable(side, points[crease]) or not (yield from self.gripping.take({side: int(crease)}, skim=True)):
            yield from wait(0.1)
            return
        grip = self.view.vertices()[crease]
        flap = 0.5 * float(np.linalg.norm(out))
        height = (flap + FREE_M) * UP
        corners = np.array([grip, grip + height, grip + height + 0.6 * out, grip + (LAND_M - grip[2]) * UP])
        yield from swing(self.script.hands[side], side, along(corners), grip, TURN_OUT_S)
        yield from self.gripping.let_go([side])

    def take(self, chosen: dict[int, int], frame: Frame) -> Attempt:
        """Grip what is to be moved; return whether nothing else is held."""
        if not (yield from self.gripping.take(chosen, skim=True)):
            return False
        away = self.away(frame)
        for side in chosen:
            if away[self.view.held(side)].min() < INLIER_M:
                yield from self.gripping.let_go(chosen)
                return False
        return True

    def away(self, frame: Frame) -> np.ndarray:
        """Return how far every vertex is from its place, (V,) [m]."""
        places = np.array([frame.point(place, 0.0) for place in self.view.garment.flat])
        return np.linalg.norm((self.view.vertices() - places)[:, :2], axis=1)

    def frame(self) -> Frame:
        """Return the frame in which most vertices lie where they belong."""
        points, flat = self.view.vertices(), self.view.garment.flat
        measured, wanted = points[:, 0] + 1j * points[:, 1], flat[:, 0] + 1j * flat[:, 1]
        rng = self.script.operator.rng
        first, second = rng.integers(len(flat), size=(2, HYPOTHESES))
        apart = np.abs(wanted[first] - wanted[second])
        first, second = first[apart > 0.06], second[apart > 0.06]
        turn = (measured[second] - measured[first]) / (wanted[second] - wanted[first])
        turn, first = turn[np.abs(np.abs(turn) - 1) < 0.1], first[np.abs(np.abs(turn) - 1) < 0.1]
        turn = turn / np.abs(turn)
        shift = measured[first] - turn * wanted[first]
        right = np.abs(measured - (shift[:, None] + turn[:, None] * wanted)) < INLIER_M
        best = right[right.sum(1).argmax()] if len(right) else np.ones(len(flat), bool)
        return Frame(fit(points[best][None], flat[best]))

    def choose(self, frame: Frame) -> dict[int, int]:
        """Return the vertex to take for each hand that has something to do."""
        points, garment = self.view.vertices(), self.view.garment
        places = np.array([frame.point(place, LAND_M) for place in garment.flat])
        away = self.away(frame)
        able = [v for v in garment.outline if away[v] > MISPLACED_M and _uncovered(points, v) and v not in self.failed]
        able.sort(key=lambda v: -away[v])
        return next((pair for v in able if (pair := self.pair(v, able, points, places, alone=True))), {})

    def pair(self, first: int, able: list[int], points: np.ndarray, places: np.ndarray, alone: bool = False) -> dict:
        """Return `first` and another of `able`, one for each hand that can carry them from `points` to `places`.

        The hands stay on their own sides of each other. Without a partner, `first` goes alone or is left.
        """
        sides = [side for side in (LEFT, RIGHT) if _carries(side, points[first], places[first])]
        sides.sort(key=lambda s: -places[first][1] * (1, -1)[s])
        for side in sides:
            sign, other = (1, -1)[side], 1 - side
            for second in able:
                steps = sign * (points[first] - points[second])[1], sign * (places[first] - places[second])[1]
                apart = min(np.linalg.norm((each[first] - each[second])[:2]) for each in (points, places))
                if min(steps) > 0 and apart > APART_M and _carries(other, points[second], places[second]):
                    return {side: int(first), other: int(second)}
        return {sides[0]: int(first)} if alone and sides else {}


def _carries(side: int, point: np.ndarray, place: np.ndarray) -> bool:
    return reachable(side, point) and reachable(side, place)


def arc(grip: np.ndarray, place: np.ndarray) -> Callable[[float], np.ndarray]:
    """Return the path of a gripped point on half a circle to a little beyond its place."""
    across = (place - grip) * [1.0, 1.0, 0.0]
    radius = 0.5 * float(np.linalg.norm(across))
    height = ARC_HEIGHT if radius > SMALL_RADIUS_M else LOW_ARC_HEIGHT

    def path(share: float) -> np.ndarray:
        angle = np.pi * share
        rise = height * radius * np.sin(angle) + (place[2] - grip[2]) * share
        return grip + 0.5 * OVERSHOOT * (1 - np.cos(angle)) * across + rise * UP

    return path


def along(corners: np.ndarray) -> Callable[[float], np.ndarray]:
    """Return the path straight from corner to corner, (C, 3), at an even pace."""
    length = np.linalg.norm(np.diff(corners, axis=0), axis=1)
    reached = np.append(0.0, np.cumsum(length)) / length.sum()
    return lambda share: np.array([np.interp(share, reached, corners[:, axis]) for axis in range(3)])


def _uncovered(points: np.ndarray, vertex: int) -> bool:
    """Whether no other vertex lies above one."""
    offset = points - points[vertex]
    above = (np.hypot(offset[:, 0], offset[:, 1]) < p.COVER_RADIUS_M) & (offset[:, 2] > p.COVER_HEIGHT_M)
    return not above.any()
