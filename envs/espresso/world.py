"""What can be read off the espresso scene: poses, forces and angles, as arrays over simulations."""

from dataclasses import dataclass

import numpy as np

from recap_bench.envs.rig import Rig
from recap_bench.envs.simulation import Simulation


@dataclass(frozen=True)
class World:
    """Measured state of k simulations; lengths in m, angles in rad, forces in N."""

    hands: np.ndarray
    """Grasp points, left then right, (k, 2, 3)."""
    hand_rotations: np.ndarray
    """(k, 2, 3, 3): approach, jaw and third axis as columns."""
    portafilter: np.ndarray
    """Bottom centre of the basket, (k, 3)."""
    portafilter_rotation: np.ndarray
    """(k, 3, 3): the first column points along the handle, the third up."""
    portafilter_velocity: np.ndarray
    """(k, 3) [m/s]."""
    handle: np.ndarray
    """Where the handle is gripped, (k, 3)."""
    cup: np.ndarray
    """Bottom centre, (k, 3)."""
    cup_up: np.ndarray
    """(k, 3)."""
    cup_velocity: np.ndarray
    """(k, 3) [m/s]."""
    liquid_up: np.ndarray
    """Normal of the liquid's surface, (k, 3)."""
    tamper: np.ndarray
    """Travel of the tamper, 0 at rest, negative when pressed, (k,)."""
    tamper_force: np.ndarray
    """(k,)."""
    collar: np.ndarray
    """Angle of the group's bayonet, 0 to 0.8, (k,)."""
    button: np.ndarray
    """Travel, (k,)."""


class WorldReader:
    """Binds the arrays of the scene once and reads them for some simulations."""

    def __init__(self, simulation: Simulation, rig: Rig) -> None:
        model, batch = simulation.model, simulation.batch
        self.rig = rig
        self._xpos, self._xmat = batch.xpos, batch.xmat
        self._qpos, self._qvel = batch.qpos, batch.qvel
        self._site_xpos, self._sensor = batch.site_xpos, batch.sensordata
        self._bodies = simulation.body_ids(["portafilter", "cup", "slosh"])
        self._handle = model.site("handle").id
        self._joints = np.array([model.joint(name).qposadr[0] for name in ("tamper", "collar", "button")])
        self._dofs = np.array([model.joint(name).dofadr[0] + np.arange(3) for name in ("portafilter", "cup")])
        self._force = int(model.sensor("tamper_force").adr[0])

    def read(self, ids: np.ndarray) -> World:
        """Return the world of the simulations `ids`."""
        hands, hand_rotations = self.rig.hands(ids)
        rows = ids[:, None]
        position = self._xpos[rows, self._bodies[:2]]
        rotation = self._xmat[rows, self._bodies].reshape(len(ids), 3, 3, 3)
        velocity = self._qvel[ids[:, None, None], self._dofs]
        joints = self._qpos[rows, self._joints]
        return World(
            hands=hands,
            hand_rotations=hand_rotations,
            portafilter=position[:, 0],
            portafilter_rotation=rotation[:, 0],
            portafilter_velocity=velocity[:, 0],
            handle=self._site_xpos[ids, self._handle],
            cup=position[:, 1],
            cup_up=rotation[:, 1, :, 2],
            cup_velocity=velocity[:, 1],
            liquid_up=rotation[:, 2, :, 2],
            tamper=joints[:, 0],
            tamper_force=self._sensor[ids, self._force],
            collar=joints[:, 1],
            button=joints[:, 2],
        )
