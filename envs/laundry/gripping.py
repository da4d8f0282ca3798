"""Taking hold of the garment with both hands, and letting go: closed-loop on where its vertices are seen."""

from collections.abc import Generator, Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from recap_bench.envs.laundry.hands import (
    ABOVE_M,
    LEFT,
    NARROW,
    RIGHT,
    UP,
    grip_at,
    hanging,
    posture,
    reachable,
    side_by_side,
    travel,
)
from recap_bench.envs.scripting import Hand, Motion, Pose, limited, nearer_half_turn, rotation_matrices, servo, wait
from recap_bench.envs.simulation import CONTROL_HZ

if TYPE_CHECKING:
    from recap_bench.envs.laundry.oracle import Launderer

ATTEMPTS = 3
FUMBLE_M = 0.018
"""How far off a fumbled grip is."""
AWAY_M, SHALLOW_M = 0.10, 0.014
"""Cloth in the air is approached from the first distance, and taken by the front of the pads."""
WAYS_RAD = np.array([0.0, 0.4, -0.4, 0.8, -0.8, 1.2, -1.2])
"""Directions from which hanging cloth can be approached, about the vertical."""
PADS_M = np.array([0.060, 0.030, 0.030])
"""What is between the pads behind the vertex that they are to take: their size and some slack."""
FOLLOW_M_S, FOLLOW_S, CLOSE_S = 0.4, 0.6, 0.16
REACH_SLACK_M = 0.010
"""Vertices farther than this beyond the arms' reach are not tried."""
DOWN_SPEED, TAKEN_M = 1.0, 0.0025
"""Share of a free motion's speed with which a hand is led down to cloth by eye, and how exactly."""
LAG_S = 0.06
"""The arms lag their commands."""
BOTH = (LEFT, RIGHT)
PARK_M = (np.array([0.06, 0.32, 0.22]), np.array([0.06, -0.32, 0.22]))
"""Where an idle hand waits, on its own side of the garment."""
Attempt = Generator[None, None, bool]
"""A motion that returns whether it did what it was to do."""


class Gripping:
    """Grips for the phases of one launderer."""

    def __init__(self, script: "Launderer") -> None:
        self.script, self.view, self.operator = script, script.view, script.operator

    def hand(self, side: int) -> Hand:
        """The command of one hand."""
        return self.script.hands[side]

    def take(self, vertices: Mapping[int, int], skim: bool = False) -> Attempt:
        """Grip a vertex with each hand named, side -> vertex; return whether each holds its own.

        With `skim`, the layer of that vertex alone, not those below it, and in one attempt.
        """
        for _ in range(1 if skim else ATTEMPTS):
            points = self.view.vertices()
            if not all(reachable(side, points[vertex], REACH_SLACK_M) for side, vertex in vertices.items()):
                return False
            taken = yield from self.close_on(vertices, skim)
            if len(taken) == len(vertices):
                return True
            yield from self.let_go(taken)
        return False

    def close_on(self, vertices: Mapping[int, int], skim: bool) -> Generator[None, None, dict[int, int]]:
        """Close each hand named once; return side -> vertex of those that hold their own, the others let go."""
        idle = [side for side in BOTH if side not in vertices]
        reaching = [self.reach(side, vertex, skim) for side, vertex in vertices.items()]
        yield from side_by_side(*(self.park(side) for side in idle), *reaching)
        yield from side_by_side(*(self.hand(side).set_jaw(0.0, settle_s=LAG_S) for side in vertices))
        taken = {side: vertex for side, vertex in vertices.items() if vertex in self.view.held(side)}
        yield from self.let_go([side for side in vertices if side not in taken])
        return taken

    def reach(self, side: int, vertex: int, skim: bool) -> Motion:
        """Go above a vertex, then down to it: led by eye, or to skim, straight to where it is seen from above."""
        hand, view = self.hand(side), self.view
        yield from travel(hand, side, view.vertices()[vertex])
        yield from hand.set_jaw(NARROW)
        miss = self.operator.aim()
        if self.operator.fumbles():
            angle = self.operator.rng.uniform(0, 2 * np.pi)
            miss = miss + FUMBLE_M * np.array([np.cos(angle), np.sin(angle), 0.0])

        def wanted() -> Pose:
            goal, rotation = grip_at(side, view.vertices()[vertex] + miss, skim)
            return goal, nearer_half_turn(rotation, hand.rotation)

        if skim:
            yield from hand.move_now(*wanted(), speed=0.7, wander=0.2)
            yield from wait(LAG_S)
            return
        yield from servo(hand, lambda: view.hand(side), wanted, DOWN_SPEED, TAKEN_M)
        hand.position, _ = wanted()  # the eye's last command ran ahead of the hand

    def take_in_air(self, side: int, vertex: int) -> Attempt:
        """Grip a hanging vertex, following it; return whether it is held."""
        hand = self.hand(side)
        for _ in range(ATTEMPTS):
            point = self.view.vertices()[vertex]
            if not reachable(side, point):
                return False
            rotation = nearer_half_turn(self.clear_way(side, vertex), hand.rotation)
            yield from hand.set_jaw(NARROW)
            yield from hand.move(point - AWAY_M * rotation[:, 0], rotation, speed=1.2)
            yield from self.follow(side, vertex, FOLLOW_S)
            yield from side_by_side(hand.set_jaw(0.0, settle_s=LAG_S), self.follow(side, vertex, CLOSE_S))
            if vertex in self.view.held(side):
                return True
            yield from hand.set_jaw(NARROW)
            yield from hand.move_now(hand.position - AWAY_M * hand.rotation[:, 0])
        return False

    def clear_way(self, side: int, vertex: int) -> np.ndarray:
        """Return the hand's rotation (3, 3) with which the fewest other vertices come between the pads."""
        points = self.view.vertices()
        ways = rotation_matrices(np.outer(WAYS_RAD, UP)) @ hanging(side, points[vertex])
        local = np.abs((points - points[vertex]) @ ways + [0.5 * PADS_M[0], 0.0, 0.0])
        return ways[(local < 0.5 * PADS_M).all(2).sum(1).argmin()]

    def follow(self, side: int, vertex: int, seconds: float) -> Motion:
        """Bring the pads to a moving vertex, and stay with it."""
        hand = self.hand(side)
        aim = self.operator.aim()
        for _ in range(round(seconds * CONTROL_HZ)):
            goal = self.view.vertices()[vertex] + aim - SHALLOW_M * hand.rotation[:, 0]
            hand.nudge(limited(goal - hand.position, FOLLOW_M_S / CONTROL_HZ))
            yield

    def park(self, side: int) -> Motion:
        """Take a hand that has nothing to do out of the other's way."""
        hand = self.hand(side)
        if np.linalg.norm(hand.position - PARK_M[side]) > 0.02:
            yield from hand.move(PARK_M[side], nearer_half_turn(posture(side, PARK_M[side]), hand.rotation), speed=1.4)

    def let_go(self, sides: Iterable[int] = BOTH) -> Motion:
        """Open the hands and lift them off."""
        hands = [self.hand(side) for side in sides]
        yield from side_by_side(*(hand.set_jaw(NARROW, settle_s=0.04) for hand in hands))
        yield from side_by_side(*(hand.move_now(hand.position + ABOVE_M * UP, wander=0.2) for hand in hands))
