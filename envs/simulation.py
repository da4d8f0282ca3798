"""n MuJoCo simulations of one model, stepped together on a thread pool."""

from collections.abc import Sequence
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

    def step(self, ids: np.ndarray | None = None) -> None:
        """Advance by one control step (1/50 s); derived fields are then current."""
        self.batch.step(ids, nstep=self.substeps, stage=mujoco.mjtStage.mjSTAGE_VEL.value)

    def forward(self, ids: np.ndarray | None = None) -> None:
        """Recompute all derived fields from the state."""
        self.batch.forward(ids)

    def reset(self, ids: np.ndarray) -> None:
        """Put the simulations `ids` back to the model's defaults, warm start included."""
        self.batch.reset(ids, stage=mujoco.mjtStage.mjSTAGE_NONE.value)
