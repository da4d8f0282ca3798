"""Making a double espresso: the paper's cafe task on the bimanual rig."""

from collections.abc import Sequence

import mujoco
import numpy as np

from recap_bench.envs import rig as rig_module
from recap_bench.envs.espresso import observation, processes, verdict
from recap_bench.envs.espresso.oracle import EspressoOracle
from recap_bench.envs.espresso.processes import PROCESS_NAMES, Brew, Fixtures
from recap_bench.envs.espresso.start import STAGES_BEFORE, STARTS, StartStates
from recap_bench.envs.espresso.visuals import Visuals
from recap_bench.envs.espresso.world import World, WorldReader
from recap_bench.envs.rig import Rig
from recap_bench.envs.simulation import Simulation
from recap_bench.envs.task import DIVERGED, NO_FAILURE, TIME_OUT, Latest, Oracle, Task, TaskSpec

PROFICIENT_TIME_S = 19.7
"""Mean cycle time of the skilled oracle, standard randomisation."""
PATIENCE_S = 3.0
"""The skilled operator is without progress for 1.5 to 1.7 s at most in an episode (24 seeds)."""
PAPER_TIME_LIMIT_S = 200.0
PAPER_PROFICIENT_TIME_S = 130.0

EPISODE_NAMES = ("dose_rate_g_s", "cup_radius_m", "mat_x", "mat_y")


class EspressoTask(Task):
    """Pick the portafilter, grind, tamp, lock it in, bring the cup, extract a full shot, serve the cup."""

    spec = TaskSpec(
        name="Espresso-v0",
        instruction="make a double espresso and serve it",
        paraphrases=(
            "prepare a double shot of espresso",
            "brew an espresso, then hand out the cup",
            "please make me a coffee with the espresso machine",
            "grind, tamp and pull a double espresso",
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
        self.process = {name: np.zeros(n) for name in (*PROCESS_NAMES, *EPISODE_NAMES)}
        self.points = self._fixed_points(model)
        self.visuals = Visuals(model, self.start.field)
        self._latest = Latest[tuple[World, Brew, Fixtures]]()
        self._eq_active = simulation.batch.eq_active
        self._equalities = [model.equality(name).id for name in ("bayonet", "latch")]

    @classmethod
    def build_model(cls) -> mujoco.MjModel:
        return rig_module.add_arms(rig_module.load_spec("espresso", "cafe.xml")).compile()

    def _fixed_points(self, model: mujoco.MjModel) -> dict[str, np.ndarray]:
        """World positions at rest of the sites that do not move, and of the moving ones at rest."""
        data = mujoco.MjData(model)
        mujoco.mj_forward(model, data)
        sites = {
            "chute": "chute",
            "tamper_axis": "tamper_axis",
            "seat": "seat",
            "knob": "tamper_knob",
            "button": "button",
        }
        points = {name: data.site(site).xpos.copy() for name, site in sites.items()}
        points["tray"] = data.site("tray_centre").xpos.copy()
        points["seat_rotation"] = data.site("seat").xmat.reshape(3, 3).copy()
        points["chute_drop"] = np.array([0.0, 0.0, 0.08])
        return points

    def write_start(self, ids: np.ndarray, rngs: Sequence[np.random.Generator]) -> None:
        self._latest.forget()
        for values in self.process.values():
            values[ids] = 0.0
        for i, rng in zip(ids, rngs, strict=True):
            for name, value in self.start.write(int(i), rng).items():
                self.process[name][i] = value
        self.simulation.batch.set_const(ids)
        self._write_equalities(ids)
        self.stages[ids] = np.arange(len(self.spec.stages)) < STAGES_BEFORE[self.start_name]

    def brew(self, ids: np.ndarray) -> Brew:
        """Return copies of the process state of `ids`."""
        return Brew(**{name: self.process[name][ids] for name in PROCESS_NAMES})

    def fixtures(self, ids: np.ndarray) -> Fixtures:
        """Return the fixed points and the episodes' parameters of `ids`."""
        points, process = self.points, self.process
        return Fixtures(
            chute=points["chute"],
            tamper_axis=points["tamper_axis"],
            seat=points["seat"],
            seat_rotation=points["seat_rotation"],
            dose_rate_g_s=process["dose_rate_g_s"][ids],
            cup_radius_m=process["cup_radius_m"][ids],
            mat=np.stack([process["mat_x"][ids], process["mat_y"][ids]], axis=1),
        )

    def advance(self, ids: np.ndarray) -> None:
        world, brew, fixtures = measured = self.measured(ids)
        gripped = verdict.handle_gripped(world, self.rig.jaw_openings(ids))
        processes.grind(brew, world, fixtures)
        processes.tamp(brew, world, fixtures)
        processes.turn_bayonet(brew, world, fixtures, gripped)
        processes.extract(brew, world, fixtures)
        processes.slosh(brew, world, fixtures)
        processes.serve(brew, world, fixtures)
        for name in PROCESS_NAMES:
            self.process[name][ids] = getattr(brew, name)
        self._write_equalities(ids)
        stages = self.stages[ids] | verdict.stages_reached(world, brew, fixtures)
        failure = verdict.failure(world, brew, stages)
        self.stages[ids] = stages
        self.failure[ids] = failure
        self.success[ids] = stages.all(axis=1) & (failure == 0)
        self._latest.keep(ids, measured)

    def _write_equalities(self, ids: np.ndarray) -> None:
        """Hold the portafilter where its lugs are engaged, and the bayonet where it is locked."""
        for equality, name in zip(self._equalities, ("engaged", "locked"), strict=True):
            self._eq_active[ids, equality] = self.process[name][ids]

    def world(self, ids: np.ndarray) -> World:
        """Return the measured world of `ids`; privileged."""
        return self.reader.read(ids)

    def environment_state(self, ids: np.ndarray) -> np.ndarray:
        return observation.environment_state(*(self._latest.take(ids) or self.measured(ids)), self.points)

    def measured(self, ids: np.ndarray) -> tuple[World, Brew, Fixtures]:
        """Return what can be read off the simulations `ids`."""
        return self.reader.read(ids), self.brew(ids), self.fixtures(ids)

    def progress(self, ids: np.ndarray) -> np.ndarray:
        return verdict.progress(*self.measured(ids), self.stages[ids])

    def hazards(self, ids: np.ndarray) -> dict[str, np.ndarray]:
        return verdict.hazards(*self.measured(ids), self.stages[ids])

    def make_oracle(self) -> Oracle:
        return EspressoOracle(self)

    def refresh_visuals(self, ids: np.ndarray) -> None:
        self.visuals.write(ids, self.brew(ids), self.fixtures(ids))
