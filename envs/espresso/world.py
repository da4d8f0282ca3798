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
        self._portafilter, self._cup, self._slosh = simulation.body_ids(["portafilter", "cup", "slosh"])
        self._handle = model.site("handle").id
        self._joint = {name: int(model.joint(name).qposadr[0]) for name in ("tamper", "collar", "button")}
        self._dof = {name: int(model.joint(name).dofadr[0]) for name in ("portafilter", "cup")}
        self._force = int(model.sensor("tamper_force").adr[0])

    def read(self, ids: np.ndarray) -> World:
        """Return the world of the simulations `ids`."""
        hands, hand_rotations = self.rig.hands(ids)
        xpos, xmat, qpos, qvel = self._xpos, self._xmat, self._qpos, self._qvel
        portafilter, cup = self._dof["portafilter"], self._dof["cup"]
        return World(
            hands=hands,
            hand_rotations=hand_rotations,
            portafilter=xpos[ids, self._portafilter],
            portafilter_rotation=xmat[ids, self._portafilter].reshape(len(ids), 3, 3),
            portafilter_velocity=qvel[ids, portafilter : portafilter + 3],
            handle=self._site_xpos[ids, self._handle],
            cup=xpos[ids, self._cup],
            cup_up=xmat[ids, self._cup].reshape(len(ids), 9)[:, 2::3],
            cup_velocity=qvel[ids, cup : cup + 3],
            liquid_up=xmat[ids, self._slosh].reshape(len(ids), 9)[:, 2::3],
            tamper=qpos[ids, self._joint["tamper"]],
            tamper_force=self._sensor[ids, self._force],
            collar=qpos[ids, self._joint["collar"]],
            button=qpos[ids, self._joint["button"]],
        )
