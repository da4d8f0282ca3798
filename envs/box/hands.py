"""Hand postures and motions that all phases of the packer share."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from recap_bench.envs.scripting import AIMED_M, Hand, Motion, Pose, facing, nearer_half_turn, servo

LEFT, RIGHT = 0, 1
SIGN = (1.0, -1.0)
"""Side of the jig on which each hand works: left at positive y."""
X, Y, UP = np.eye(3)
DOWN = -UP
JAW_ALONG_X = facing(DOWN, X)
JAW_ALONG_Y = facing(DOWN, Y)
TRAVEL_M = 0.20
"""Height of the grasp point at which empty hands travel: palm and held label pass over guides, walls and parcels."""
STRAIGHT = 0.0
"""Share of the operator's wandering in contact, and ..."""
CARRY_WANDER = 0.3
"""... with something in the hand."""
REST_M = (np.array([0.10, 0.26, 0.26]), np.array([0.10, -0.26, 0.26]))


class Phases:
    """A group of phases of one packer script."""

    def __init__(self, script: Any) -> None:
        self.script, self.view, self.operator = script, script.view, script.operator

    def enter(self, name: str) -> None:
        """Name the phase that begins."""
        self.script.phase = name

    def hand(self, side: int) -> Hand:
        """The command of one hand."""
        return self.script.hands[side]

    def go_above(self, side: int, point: np.ndarray, rotation: np.ndarray, height: float = TRAVEL_M) -> Motion:
        """Rise to the travelling height where the hand is lower, then move roughly above `point`."""
        hand = self.hand(side)
        rotation = nearer_half_turn(rotation, hand.rotation)
        goal = np.array([point[0], point[1], height])
        if np.linalg.norm(hand.position[:2] - goal[:2]) > 0.015 and hand.position[2] < height - 0.01:
            yield from hand.move(np.array([*hand.position[:2], height]), speed=1.3)
        yield from hand.move(goal + self.operator.coarse(), rotation)

    def come_to(
        self,
        side: int,
        goal: Callable[[], np.ndarray],
        rotation: np.ndarray,
        speed: float = 1.0,
        tolerance_m: float = AIMED_M,
    ) -> Motion:
        """Bring a hand to a point that may move, by eye: beside it first, then down."""
        rotation = nearer_half_turn(rotation, self.hand(side).rotation)
        aim = self.operator.aim()
        yield from self.servo(
            side, lambda: self.view.hand(side), lambda: (goal() + aim, rotation), speed, tolerance_m=tolerance_m
        )

    def servo(
        self,
        side: int,
        seen: Callable[[], Pose],
        wanted: Callable[[], Pose],
        speed: float = 1.0,
        while_true: Callable[[], bool] = lambda: True,
        tolerance_m: float = AIMED_M,
    ) -> Motion:
        """Move a hand until what is `seen`, itself or what it holds, is where it is `wanted`."""
        grasp = partial(self.view.hand, side)
        yield from servo(self.hand(side), grasp, wanted, speed, tolerance_m, seen, while_true)

    def both(self, *motions: Motion) -> Motion:
        """Run one motion per hand side by side until all have ended."""
        active = list(motions)
        while active:
            active = [motion for motion in active if next(motion, StopIteration) is not StopIteration]
            if active:
                yield

    def rest(self, side: int) -> Motion:
        """Keep a hand out of the way."""
        hand = self.hand(side)
        if np.linalg.norm(hand.position - REST_M[side]) > 0.01:
            if hand.position[2] < TRAVEL_M - 0.01:
                yield from hand.move(np.array([*hand.position[:2], TRAVEL_M]), speed=1.3)
            yield from hand.move(REST_M[side], nearer_half_turn(JAW_ALONG_Y, hand.rotation))
        yield
