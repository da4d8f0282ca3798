"""The scripted launderer: looks at the garment, decides what is next, does it, and looks again.

What is next follows from the measured cloth alone, so that a slipped grip, a bad fold or a take-over needs no special
case: a garment that fits no state of its plan is spread out again, and folded from there.
"""

from typing import TYPE_CHECKING

import numpy as np

from recap_bench.envs.laundry.carrying import Carrying
from recap_bench.envs.laundry.folding import Folding
from recap_bench.envs.laundry.gripping import Gripping
from recap_bench.envs.laundry.hands import LEFT, RIGHT, posture, side_by_side
from recap_bench.envs.laundry.launderer_view import View
from recap_bench.envs.laundry.spreading import Spreading
from recap_bench.envs.scripting import Motion, Operator, Script, ScriptedOracle, nearer_half_turn, wait

if TYPE_CHECKING:
    from recap_bench.envs.laundry.task import LaundryTask

AS_PLANNED_M, OUTLIER_M = 0.028, 0.070
"""Mean and 95th percentile of the distances from a state of the plan up to which it counts as reached."""


class Launderer(Script):
    """Both hands of one operator."""

    def __init__(self, view: View, operator: Operator) -> None:
        self.view, self.operator = view, operator

    def run(self) -> Motion:
        gripping = Gripping(self)
        folding, carrying = Folding(self, gripping), Carrying(self, gripping)
        spreading = Spreading(self, gripping)
        while True:
            count = self.folds_made()
            if self.view.done():
                yield from carrying.carry() if self.view.stacks and not self.view.stacked() else self.rest()
            elif count is not None and count < len(self.view.garment.folds):
                yield from folding.fold(count)
            elif count is not None:
                yield from folding.fold(count - 1, undo=True)
            else:
                yield from spreading.spread()
            yield from self.operator.hesitate()
            yield

    def folds_made(self) -> int | None:
        """Return how many folds of the plan the garment shows, None if it fits no state of the plan."""
        errors = self.view.errors()
        best = int(np.argmin([mean for mean, _ in errors]))
        mean, outlier = errors[best]
        fits = mean < AS_PLANNED_M and outlier < OUTLIER_M and (best > 0 or self.view.flat())
        return best if fits else None

    def rest(self) -> Motion:
        """Bring both hands home and keep them there."""
        self.phase = "rest"
        motions = []
        for side in (LEFT, RIGHT):
            hand, goal = self.hands[side], self.view.home[side]
            if np.linalg.norm(hand.position - goal) > 0.01:
                motions.append(hand.move(goal, nearer_half_turn(posture(side, goal), hand.rotation), speed=1.3))
        yield from side_by_side(*motions)
        yield from wait(0.1)


class LaundryOracle(ScriptedOracle):
    """One launderer per simulation."""

    def __init__(self, task: "LaundryTask") -> None:
        super().__init__(task.simulation.n, task.rig)
        self.task = task

    def make_script(self, simulation: int, operator: Operator) -> Launderer:
        return Launderer(View(self.task, simulation), operator)
