"""What the scripted packer sees of one simulation: privileged, measured, always current."""

import numpy as np

from recap_bench.envs.box import parameters as p
from recap_bench.envs.rig import JAW_OPENING_M


class View:
    """Reads one simulation of a BoxAssemblyTask."""

    def __init__(self, task, simulation: int) -> None:  # type: ignore[no-untyped-def]
        batch, model, i = task.simulation.batch, task.simulation.model, simulation
        self._task, self._i, self._process = task, i, task.process
        carton, label, second = task.simulation.body_ids(["carton", "label", "second"])
        self._xpos = {"carton": batch.xpos[i, carton], "label": batch.xpos[i, label], "second": batch.xpos[i, second]}
        self._xmat = {"carton": batch.xmat[i, carton], "label": batch.xmat[i, label]}
        self._hand_xpos = [batch.site_xpos[i, k] for k in task.rig.site_index]
        self._hand_xmat = [batch.site_xmat[i, k] for k in task.rig.site_index]
        self._qpos = batch.qpos[i]
        self._angles = np.array([model.joint(name).qposadr[0] for name in p.PANELS])
        self._jaws = task.rig.qpos_index[:, 6:]

    def process(self, name: str) -> float:
        """Return one process variable or episode parameter (see processes.Work and task.EPISODE_NAMES)."""
        return float(self._process[name][self._i])

    @property
    def carton(self) -> np.ndarray:
        """Middle of the base panel, (3,) [m]."""
        return np.array(self._xpos["carton"])

    @property
    def carton_rotation(self) -> np.ndarray:
        """(3, 3); the first column along the long walls."""
        return np.array(self._xmat["carton"]).reshape(3, 3)

    @property
    def label(self) -> np.ndarray:
        """Middle of the label, (3,) [m]."""
        return np.array(self._xpos["label"])

    @property
    def label_rotation(self) -> np.ndarray:
        """(3, 3); the third column along the pull tab."""
        return np.array(self._xmat["label"]).reshape(3, 3)

    @property
    def label_in_carton(self) -> np.ndarray:
        """Middle of the label in the carton's frame, (3,) [m]."""
        return self.carton_rotation.T @ (self.label - self.carton)

    @property
    def angles(self) -> np.ndarray:
        """Crease angles in the order of PANELS, (8,) [rad]."""
        return self._qpos[self._angles]

    @property
    def latched(self) -> np.ndarray:
        """Which corners are latched, (4,) bool."""
        return self._process["latched"][self._i] > 0

    @property
    def built(self) -> bool:
        """All corners are latched."""
        return bool(self.latched.all())

    @property
    def flat_on_top(self) -> bool:
        """The sheet lies on the pile or on the jig's guides, not folded yet."""
        return bool(self.carton[2] > p.GUIDE_TOP_M - 0.008 and np.abs(self.angles[:2]).max() < 0.6)

    @property
    def clings(self) -> bool:
        """The sheet below sticks to the carton's sheet."""
        return self.process("cling") > 0

    @property
    def second_shift(self) -> float:
        """How far the sheet below has been moved from its place [m]."""
        pile = np.array([self.process("pile_x_m"), self.process("pile_y_m")])
        return float(np.linalg.norm(self._xpos["second"][:2] - pile))

    @property
    def half_length(self) -> float:
        """[m]."""
        return self.process("half_length_m")

    @property
    def half_width(self) -> float:
        """[m]."""
        return self.process("half_width_m")

    @property
    def slot(self) -> np.ndarray:
        """Where the middle of the placed box's base belongs, (3,) [m]."""
        return np.array([self.process("slot_x_m"), self.process("slot_y_m"), p.CRATE_FLOOR_M + p.PANEL_M / 2])

    @property
    def stage(self) -> np.ndarray:
        """Stages reached, (4,) bool."""
        return self._task.stages[self._i]

    def hand(self, side: int) -> tuple[np.ndarray, np.ndarray]:
        """Measured grasp point (3,) and rotation (3, 3) of a hand."""
        return np.array(self._hand_xpos[side]), np.array(self._hand_xmat[side]).reshape(3, 3)

    def jaw(self, side: int) -> float:
        """Measured jaw opening in [0, 1]."""
        return float(self._qpos[self._jaws[side]].sum() / JAW_OPENING_M)
