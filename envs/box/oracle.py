"""The scripted packer: two hands, named phases, closed-loop on the measured scene, from any reachable state.

Each round chooses the next phase from what is seen, so that a lost grasp, a shifted sheet or a take-over in the middle
of the task needs no special case: the phase whose condition holds is simply entered again.
"""

from recap_bench.envs.box.feeding import Feeding
from recap_bench.envs.box.folding import Folding
from recap_bench.envs.box.packer_view import View
from recap_bench.envs.box.packing import Packing
from recap_bench.envs.scripting import Motion, Operator, Script, ScriptedOracle


class Packer(Script):
    """Both hands of one operator."""

    def __init__(self, view: View, operator: Operator) -> None:
        self.view, self.operator = view, operator

    def run(self) -> Motion:
        feeding, folding, packing = Feeding(self), Folding(self), Packing(self)
        while True:
            if self.view.flat_on_top and not feeding.squared():
                yield from feeding.feed()
            elif not self.view.built:
                yield from folding.step()
            else:
                yield from packing.step()
            yield


class BoxOracle(ScriptedOracle):
    """One packer per simulation."""

    def __init__(self, task) -> None:  # type: ignore[no-untyped-def]
        super().__init__(task.simulation.n, task.rig)
        self.task = task

    def make_script(self, simulation: int, operator: Operator) -> Packer:
        return Packer(View(self.task, simulation), operator)
