"""What the scripted barista sees of one simulation: privileged, measured, always current."""

from typing import TYPE_CHECKING

import numpy as np

from recap_bench.envs.espresso import parameters as p
from recap_bench.envs.rig import JAW_OPENING_M

if TYPE_CHECKING:
    from recap_bench.envs.espresso.task import EspressoTask

CENTRED_M = 0.005
"""Half of what the tamper forgives."""


class View:
    """Reads one simulation of an EspressoTask."""

    def __init__(self, task: "EspressoTask", simulation: int) -> None:
        batch, model, i = task.simulation.batch, task.simulation.model, simulation
        self._i = i
        self._process = task.process
        bodies = task.simulation.body_ids(["portafilter", "cup"])
        self._portafilter_xpos, self._cup_xpos = batch.xpos[i, bodies[0]], batch.xpos[i, bodies[1]]
        self._portafilter_xmat, self._cup_xmat = batch.xmat[i, bodies[0]], batch.xmat[i, bodies[1]]
        self._handle = batch.site_xpos[i, model.site("handle").id]
        self._hand_xpos = [batch.site_xpos[i, k] for k in task.rig.site_index]
        self._hand_xmat = [batch.site_xmat[i, k] for k in task.rig.site_index]
        self._qpos = batch.qpos[i]
        self._tamper = int(model.joint("tamper").qposadr[0])
        self._collar = int(model.joint("collar").qposadr[0])
        self._jaws = task.rig.qpos_index[:, 6:]
        self._sensor = batch.sensordata[i]
        self._force = int(model.sensor("tamper_force").adr[0])
        self.points = task.points

    def process(self, name: str) -> float:
        """Return one process variable (see processes.Brew)."""
        return float(self._process[name][self._i])

    @property
    def portafilter(self) -> np.ndarray:
        """Bottom centre of the basket, (3,) [m]."""
        return np.array(self._portafilter_xpos)

    @property
    def portafilter_rotation(self) -> np.ndarray:
        """(3, 3); the first column points along the handle."""
        return np.array(self._portafilter_xmat).reshape(3, 3)

    @property
    def handle(self) -> np.ndarray:
        """Where to grip the handle, (3,) [m]."""
        return np.array(self._handle)

    @property
    def cup(self) -> np.ndarray:
        """Bottom centre of the cup, (3,) [m]."""
        return np.array(self._cup_xpos)

    @property
    def cup_up(self) -> np.ndarray:
        """(3,)."""
        return np.array(self._cup_xmat).reshape(3, 3)[:, 2]

    def hand(self, side: int) -> tuple[np.ndarray, np.ndarray]:
        """Measured grasp point (3,) and rotation (3, 3) of a hand."""
        return np.array(self._hand_xpos[side]), np.array(self._hand_xmat[side]).reshape(3, 3)

    def jaw(self, side: int) -> float:
        """Measured jaw opening in [0, 1]."""
        return float(self._qpos[self._jaws[side]].sum() / JAW_OPENING_M)

    @property
    def tamper(self) -> float:
        """Travel of the tamper [m], negative when pressed."""
        return float(self._qpos[self._tamper])

    @property
    def tamper_force(self) -> float:
        """Force of the tamper on the basket [N]."""
        return float(self._sensor[self._force])

    @property
    def collar(self) -> float:
        """Angle of the bayonet [rad]."""
        return float(self._qpos[self._collar])

    @property
    def cup_radius(self) -> float:
        """[m]."""
        return self.process("cup_radius_m")

    @property
    def mat(self) -> np.ndarray:
        """Centre of the serving mat, (3,) [m]."""
        return np.array([self.process("mat_x"), self.process("mat_y"), 0.0])

    @property
    def dosed(self) -> bool:
        """A full dose is in the basket."""
        return self.process("dose_g") >= p.DOSE_MIN_G + 0.5

    @property
    def tamped(self) -> bool:
        """The puck is pressed."""
        return self.process("tamp_s") >= p.TAMP_HOLD_S

    @property
    def locked(self) -> bool:
        """The portafilter is turned home."""
        return self.process("locked") > 0

    @property
    def shot_done(self) -> bool:
        """The pump has run and stopped."""
        return self.process("pump_s") > 0 and self.process("pumping") == 0

    def cup_under_spout(self) -> bool:
        """The cup stands on the tray under the spout, as well as the stage asks."""
        offset = self.cup - self.points["tray"]
        return bool(np.hypot(offset[0], offset[1]) < p.SPOUT_OFFSET_M and abs(offset[2]) < 0.006)

    def on_pedestal(self) -> bool:
        """The portafilter stands on the pedestal, centred well enough for a careful barista."""
        offset = self.portafilter - self.points["tamper_axis"]
        return bool(np.hypot(offset[0], offset[1]) < CENTRED_M and abs(offset[2]) < p.TAMP_SEATED_M)
