"""The scripted launderer: looks at the garment, decides what is next, does it, and looks again.

What is next follows from the measured cloth alone, so that a slipped grip, a bad fold or a take-over needs no special
case: a garment that fits no state of its plan is spread out again, and folded from there.
"""

from typing import TYPE_CHECKING

import numpy as np

from recap_bench.envs.laundry.carrying import Carrying
from recap_bench.envs.laundry.folding import Folding
from recap_bench.envs.laundry.gripping import Attempt, Gripping
from recap_bench.envs.laundry.hands import LEFT, RIGHT, posture, side_by_side
from recap_bench.envs.laundry.launderer_view import View
from recap_bench.envs.laundry.lifting import Lifting
from recap_bench.envs.laundry.mending import Mending
from recap_bench.envs.laundry.placing import Placing
from recap_bench.envs.laundry.spreading import Spreading
from recap_bench.envs.scripting import Motion, Operator, Script, ScriptedOracle, nearer_half_turn, wait

if TYPE_CHECKING:
    from recap_bench.envs.laundry.task import LaundryTask

AS_PLANNED_M, OUTLIER_M = 0.028, 0.070
"""Mean and 95th percentile of the distances from a state of the plan up to which it counts as reached."""
ONCE_M, ONCE_OUTLIER_M = 0.024, 0.058
"""The same for one fold: garments laid over themselves by chance look like it, with a corner turned under."""
PATIENCE = 14
"""Edges that are spread before the whole garment is laid out anew."""
LOOK_STEPS = 25
"""How long a package is looked at before it is undone."""
MOST_SKEW_RAD = 0.6
"""A package turned by more comes apart on its way to the stack."""
MENDS = 4
"""So often a package is mended before it is undone."""
PULLS = 3
"""So often a garment is pulled before what is out of reach is tried all the same."""
TIDYING, ALMOST = 8, 93.0
"""Attempts after which a garment with corners turned over is folded all the same, and the percentile then in place."""


class Launderer(Script):
    """Both hands of one operator."""

    def __init__(self, view: View, operator: Operator) -> None:
        self.view, self.operator = view, operator
        self.tried = self.tidied = 0
        """Edges spread since the last fold, and how many of them of a garment that was almost flat."""
        self.bad_packages = 0
        """Packages that had to be undone since the garment was flat."""
        self.mended = 0
        """How often the package was mended since its last fold was made."""
        self.pulls = 0
        """How often the garment was pulled within reach since it was spread last."""

    def run(self) -> Motion:
        gripping = Gripping(self)
        self.mending, self.carrying = Mending(self, gripping), Carrying(self, gripping)
        self.folding = Folding(self, gripping, self.mending)
        self.placing, self.lifting = Placing(self, gripping), Lifting(self, gripping)
        self.spreading = Spreading(self, gripping, self.placing)
        while True:
            yield from self.spreading.settle()
            count = self.folds_made()
            if self.view.done():
                yield from self.carrying.carry() if self.view.stacks and not self.view.stacked() else self.rest()
            elif count is None:
                yield from self.flatten()
            else:
                yield from self.go_on(count)
            yield from self.operator.hesitate()
            yield

    def go_on(self, count: int) -> Motion:
        """Make the next fold, or mend a bad package, undo its last fold, or take it apart wholly, in that order."""
        self.tried = 0
        whole = count == len(self.view.garment.folds)
        if whole and ((yield from self.turns_out_well()) or (yield from self.mends(count - 1))):
            return
        self.bad_packages = self.bad_packages + whole if count else 0
        undo = whole or self.bad_packages > 1
        if not self.folding.has_grips(count - 1 if undo else count, count):
            yield from self.spreading.spread()
        elif undo:
            if not (yield from self.folding.fold(count - 1, undo=True)) and not self.folding.second_choice:
                yield from self.spreading.spread()  # neither order of the hands could take the edge
        elif self.pulls < PULLS and not self.well_placed(count):
            self.pulls += 1
            self.phase, frame = "pull", self.view.frame_for(count)
            goal = self.placing.goal(frame, straighten=True)
            yield from self.placing.pull(frame, goal, self.view.garment.folded(count)[0])
        elif (yield from self.folding.fold(count)):
            self.mended = self.tidied = 0

    def well_placed(self, count: int) -> bool:
        """Whether all folds are within reach, and the flat garment is not so askew that carrying would twist it."""
        straight = abs(self.view.frame_for(count).skew) < MOST_SKEW_RAD
        return self.folding.within_reach(count) and (straight or count > 0 or not self.view.stacks)

    def turns_out_well(self) -> Attempt:
        """Look at a package that is aligned but not right: cloth that still sinks covers the collar for a moment."""
        for _ in range(LOOK_STEPS):
            if self.view.done():
                return True
            yield
        return False

    def mends(self, index: int) -> Attempt:
        """Lay down what stands up after the last fold, or mend its edge and its crease in turn, MENDS times in all.

        Returns whether something was done.
        """
        while self.mended < MENDS:
            self.mended += 1
            lies = yield from self.mending.lay_down(index)
            if lies or (yield from self.mending.mend(index, crease=self.mended % 2 == 0)):
                return True
        return False

    def flatten(self) -> Motion:
        """Spread one or two edges, or lay the garment out anew: a heap, in the basket, or not flat after many edges."""
        self.pulls = 0
        heaped = self.view.in_basket() or self.spreading.heaped()
        if heaped or (self.tried >= PATIENCE and self.lifting.edge_at_hand() is not None):
            self.tried = self.tidied = 0
            yield from self.lifting.lay_out()
        else:
            self.tried += 1
            self.tidied += self.view.flat(ALMOST)
            yield from self.spreading.spread()

    def folds_made(self) -> int | None:
        """Return how many folds of the plan the garment shows, None if it fits no state of the plan."""
        errors = self.view.errors()
        best = int(np.argmin([mean for mean, _ in errors]))
        mean, outlier = errors[best]
        bounds = (ONCE_M, ONCE_OUTLIER_M) if best == 1 else (AS_PLANNED_M, OUTLIER_M)
        fits = mean < bounds[0] and outlier < bounds[1] and (best > 0 or self.flat())
        return best if fits else None

    def flat(self) -> bool:
        """Flat enough to be folded; corners are not tidied for ever."""
        if self.tidied < TIDYING:
            return self.view.flat() and self.view.tidy()
        return self.view.flat(ALMOST)

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
