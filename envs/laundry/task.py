"""The paper's laundry tasks: garments folded, and stacked, on the bimanual rig."""

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import ClassVar

import mujoco
import numpy as np

from recap_bench.envs.laundry import observation, verdict
from recap_bench.envs.laundry import parameters as p
from recap_bench.envs.laundry.crumpling import Crumpling
from recap_bench.envs.laundry.grasping import Pinch
from recap_bench.envs.laundry.measuring import Measured, Yardstick, merge
from recap_bench.envs.laundry.patterns import KEY_POINTS, Garment
from recap_bench.envs.laundry.start import BASKET, Layout, StartStates
from recap_bench.envs.laundry.wardrobe import WARDROBE, tailored
from recap_bench.envs.laundry.world import World, WorldReader, build_model
from recap_bench.envs.rig import HOME_GRASP_M, SIDES, Rig
from recap_bench.envs.simulation import CONTROL_HZ, Simulation
from recap_bench.envs.simulation_family import SimulationFamily
from recap_bench.envs.task import Latest, Oracle, Task

NOMINAL_SEED = 0
"""Without randomization a garment that is laid over itself, or crumpled, is so in this one way."""


class Bench:
    """All that belongs to one type of garment: its simulations, and how to read, grip, start and measure them."""

    def __init__(self, simulation: Simulation, garment: Garment, randomization: str, layout: Layout) -> None:
        self.simulation, self.garment = simulation, garment
        self.rig = Rig(simulation)
        self.reader = WorldReader(simulation, self.rig, garment)
        self.pinch = Pinch(simulation, len(garment.flat))
        self.start = StartStates(simulation, self.rig, garment, randomization, layout)
        self.yardstick = Yardstick(garment)

    @cached_property
    def crumpling(self) -> Crumpling:
        """What crumples the garments, for the start that needs it."""
        return Crumpling(self.simulation, self.garment.flat)

    def measure(self, ids: np.ndarray, world: World, size: np.ndarray) -> Measured:
        """Measure the garments in the slots `ids`, which run on this bench and have the sizes `size` (k,)."""
        return self.yardstick.measure(world, (self.pinch.held(ids) >= 0).sum(2), size)


