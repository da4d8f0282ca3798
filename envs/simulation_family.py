"""Simulations of several models side by side: every slot runs on the model it was assigned to."""

from collections.abc import Iterator, Mapping
from typing import Any

import mujoco
import numpy as np

from recap_bench.envs.simulation import Simulation


class SimulationFamily(Simulation):
    """n slots over several models with different layouts, one Batch for each; a Simulation to those who step it.

    Each member has n slots of its own, so that slot i of the family is slot i of whichever member it is assigned to;
    the others lie idle. Members are made when first assigned to.
    """

    def __init__(self, models: Mapping[str, mujoco.MjModel], n: int, threads: int = 0) -> None:
        self.names = tuple(models)
        self.n = n
        self.assigned = np.zeros(n, int)
        """Index into `names` of the model that each slot runs on, (n,)."""
        self._models, self._threads = dict(models), threads
        self._members: dict[str, Simulation] = {}
        self.model = self._models[self.names[0]]
        self.substeps = self.member(self.names[0]).substeps

    @property
    def batch(self) -> Any:
        """The Batch of the only member; raise AttributeError where there are several."""
        if len(self.names) > 1:
            raise AttributeError(f"A family of {self.names} has a Batch for each; ask owner(i) for that of slot i.")
        return self.member(self.names[0]).batch

    def member(self, name: str) -> Simulation:
        """Return the n simulations of the model `name`."""
        if name not in self._members:
            self._members[name] = Simulation(self._models[name], self.n, self._threads)
        return self._members[name]

    def assign(self, i: int, index: int) -> None:
        """Let slot `i` run on the model `names[index]` from now on; its state there is what it was left with."""
        self.member(self.names[index])
        self.assigned[i] = index

    def member_index(self, i: int) -> int:
        """Return the index of the model that slot `i` runs on."""
        return int(self.assigned[i])

    def owner(self, i: int) -> Simulation:
        """Return the plain simulation that runs slot `i`."""
        return self.member(self.names[self.assigned[i]])

    def parts(self, ids: np.ndarray) -> Iterator[tuple[Simulation, np.ndarray]]:
        """Yield each plain simulation concerned, and where in `ids` its slots are."""
        assigned = self.assigned[ids]
        for index in np.unique(assigned):
            yield self.member(self.names[index]), np.flatnonzero(assigned == index)

    def step(self, ids: np.ndarray | None = None) -> None:
        """Advance by one control step (1/50 s)."""
        ids = np.arange(self.n) if ids is None else ids
        for member, rows in self.parts(ids):
            member.step(ids[rows])

    def forward(self, ids: np.ndarray | None = None) -> None:
        """Recompute all derived fields from the state; this renews the warm start, too."""
        ids = np.arange(self.n) if ids is None else ids
        for member, rows in self.parts(ids):
            member.forward(ids[rows])

    def reset(self, ids: np.ndarray) -> None:
        """Put the slots `ids` back to the defaults of the models they run on."""
        for member, rows in self.parts(ids):
            member.reset(ids[rows])
