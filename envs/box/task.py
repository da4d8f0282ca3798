"""Building a labelled box from a flat sheet: the paper's factory task on the bimanual rig."""

from collections.abc import Sequence

import mujoco
import numpy as np

from recap_bench.envs import rig as rig_module
from recap_bench.envs.box import observation, processes, verdict
from recap_bench.envs.box import parameters as p
from recap_bench.envs.box.processes import PROCESS_NAMES, PROCESS_SHAPES, Cell, Work
from recap_bench.envs.box.start import STAGES_BEFORE, STARTS, StartStates
from recap_bench.envs.box.world import World, WorldReader
from recap_bench.envs.rig import Rig
from recap_bench.envs.simulation import Simulation
from recap_bench.envs.task import DIVERGED, NO_FAILURE, TIME_OUT, Latest, Oracle, Task, TaskSpec

PROFICIENT_TIME_S = 26.8
"""Mean cycle time of the skilled oracle from the stack, 200 seeds, standard randomisation: results/operators.md."""
PATIENCE_S = 6.0
"""The skilled operator is without progress for 3.3 to 3.5 s at most in an episode (24 seeds)."""
PAPER_TIME_LIMIT_S = 600.0
PAPER_PROFICIENT_TIME_S = 240.0

EPISODE_NAMES = (
    "half_length_m", "half_width_m", "slot_x_m", "slot_y_m", "slot_yaw_rad", "slot_side",
    "dispenser_x_m", "dispenser_y_m", "pile_x_m", "pile_y_m",
)  # fmt: skip
DISPENSER_HEIGHT_M = 0.030


