"""Folding a flat garment by its plan: both hands carry an edge on half circles about the fold line."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from recap_bench.envs.laundry.gripping import REACH_SLACK_M, Attempt, Gripping
from recap_bench.envs.laundry.hands import LEFT, RIGHT, UP, by_strain, reachable, side_by_side, swing
from recap_bench.envs.laundry.launderer_view import Frame
from recap_bench.envs.laundry.mending import Mending
from recap_bench.envs.laundry.patterns import Fold

if TYPE_CHECKING:
    from recap_bench.envs.laundry.oracle import Launderer

MISTAKE_M = 0.055
"""How far off a mistaken fold is."""


class Folding:
    """The phase in which one fold of the plan is made."""

    def __init__(self, script: "Launderer", gripping: Gripping, mending: Mending) -> None:
        self.script, self.view, self.gripping, self.mending = script, script.view, gripping, mending
        self.second_choice = False
        """Whether the hands have just failed to take their grips, so that they try each other's."""

    def fold(self, index: int, undo: bool = False) -> Attempt:
        """Make fold number `index` of the plan; with `undo`, carry the same edge back, on the same half circles.

        Returns whether both grips were taken.
        """
        self.script.phase = f"unfold_{index}" if undo else f"fold_{index}"
        operator, fold = self.script.operator, self.view.garment.folds[index]
        vertices = self.vertices_of(fold, index + undo)
        if not (yield from self.gripping.take(vertices, skim=undo)):
            self.second_choice = not self.second_choice
            return False
        self.second_choice = False
        frame, points = self.view.frame_for(index), self.view.vertices()
        shift = MISTAKE_M * operator.rng.uniform(0.6, 1.0) if operator.errs() else 0.0
        motions = []
        for side in (LEFT, RIGHT):
            grip = points[vertices[side]]
            path = self.arc(grip, frame, index, shift)
            motions.append(swing(self.script.hands[side], side, path, grip, fold.seconds))
        yield from side_by_side(*motions)
        if not undo and not shift:
            yield from self.mending.catch_up(index, vertices)
        yield from self.gripping.let_go()
        return True

    def has_grips(self, index: int, made: int) -> bool:
        """Whether both grips of a fold can be told apart: where much lies wrong, one vertex may stand in for both."""
        return len(set(self.vertices_of(self.view.garment.folds[index], made).values())) == 2

    def vertices_of(self, fold: Fold, made: int) -> dict[int, int]:
        """Return the vertex for each hand, of a garment with so many folds made: that which strains the arms least.

        Where the hands have just failed at that, the other one: grips near each other leave one order of the hands.
        """
        garment, points = self.view.garment, self.view.vertices()
        far, near = (self.view.stand_in(garment.vertex(point), made) for point in (fold.far, fold.near))
        frame, line = self.view.frame_for(self.view.garment.folds.index(fold)), garment.line_of(fold)
        across = frame.direction(fold.axis)
        after = points.copy()
        for vertex in {far, near}:
            after[vertex] -= 2 * (frame.local(points[vertex])[fold.across] - line) * across
        return by_strain(far, near, points, after)[self.second_choice]

    def within_reach(self, made: int) -> bool:
        """Whether both hands can make the folds that are left, where the garment with `made` folds lies."""
        garment, frame = self.view.garment, self.view.frame_for(made)
        for index, fold in enumerate(garment.folds[made:], made):
            start, end = garment.folded(index)[0], garment.folded(index + 1)[0]
            grips = [garment.vertex(point) for point in (fold.far, fold.near)]
            ways = [frame.point(each[grip], 0.0) for grip in grips for each in (start, end)]
            left, right = ([reachable(side, point, REACH_SLACK_M) for point in ways] for side in (LEFT, RIGHT))
            if not (all(left[:2] + right[2:]) or all(right[:2] + left[2:])):
                return False
        return True

    def arc(self, grip: np.ndarray, frame: Frame, index: int, shift_m: float) -> Callable[[float], np.ndarray]:
        """Return the path of a gripped point over the fold line to its mirror image, `shift_m` beside it."""
        fold = self.view.garment.folds[index]
        across, land = frame.direction(fold.axis), fold.land_m
        reach = frame.local(grip)[fold.across] - self.view.garment.line_of(fold) + shift_m

        def path(share: float) -> np.ndarray:
            angle = np.pi * share
            rise = fold.arc * abs(reach) * np.sin(angle) + (land - grip[2]) * share
            return grip - (1 - np.cos(angle)) * reach * across + rise * UP

        return path