class LaundryTask(Task):
    """Garments of one or several types; which type a slot holds follows from the episode's seed."""

    garments: ClassVar[tuple[str, ...]]
    """Names of the types, from the wardrobe."""
    stack: ClassVar[bool] = False
    """Whether the folded garment must be brought to the stack."""
    basket: ClassVar[bool] = False
    """Whether there is a start in which the garment lies in a basket."""
    layout: ClassVar[Layout]

    def __init__(self, simulation: Simulation, randomization: str, start: str) -> None:
        super().__init__(simulation, randomization, start)
        if not isinstance(simulation, SimulationFamily):
            raise TypeError(f"{type(self).__name__} runs on make_simulation(), got a {type(simulation).__name__}.")
        n = simulation.n
        self.family = simulation
        self._benches: dict[int, Bench] = {}
        self.rig = self.bench(0).rig if len(self.garments) == 1 else RoutedRig(self)
        self.process = {
            "ready": np.ones((n, 2)),
            "seen": np.zeros((n, len(KEY_POINTS), 3)),
            "handled": np.zeros(n),
            "home_s": np.zeros(n),
            "size": np.ones(n),
        }
        self._latest = Latest[Measured]()

    @classmethod
    def build_model(cls) -> mujoco.MjModel:
        return build_model(WARDROBE[cls.garments[0]], cls.stack, cls.basket)

    @classmethod
    def make_simulation(cls, n: int, threads: int) -> SimulationFamily:
        models = {name: build_model(WARDROBE[name], cls.stack, cls.basket) for name in cls.garments}
        return SimulationFamily(models, n, threads)

    def bench(self, index: int) -> Bench:
        """Return the bench of the type `garments[index]`."""
        if index not in self._benches:
            name = self.garments[index]
            self._benches[index] = Bench(self.family.member(name), WARDROBE[name], self.randomization, self.layout)
        return self._benches[index]

    def bind(self, i: int) -> None:
        self.bench_of(i)

    def bench_of(self, i: int) -> Bench:
        """Return the bench that slot `i` runs on."""
        return self.bench(self.family.member_index(i))

    def garment_of(self, i: int) -> Garment:
        """Return the garment in slot `i`, in its size."""
        return tailored(self.bench_of(i).garment.name, float(self.process["size"][i]))

    def benches(self, ids: np.ndarray) -> Iterator[tuple[Bench, np.ndarray]]:
        """Yield each bench concerned, and where in `ids` its slots are."""
        assigned = self.family.assigned[ids]
        for index in np.unique(assigned):
            yield self.bench(int(index)), np.flatnonzero(assigned == index)

    def write_start(self, ids: np.ndarray, rngs: Sequence[np.random.Generator]) -> None:
        self._latest.forget()
        for i, own in zip(ids, rngs, strict=True):
            rng = np.random.default_rng(NOMINAL_SEED) if self.randomization == "none" else own
            index = self._draw_garment(rng)
            self.family.assign(int(i), index)
            bench, slot = self.bench(index), np.array([i])
            bench.simulation.reset(slot)
            size = self.process["size"][i] = bench.start.write(int(i), rng, self.start_kind)
            bench.simulation.batch.set_const(slot)
            bench.start.size_edges(int(i), size)
            if self.start_kind in ("crumpled", BASKET):
                bench.crumpling.crumple(int(i), rng, basket=self.start_kind == BASKET)
            bench.simulation.forward(slot)
        self.process["ready"][ids] = 1.0
        self.process["handled"][ids] = self.process["home_s"][ids] = 0.0
        self.process["seen"][ids] = observation.first_sight(self.measure(ids))
        self.stages[ids, 0] = [self.start_kind == "begun" and len(self.garment_of(i).folds) > 1 for i in ids]

    def _draw_garment(self, rng: np.random.Generator) -> int:
        """Return the index of the type of one episode: that of the start's name, else a random one."""
        for index, name in enumerate(self.garments):
            if self.start_name.startswith(f"{name}_"):
                return index
        return int(rng.integers(len(self.garments))) if self.randomization != "none" else 0

    @cached_property
    def start_kind(self) -> str:
        """Which of STARTS the start is."""
        return self.start_name.rpartition("_")[2]

    def measure(self, ids: np.ndarray) -> Measured:
        """Measure the garments of `ids`."""
        parts = []
        for bench, rows in self.benches(ids):
            own = ids[rows]
            parts.append((rows, bench.measure(own, bench.reader.read(own), self.process["size"][own])))
        return merge(parts, len(ids))

    def advance(self, ids: np.ndarray) -> None:
        process, parts = self.process, []
        for bench, rows in self.benches(ids):
            own = ids[rows]
            world = bench.reader.read(own)
            process["ready"][own] = bench.pinch.update(own, world, process["ready"][own])
            parts.append((rows, bench.measure(own, world, process["size"][own])))
        measured = merge(parts, len(ids))
        process["handled"][ids] = np.maximum(process["handled"][ids], (measured.held > 0).any(1))
        process["seen"][ids] = np.where(measured.visible[..., None], measured.key_points, process["seen"][ids])
        home = verdict.hands_home(measured, self.home_grasps) & (measured.speed < p.REST_SPEED_M_S)
        counted = home & (process["handled"][ids] > 0)
        process["home_s"][ids] = np.where(counted, process["home_s"][ids] + 1.0 / CONTROL_HZ, 0.0)
        finished = process["home_s"][ids] >= p.FINISHED_S
        self.stages[ids] |= verdict.stages_reached(measured, finished, self.stack)
        self.failure[ids] = verdict.failure(measured, finished, self.stack)
        self.success[ids] = self.stages[ids].all(1) & (self.failure[ids] == 0)
        self._latest.keep(ids, measured)

    @cached_property
    def home_grasps(self) -> np.ndarray:
        """Where the hands rest, (2, 3) [m]."""
        return np.stack([HOME_GRASP_M[side] for side in SIDES])

    def environment_state(self, ids: np.ndarray) -> np.ndarray:
        measured = self._latest.take(ids) or self.measure(ids)
        several = len(self.garments) > 1
        garment = np.eye(len(self.garments))[self.family.assigned[ids]] if several else None
        return observation.environment_state(measured, self.process["seen"][ids], garment)

    def progress(self, ids: np.ndarray) -> np.ndarray:
        return verdict.progress(self.measure(ids), self.stages[ids], self.stack)

    def hazards(self, ids: np.ndarray) -> dict[str, np.ndarray]:
        return verdict.hazards(self.measure(ids))

    def make_oracle(self) -> Oracle:
        from recap_bench.envs.laundry.oracle import LaundryOracle

        return LaundryOracle(self)

    def refresh_visuals(self, ids: np.ndarray) -> None:
        """Nothing here is shown that is not there."""


class RoutedRig(Rig):
    """The rigs of all benches as one: each slot's arms are those on its bench."""

    def __init__(self, task: LaundryTask) -> None:
        self._task = task

    def home(self) -> np.ndarray:
        return self._task.bench(0).rig.home()

    def _gather(self, name: str, ids: np.ndarray) -> np.ndarray:
        parts = [(rows, getattr(bench.rig, name)(ids[rows])) for bench, rows in self._task.benches(ids)]
        gathered = np.empty((len(ids), *parts[0][1].shape[1:]))
        for rows, part in parts:
            gathered[rows] = part
        return gathered

    def apply(self, ids: np.ndarray, actions: np.ndarray) -> None:
        for bench, rows in self._task.benches(ids):
            bench.rig.apply(ids[rows], actions[rows])

    def agent_pos(self, ids: np.ndarray) -> np.ndarray:
        return self._gather("agent_pos", ids)

    def jaw_openings(self, ids: np.ndarray) -> np.ndarray:
        return self._gather("jaw_openings", ids)

    def targets(self, ids: np.ndarray) -> np.ndarray:
        return self._gather("targets", ids)

    def place(self, ids: np.ndarray, agent_pos: np.ndarray) -> None:
        for bench, rows in self._task.benches(ids):
            bench.rig.place(ids[rows], agent_pos[rows])

    def hands(self, ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        points, rotations = np.empty((len(ids), 2, 3)), np.empty((len(ids), 2, 3, 3))
        for bench, rows in self._task.benches(ids):
            points[rows], rotations[rows] = bench.rig.hands(ids[rows])
        return points, rotations
