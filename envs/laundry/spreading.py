"""Spreading a garment that is laid over itself: what lies wrong is carried, edge by edge, to where it belongs.

The largest part that lies as the flat garment would gives the frame. Of the outline's vertices that can be reached
from above, the one farthest from its place is taken, and perhaps a second one with the other hand, and both are
laid on half circles to their places.
"""

from collections.abc import Callable, Generator, Mapping
from typing import TYPE_CHECKING

import numpy as np

from recap_bench.envs.laundry.gripping import Attempt, Gripping
from recap_bench.envs.laundry.hands import UP, own_side, side_by_side, swing, uncovered
from recap_bench.envs.laundry.launderer_view import Frame
from recap_bench.envs.laundry.measuring import fit
from recap_bench.envs.laundry.placing import INLIER_M, Placing, carries, pair_of
from recap_bench.envs.scripting import Motion, wait

if TYPE_CHECKING:
    from recap_bench.envs.laundry.oracle import Launderer

HYPOTHESES = 150
"""Pairs of vertices tried as the frame."""
RESTLESS_M_S, SETTLING_STEPS = 0.05, 40
"""A garment that moves faster than this is left to settle, for so many control steps at most."""
HEAP_SHARE = 0.25
"""A garment of which less lies right is a heap."""
MISPLACED_M = 0.030
"""A vertex this far from its place is worth moving."""
LAND_M = 0.016
ARC_HEIGHT = 0.8
LOW_ARC_HEIGHT, NEAR_M, ON_TOP_M = 0.15, 0.045, 0.001
"""What does not lie above its flat neighbours is pulled out along the table."""
SPEED_M_S = 0.30
"""Mean speed along the arc's chord."""
SHORTEST_S = 0.8
STRAYED_M = 0.07
"""A garment farther than this from its workplace is pulled back."""
TURNED_M, TURNED_LAND_M, TURN_OVER_S = 0.05, 0.012, 1.2
"""A crease is carried inwards by this much more than twice the length of its flap, to this height, in this time."""


