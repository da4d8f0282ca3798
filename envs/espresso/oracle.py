"""The scripted barista: two hands, named phases, closed-loop on the measured scene, from any reachable state.

Each hand chooses its next phase from what it sees, so that a dropped grasp, a shifted cup or a take-over in the
middle of the task needs no special case: the phase whose condition holds is simply entered again.
"""

from typing import TYPE_CHECKING

from recap_bench.envs.espresso.barista_view import View
from recap_bench.envs.espresso.left_hand import LeftHand
from recap_bench.envs.espresso.right_hand import RightHand
from recap_bench.envs.scripting import Motion, Operator, Script, ScriptedOracle

if TYPE_CHECKING:
    from recap_bench.envs.espresso.task import EspressoTask


class Barista(Script):
    """Both hands of one operator."""

    def __init__(self, view: View, operator: Operator) -> None:
        self.view, self.operator = view, operator

    def run(self) -> Motion:
        right = RightHand(self.hands[1], self.view, self.operator)
        left = LeftHand(self.hands[0], self.view, self.operator, right)
        motions = left.run(), right.run()
        while True:
            for motion in motions:
                next(motion)
            self.phase = f"{left.phase}+{right.phase}"
            yield


class EspressoOracle(ScriptedOracle):
    """One barista per simulation."""

    def __init__(self, task: "EspressoTask") -> None:
        super().__init__(task.simulation.n, task.rig)
        self.task = task

    def make_script(self, simulation: int, operator: Operator) -> Barista:
        return Barista(View(self.task, simulation), operator)