class BoxAssemblyTask(Task):
    """Pick a sheet, fold it into a box in the jig, label it, place it in the crate's free slot."""

    spec = TaskSpec(
        name="BoxAssembly-v0",
        instruction="build a box from a flat sheet, label it and put it into the crate",
        paraphrases=(
            "fold a cardboard box, stick a label on it and place it in the crate",
            "assemble a box from the stack of sheets and pack it away labelled",
            "take a flat sheet, make a box out of it and put the labelled box with the others",
            "please fold, label and stow a box",
        ),
        stages=verdict.STAGES,
        failure_modes=(NO_FAILURE, *verdict.FAILURES, TIME_OUT, DIVERGED),
        proficient_time_s=PROFICIENT_TIME_S,
        paper_time_limit_s=PAPER_TIME_LIMIT_S,
        paper_proficient_time_s=PAPER_PROFICIENT_TIME_S,
        state_names=observation.STATE_NAMES,
        patience_s=PATIENCE_S,
    )
    starts = STARTS

    def __init__(self, simulation: Simulation, randomization: str, start: str = STARTS[0]) -> None:
        super().__init__(simulation, randomization, start)
        model, n = simulation.model, simulation.n
        self.rig = Rig(simulation)
        self.reader = WorldReader(simulation, self.rig)
        self.start = StartStates(simulation, self.rig, randomization, start)
        shapes = {name: PROCESS_SHAPES.get(name, ()) for name in (*PROCESS_NAMES, *EPISODE_NAMES)}
        self.process = {name: np.zeros((n, *shape)) for name, shape in shapes.items()}
        self._eq_active, self._eq_data = simulation.batch.eq_active, self.start.field["eq_data"]
        self._latches = np.array([model.equality(f"latch_{panel}").id for panel in p.PANELS])
        self._latest = Latest[tuple[World, Work, Cell]]()
        self._sticker, self._cling = model.equality("sticker").id, model.equality("cling").id

    @classmethod
    def build_model(cls) -> mujoco.MjModel:
        return rig_module.add_arms(rig_module.load_spec("box", "packing.xml")).compile()

    def write_start(self, ids: np.ndarray, rngs: Sequence[np.random.Generator]) -> None:
        self._latest.forget()
        for values in self.process.values():
            values[ids] = 0.0
        for i, rng in zip(ids, rngs, strict=True):
            for name, value in self.start.write(int(i), rng).items():
                self.process[name][i] = value
        self.process["reversal_age_s"][ids] = processes.NO_REVERSAL_S
        self.simulation.batch.set_const(ids)
        self._write_equalities(ids, self.work(ids))
        self.stages[ids] = np.arange(len(self.spec.stages)) < STAGES_BEFORE[self.start_name]

    def work(self, ids: np.ndarray) -> Work:
        """Return copies of the process state of `ids`."""
        return Work(**{name: self.process[name][ids] for name in PROCESS_NAMES})

    def cell(self, ids: np.ndarray) -> Cell:
        """Return the episodes' own geometry of `ids`."""
        process = {name: self.process[name][ids] for name in EPISODE_NAMES}
        height = np.ones(len(ids))
        slot_height = (p.CRATE_FLOOR_M + p.PANEL_M / 2) * height
        return Cell(
            half_length=process["half_length_m"],
            half_width=process["half_width_m"],
            slot=np.stack([process["slot_x_m"], process["slot_y_m"], slot_height], axis=1),
            slot_yaw=process["slot_yaw_rad"],
            slot_side=process["slot_side"],
            dispenser=np.stack(
                [process["dispenser_x_m"], process["dispenser_y_m"], DISPENSER_HEIGHT_M * height], axis=1
            ),
            pile=np.stack([process["pile_x_m"], process["pile_y_m"], p.PILE_TOP_M * height], axis=1),
        )

    def advance(self, ids: np.ndarray) -> None:
        world, work, cell = measured = self.measured(ids)
        processes.part_sheets(work, world)
        processes.latch(work, world, cell)
        processes.crush(work, world)
        processes.stick(work, world)
        processes.rest(work, world, cell)
        for name in PROCESS_NAMES:
            self.process[name][ids] = getattr(work, name)
        self._write_equalities(ids, work)
        stages = self.stages[ids] | verdict.stages_reached(world, work)
        failure = verdict.failure(world, work, cell)
        self.stages[ids] = stages
        self.failure[ids] = failure
        self.success[ids] = stages.all(axis=1) & (failure == 0)
        self._latest.keep(ids, measured)

    def _write_equalities(self, ids: np.ndarray, work: Work) -> None:
        """Hold the panels of latched corners at right angles and the label where it adheres."""
        held = np.zeros((len(ids), len(p.PANELS)))
        held[:, 4:] = work.latched
        for corner, walls in enumerate(p.CORNER_WALLS):
            held[:, walls] = np.maximum(held[:, walls], work.latched[:, corner, None])
        self._eq_active[ids[:, None], self._latches] = held
        self._eq_active[ids, self._sticker] = work.stuck
        self._eq_data[ids, self._sticker, 3:10] = work.stuck_at
        self._eq_active[ids, self._cling] = work.cling
        self._eq_data[ids, self._cling, 3:10] = work.cling_at

    def world(self, ids: np.ndarray) -> World:
        """Return the measured world of `ids`; privileged."""
        return self.reader.read(ids)

    def environment_state(self, ids: np.ndarray) -> np.ndarray:
        return observation.environment_state(*(self._latest.take(ids) or self.measured(ids)))

    def measured(self, ids: np.ndarray) -> tuple[World, Work, Cell]:
        """Return what can be read off the simulations `ids`."""
        return self.reader.read(ids), self.work(ids), self.cell(ids)

    def progress(self, ids: np.ndarray) -> np.ndarray:
        return verdict.progress(*self.measured(ids), self.stages[ids])

    def hazards(self, ids: np.ndarray) -> dict[str, np.ndarray]:
        return verdict.hazards(*self.measured(ids), self.stages[ids])

    def make_oracle(self) -> Oracle:
        from recap_bench.envs.box.oracle import BoxOracle

        return BoxOracle(self)

    def refresh_visuals(self, ids: np.ndarray) -> None:
        """Nothing here is shown that is not there."""
