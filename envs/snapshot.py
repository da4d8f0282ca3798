"""Everything that makes up one running episode, as a value."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields

import numpy as np

from recap_bench.envs.simulation import Simulation
from recap_bench.envs.task import Task


@dataclass(frozen=True)
class Snapshot:
    """One simulation in the middle of an episode; it can be put back into any slot of the same task."""

    state: np.ndarray
    """MuJoCo's integration state, warm start and controls included."""
    model_fields: dict[str, np.ndarray]
    """Model fields in which the simulation differs from the shared model."""
    derived: dict[str, np.ndarray]
    """Bound derived fields, contact forces of the last substep included."""
    process: dict[str, np.ndarray]
    """The task's state beyond MuJoCo's."""
    success: bool
    failure: int
    """Index into spec.failure_modes."""
    stages: np.ndarray
    """Stages reached so far, (S,)."""
    step: int
    """Control steps since the start of the episode."""
    seed: int
    """Seed of the episode's start state."""
    member: int = 0
    """Which model of a SimulationFamily the slot runs on."""

    def digest(self) -> str:
        """Return a hex hash of all that decides how the episode goes on."""
        digest = hashlib.sha256()
        for name, value in self._decisive():
            array = np.ascontiguousarray(value)
            digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
            digest.update(array.tobytes())
        return digest.hexdigest()

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Return the snapshot as flat named arrays, for a file."""
        arrays = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, dict):
                arrays.update({f"{field.name}/{name}": row for name, row in value.items()})
            else:
                arrays[field.name] = np.asarray(value)
        return arrays

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> "Snapshot":
        """Return the snapshot whose `to_arrays` are among `arrays`."""

        def group(prefix: str) -> dict[str, np.ndarray]:
            return {name.removeprefix(prefix): row for name, row in arrays.items() if name.startswith(prefix)}

        return cls(
            state=arrays["state"],
            model_fields=group("model_fields/"),
            derived=group("derived/"),
            process=group("process/"),
            success=bool(arrays["success"]),
            failure=int(arrays["failure"]),
            stages=arrays["stages"],
            step=int(arrays["step"]),
            seed=int(arrays["seed"]),
            member=int(arrays.get("member", 0)),
        )

    def _decisive(self) -> Iterator[tuple[str, np.ndarray]]:
        """Derived fields follow from the rest, and the seed only names it."""
        for name, value in sorted(self.to_arrays().items()):
            if name != "seed" and not name.startswith("derived/"):
                yield name, value


def take(simulation: Simulation, task: Task, i: int, step: int, seed: int) -> Snapshot:
    """Return the snapshot of simulation `i`."""
    owner = simulation.owner(i)
    return Snapshot(
        state=owner.batch.state[i].copy(),
        model_fields=owner.model_fields(i),
        derived=owner.derived_fields(i),
        process={name: rows[i].copy() for name, rows in task.process.items()},
        success=bool(task.success[i]),
        failure=int(task.failure[i]),
        stages=task.stages[i].copy(),
        step=step,
        seed=seed,
        member=simulation.member_index(i),
    )


def put(snapshot: Snapshot, simulation: Simulation, task: Task, i: int) -> None:
    """Make simulation `i` continue from `snapshot`."""
    simulation.assign(i, snapshot.member)
    task.bind(i)
    owner = simulation.owner(i)
    owner.batch.state[i] = snapshot.state
    owner.batch.warning[i] = 0
    owner.set_model_fields(i, snapshot.model_fields)
    owner.set_derived_fields(i, snapshot.derived)
    for name, row in snapshot.process.items():
        task.process[name][i] = row
    task.success[i] = snapshot.success
    task.failure[i] = snapshot.failure
    task.stages[i] = snapshot.stages