class Spreading:
    """The phase in which the garment is made flat."""

    def __init__(self, script: "Launderer", gripping: Gripping, placing: Placing) -> None:
        self.script, self.view, self.gripping, self.placing = script, script.view, gripping, placing
        self.failed = placing.failed
        self.missed = False
        """Whether the last edges that were taken did not come to their places: the garment went along, or turned."""

    def spread(self) -> Motion:
        """Lay one or two edges where they belong."""
        self.script.phase = "spread"
        frame = self.frame()
        if np.linalg.norm(self.view.workplace - frame.origin) > STRAYED_M:
            goal = self.placing.goal(frame, straighten=False)
            if (yield from self.placing.pull(frame, goal, self.view.garment.flat)):
                return
        chosen = self.choose(frame)
        if not chosen:
            self.failed.clear()
            yield from self.turn_over(frame)
            return
        idle = len(chosen) == 1
        chosen, anchor = self.hold_on(chosen, frame) if idle or self.missed else (chosen, {})
        if (yield from self.move(chosen, frame, anchor)):
            self.failed.clear()
        else:
            self.failed.update(chosen.values())
            self.missed = False

    def settle(self) -> Motion:
        """Let a garment that still moves come to rest."""
        for _ in range(SETTLING_STEPS):
            if self.view.measure().speed[0] < RESTLESS_M_S:
                return
            yield

    def move(self, chosen: Mapping[int, int], frame: Frame, anchor: Mapping[int, int]) -> Attempt:
        """Carry vertices, side -> vertex, to their places while `anchor` is held; return whether any could be taken."""
        taken = yield from self.take(chosen, frame, anchor)
        points, motions = self.view.vertices(), []
        for side, vertex in taken.items():
            place = frame.point(self.view.garment.flat[vertex], LAND_M)
            seconds = max(SHORTEST_S, float(np.linalg.norm(place - points[vertex])) / SPEED_M_S)
            path = arc(points[vertex], place, ARC_HEIGHT if self.on_top(vertex, frame) else LOW_ARC_HEIGHT)
            motions.append(swing(self.script.hands[side], side, path, points[vertex], seconds))
        yield from side_by_side(*motions)
        yield from self.gripping.let_go([*taken, *anchor] if taken else [])
        if taken:
            away = self.away(self.frame())
            self.missed = bool(min(away[vertex] for vertex in taken.values()) > MISPLACED_M)
        return bool(taken)

    def hold_on(self, chosen: dict[int, int], frame: Frame) -> tuple[dict[int, int], dict[int, int]]:
        """Return one of `chosen`, side -> vertex, and for the other hand what lies right farthest behind it, if any.

        Cloth that lies in a pleat comes along, or turns, as a whole unless the other end is held.
        """
        points, places = self.view.vertices(), frame.places(self.view.garment.flat, LAND_M)
        able = self.placing.in_place(points, places)
        for vertex in chosen.values():
            out = (places - points)[vertex, :2]
            behind = sorted(able, key=(points[:, :2] @ out).__getitem__)
            pair = pair_of(vertex, behind, points, places)
            if pair:
                return {s: v for s, v in pair.items() if v == vertex}, {s: v for s, v in pair.items() if v != vertex}
        return chosen, {}

    def heaped(self) -> bool:
        """Whether so little lies where it belongs that there is nothing to spread the rest from."""
        return bool((self.away(self.frame()) < INLIER_M).mean() < HEAP_SHARE)

    def turn_over(self, frame: Frame) -> Motion:
        """Free a flap that lies under the garment: turn its crease over onto the garment, and pull the flap out.

        The crease lies half-way between where the flap's farthest vertex is and where it belongs.
        """
        away, points, garment = self.away(frame), self.view.vertices(), self.view.garment
        worst = int(garment.outline[away[garment.outline].argmax()])
        out = (frame.point(garment.flat[worst], 0.0) - points[worst]) * [1.0, 1.0, 0.0]
        right = np.flatnonzero(away < INLIER_M)
        if away[worst] < MISPLACED_M or not len(right):
            yield from wait(0.1)
            return
        crease = int(right[np.linalg.norm((points[right] - points[worst] - 0.5 * out)[:, :2], axis=1).argmin()])
        goal = points[crease] - out * (1 + TURNED_M / np.linalg.norm(out))
        goal[2] = TURNED_LAND_M
        side = own_side(points[crease])
        if not carries(side, points[crease], goal) or not (yield from self.gripping.take({side: crease}, skim=True)):
            yield from wait(0.1)
            return
        grip = self.view.vertices()[crease]
        yield from swing(self.script.hands[side], side, arc(grip, goal, ARC_HEIGHT), grip, TURN_OVER_S)
        yield from self.gripping.let_go([side])
        yield from self.move({side: worst}, self.frame(), {})

    def on_top(self, vertex: int, frame: Frame) -> bool:
        """Whether a vertex lies on those near it that lie right, or far from any."""
        points = self.view.vertices()
        below = (self.away(frame) < INLIER_M) & (np.linalg.norm((points - points[vertex])[:, :2], axis=1) < NEAR_M)
        return not below.any() or points[vertex, 2] > points[below, 2].mean() + ON_TOP_M

    def take(
        self, chosen: Mapping[int, int], frame: Frame, anchor: Mapping[int, int]
    ) -> Generator[None, None, dict[int, int]]:
        """Grip what is to be moved, and all of `anchor`; return side -> vertex of the hands that hold what they should.

        A hand that is to move something must hold nothing that lies right.
        """
        taken = yield from self.gripping.close_on({**chosen, **anchor}, skim=True)
        away = self.away(frame)
        complete = all(side in taken for side in anchor)
        good = [side for side in chosen if side in taken and away[self.view.held(side)].min() > INLIER_M and complete]
        kept = [*good, *anchor] if good else []
        yield from self.gripping.let_go([side for side in taken if side not in kept])
        return {side: taken[side] for side in good}

    def away(self, frame: Frame) -> np.ndarray:
        """Return how far every vertex is from its place, (V,) [m]."""
        places = frame.places(self.view.garment.flat, 0.0)
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
        return Frame.of(fit(points[best][None], flat[best]))

    def choose(self, frame: Frame) -> dict[int, int]:
        """Return the vertex to take for each hand that has something to do."""
        points, garment = self.view.vertices(), self.view.garment
        places, away = frame.places(garment.flat, LAND_M), self.away(frame)
        able = [v for v in garment.outline if away[v] > MISPLACED_M and uncovered(points, v) and v not in self.failed]
        able.sort(key=lambda v: -away[v])
        return next((pair for v in able if (pair := pair_of(v, able, points, places, alone=True))), {})


def arc(grip: np.ndarray, place: np.ndarray, height: float) -> Callable[[float], np.ndarray]:
    """Return the path of a gripped point to its place on half an ellipse, `height` in half distances."""
    across = (place - grip) * [1.0, 1.0, 0.0]
    radius = 0.5 * float(np.linalg.norm(across))

    def path(share: float) -> np.ndarray:
        angle = np.pi * share
        rise = height * radius * np.sin(angle) + (place[2] - grip[2]) * share
        return grip + 0.5 * (1 - np.cos(angle)) * across + rise * UP

    return path
