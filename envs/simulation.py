"""n MuJoCo simulations of one model, stepped together on a thread pool."""

from collections.abc import Iterator, Sequence
from typing import Any

import mujoco
import mujoco.batch
import numpy as np

CONTROL_HZ = 50
"""Rate of the joint position commands (paper, section on the rig)."""


class Simulation:
    """n simulations of `model`; every array has a leading simulation axis (n, ...).

    `batch` is the underlying `mujoco.batch.Batch`; bind fields through it once, at
    construction, and read the live arrays afterwards.
    """

    def __init__(self, model: mujoco.MjModel, n: int, threads: int = 0) -> None:
        self.model = model
        self.n = n
        self.batch: Any = mujoco.batch.Batch(model, n, threads)
        self.substeps = round(1.0 / (CONTROL_HZ * model.opt.timestep))

    def body_ids(self, names: Sequence[str]) -> np.ndarray:
        """Return the ids of the named bodies, (len(names),)."""
        return np.array([self.model.body(name).id for name in names])

    def owner(self, i: int) -> "Simulation":
        """Return the plain simulation that runs slot `i`: this one (see SimulationFamily)."""
        return self

    def parts(self, ids: np.ndarray) -> Iterator[tuple["Simulation", np.ndarray]]:
        """Yield each plain simulation concerned, and where in `ids` its slots are: this one, all of them."""
        yield self, np.arange(len(ids))

    def member_index(self, i: int) -> int:
        """Return the index of the model that slot `i` runs on: there is one."""
        return 0

    def assign(self, i: int, index: int) -> None:
        """Let slot `i` run on another model; raise ValueError, since there is one."""
        if index:
            raise ValueError(f"This simulation has one model, got the index {index} for slot {i}; it must be 0.")

    def step(self, ids: np.ndarray | None = None) -> None:
        """Advance by one control step (1/50 s).

        Derived fields (body and site poses, sensors) are then those of the last substep's start, one time step old,
        as a real sensor's are; bringing them up to date would cost a tenth of the step.
        """
        self.batch.step(ids, nstep=self.substeps)

    def forward(self, ids: np.ndarray | None = None) -> None:
        """Recompute all derived fields from the state; this renews the warm start, too."""
        self.batch.forward(ids)

    def reset(self, ids: np.ndarray) -> None:
        """Put the simulations `ids` back to the model's defaults: state, warm start and expanded fields."""
        self.batch.reset(ids, stage=mujoco.mjtStage.mjSTAGE_NONE.value)
        for name in self._expanded_names():
            self.batch.expand(name)[ids] = self._model_value(name)

    def model_fields(self, i: int) -> dict[str, np.ndarray]:
        """Return copies of the model fields in which simulation `i` differs from the model."""
        rows = {name: self.batch.expanded(name)[i] for name in self._expanded_names()}
        return {name: row.copy() for name, row in rows.items() if not np.array_equal(row, self._model_value(name))}

    def set_model_fields(self, i: int, fields: dict[str, np.ndarray]) -> None:
        """Give simulation `i` the values of `fields`, and the model's in every other field."""
        for name in {*self._expanded_names(), *fields}:
            self.batch.expand(name)[i] = fields.get(name, self._model_value(name))

    def derived_fields(self, i: int) -> dict[str, np.ndarray]:
        """Return copies of the bound derived fields of simulation `i`, as its last call left them."""
        return {name: rows[i].copy() for name, rows in self._bound().items()}

    def set_derived_fields(self, i: int, fields: dict[str, np.ndarray]) -> None:
        """Write derived fields back, where forward() would change the warm start and lose contact forces."""
        for name, rows in self._bound().items():
            rows.flags.writeable = True
            rows[i] = fields[name]
            rows.flags.writeable = False

    def _bound(self) -> dict[str, np.ndarray]:
        return self.batch._bound  # the only list of what has been bound

    def _expanded_names(self) -> list[str]:
        """Names of the per-simulation model fields; set_const() adds some beside expand()."""
        return [name for name in sorted(mujoco.batch.MODEL_FIELDS) if self.batch.expanded(name) is not None]

    def _model_value(self, name: str) -> Any:
        owner, _, field = name.rpartition(".")
        return getattr(self.model.opt if owner else self.model, field)
