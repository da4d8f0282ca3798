"""Bringing a garment, flat or partly folded, back to where both hands reach it: two grips slide it over the table."""

from typing import TYPE_CHECKING

import numpy as np

from recap_bench.envs.laundry.gripping import Attempt, Gripping
from recap_bench.envs.laundry.hands import LEFT, RIGHT, UP, along, own_side, reachable, side_by_side, swing, uncovered
from recap_bench.envs.laundry.launderer_view import Frame

if TYPE_CHECKING:
    from recap_bench.envs.laundry.oracle import Launderer

INLIER_M = 0.015
"""A vertex this near to its place lies right."""
APART_M = 0.14
"""Two hands work at least this far from each other."""
LONGEST_PULL_M, MOST_TURN_RAD = 0.15, 0.6
"""How far a garment is pulled and turned at a time."""
PULL_SPEED_M_S, SLIDE_M = 0.2, 0.012


class Placing:
    """The motion between spreading and folding that moves the garment as a whole."""

    def __init__(self, script: "Launderer", gripping: Gripping) -> None:
        self.script, self.view, self.gripping = script, script.view, gripping
        self.failed: set[int] = set()
        """Vertices that could not be taken since something was moved last."""

    def goal(self, frame: Frame, straighten: bool) -> Frame:
        """Return the frame of a garment that is pulled from `frame` towards its workplace, and perhaps straightened."""
        offset = self.view.workplace - frame.origin
        offset = offset * min(1.0, LONGEST_PULL_M / max(float(np.linalg.norm(offset)), 1e-9))
        turn = -float(np.clip(frame.skew, -MOST_TURN_RAD, MOST_TURN_RAD)) if straighten else 0.0
        return frame.moved(offset, turn)

    def pull(self, frame: Frame, goal: Frame, ideal: np.ndarray) -> Attempt:
        """Slide what lies in `frame` as `ideal` (V, 2) says so that it lies in `goal`; return whether it was moved."""
        points, places, goals = self.view.vertices(), frame.places(ideal, 0.0), goal.places(ideal, 0.0)
        able = self.in_place(points, places)
        able.sort(key=lambda v: -(points[v, :2] - frame.origin) @ (goals - places)[v, :2])
        pair = next((pair for v in able if (pair := pair_of(v, able, points, points + goals - places))), {})
        if not pair or not (yield from self.gripping.take(pair)):
            self.failed.update(pair.values())
            return False
        self.failed.clear()
        grips, motions = self.view.vertices(), []
        for side, vertex in pair.items():
            grip, offset = grips[vertex], goals[vertex] - places[vertex]
            corners = np.array([grip, grip + SLIDE_M * UP, grip + SLIDE_M * UP + offset, grip + offset])
            seconds = float(np.linalg.norm(offset)) / PULL_SPEED_M_S + 0.4
            motions.append(swing(self.script.hands[side], side, along(corners), grip, seconds))
        yield from side_by_side(*motions)
        yield from self.gripping.let_go(pair)
        return True

    def in_place(self, points: np.ndarray, places: np.ndarray) -> list[int]:
        """Return the outline's vertices that lie at their `places` (V, 3) and can be taken."""
        right = np.linalg.norm((points - places)[:, :2], axis=1) < INLIER_M
        outline = self.view.garment.outline
        return [v for v in outline if right[v] and uncovered(points, v) and v not in self.failed]


def pair_of(first: int, able: list[int], points: np.ndarray, places: np.ndarray, alone: bool = False) -> dict[int, int]:
    """Return side -> vertex: `first` and another of `able`, for hands that can carry them from `points` to `places`.

    The hands stay on their own sides of each other. Without a partner, `first` goes alone or is left.
    """
    sides = [side for side in (LEFT, RIGHT) if carries(side, points[first], places[first])]
    sides.sort(key=lambda s: s != own_side(places[first]))
    for side in sides:
        sign, other = (1, -1)[side], 1 - side
        for second in able:
            steps = sign * (points[first] - points[second])[1], sign * (places[first] - places[second])[1]
            apart = min(np.linalg.norm((each[first] - each[second])[:2]) for each in (points, places))
            if min(steps) > 0 and apart > APART_M and carries(other, points[second], places[second]):
                return {side: int(first), other: int(second)}
    return {sides[0]: int(first)} if alone and sides else {}


def carries(side: int, point: np.ndarray, place: np.ndarray) -> bool:
    """Whether a hand reaches both ends of a way."""
    return reachable(side, point) and reachable(side, place)
