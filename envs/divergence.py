"""Physics that breaks down: noticed after each step, kept to its own slot, and written down for a replay."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mujoco
import mujoco.batch
import numpy as np

from recap_bench.envs.rig import ACTION_DIM
from recap_bench.envs.simulation import Simulation
from recap_bench.envs.snapshot import Snapshot
from recap_bench.envs.task import Task

SPEED_LIMIT = 1000.0
"""Largest believable joint or free-body velocity [rad/s or m/s]: things thrown by flailing arms reach 200, and
what breaks down goes on to tens of thousands."""


def step_guarded(simulation: Simulation, ids: np.ndarray) -> tuple[np.ndarray, str]:
    """Step the simulations `ids`; return which of them broke down, (k,) bool, and why.

    Broken: MuJoCo raised an error or a warning, a number of the state is not finite, or a
    velocity is beyond SPEED_LIMIT. The other simulations are unaffected.
    """
    broken, reasons = np.zeros(len(ids), bool), ""
    for member, rows in simulation.parts(ids):
        broken[rows], reason = _step_guarded(member, ids[rows])
        reasons = reasons or reason
    return broken, reasons


def _step_guarded(simulation: Simulation, ids: np.ndarray) -> tuple[np.ndarray, str]:
    try:
        simulation.step(ids)
        if _all_sound(simulation):
            return np.zeros(len(ids), bool), ""
        raised: list[int] = []
        reason = f"state not finite or faster than {SPEED_LIMIT:g}"
    except mujoco.batch.SimulationError as error:
        raised, reason = error.ids, str(error)
    batch = simulation.batch
    warned = batch.warning[ids, :, 1]
    sound = np.isfinite(batch.state[ids]).all(1) & (np.abs(batch.qvel[ids]) <= SPEED_LIMIT).all(1)
    if warned.any():
        names = [mujoco.mjtWarning(kind).name for kind in np.flatnonzero(warned.any(0))]
        reason = f"MuJoCo warned: {', '.join(names)}"
    return ~sound | warned.any(1) | np.isin(ids, raised), reason


def _all_sound(simulation: Simulation) -> bool:
    """Whether nothing broke down in any simulation: the cheap question of every step."""
    batch = simulation.batch
    qvel = batch.qvel
    fast = not (qvel.max() <= SPEED_LIMIT and qvel.min() >= -SPEED_LIMIT)  # also true of NaN
    return not (fast or batch.warning.any() or not np.isfinite(batch.state.sum()))


@dataclass(frozen=True)
class Dump:
    """A diverged episode: restore `start`, apply `actions`, and it diverges again at the last one."""

    task: str
    randomization: str
    reason: str
    start: Snapshot
    """The first state of the episode, or the state restored last."""
    actions: np.ndarray
    """Actions since `start`, (T, 14) float32."""

    def save(self, folder: Path) -> Path:
        """Write the dump into `folder`, a file per seed and step; return the path."""
        folder.mkdir(parents=True, exist_ok=True)
        step = self.start.step + len(self.actions)
        path = folder / f"{self.task}-seed{self.start.seed}-step{step}.npz"
        header = {
            "task": self.task,
            "randomization": self.randomization,
            "reason": self.reason,
            "mujoco": mujoco.__version__,
        }
        start: dict[str, Any] = {f"start/{name}": value for name, value in self.start.to_arrays().items()}
        np.savez_compressed(path, header=json.dumps(header), actions=self.actions, **start)
        return path

    @classmethod
    def load(cls, path: Path) -> "Dump":
        """Read a dump."""
        with np.load(path) as file:
            arrays = {name: file[name] for name in file.files}
        header = json.loads(str(arrays["header"]))
        start = {name.removeprefix("start/"): value for name, value in arrays.items() if name.startswith("start/")}
        return cls(
            task=header["task"],
            randomization=header["randomization"],
            reason=header["reason"],
            start=Snapshot.from_arrays(start),
            actions=arrays["actions"],
        )


class Recorder:
    """Remembers what a dump needs of every running episode: its start and its actions."""

    def __init__(self, task: Task, folder: Path) -> None:
        n = task.simulation.n
        self._task = task
        self._folder = folder
        self._starts: list[Snapshot | None] = [None] * n
        self._actions = np.zeros((n, task.spec.max_episode_steps, ACTION_DIM), np.float32)
        self._count = np.zeros(n, np.int64)

    def begin(self, i: int, start: Snapshot) -> None:
        """Let the record of simulation `i` begin at `start`."""
        self._starts[i] = start
        self._count[i] = 0

    def record(self, ids: np.ndarray, actions: np.ndarray) -> None:
        """Note the next actions, (k, 14), of the simulations `ids`."""
        self._actions[ids, self._count[ids]] = actions
        self._count[ids] += 1

    def dump(self, i: int, reason: str) -> Path:
        """Write the record of simulation `i` into the folder; return the path."""
        start = self._starts[i]
        assert start is not None, "an episode is recorded from its start"
        actions = self._actions[i, : self._count[i]].copy()
        return Dump(self._task.spec.name, self._task.randomization, reason, start, actions).save(self._folder)
