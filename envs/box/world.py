"""What can be read off the packing scene: poses, crease angles and forces, as arrays over simulations."""

from dataclasses import dataclass

import numpy as np

from recap_bench.envs.box import parameters as p
from recap_bench.envs.rig import Rig
from recap_bench.envs.simulation import Simulation


@dataclass(frozen=True)
class World:
    """Measured state of k simulations; lengths in m, angles in rad, forces in N."""

    hands: np.ndarray
    """Grasp points, left then right, (k, 2, 3)."""
    hand_rotations: np.ndarray
    """(k, 2, 3, 3): approach, jaw and third axis as columns."""
    jaws: np.ndarray
    """Jaw openings in [0, 1], (k, 2)."""
    carton: np.ndarray
    """Middle of the base panel, (k, 3)."""
    carton_rotation: np.ndarray
    """(k, 3, 3): the first column along the long walls, the third out of the open side."""
    carton_velocity: np.ndarray
    """(k, 3) [m/s]."""
    angles: np.ndarray
    """Crease angles in the order of PANELS, 0 flat, pi/2 folded, (k, 8)."""
    base_force: np.ndarray
    """Sum of the contact forces on the base panel, (k,)."""
    label: np.ndarray
    """Middle of the label, (k, 3)."""
    label_rotation: np.ndarray
    """(k, 3, 3): the third column along the pull tab."""
    label_velocity: np.ndarray
    """(k, 3) [m/s]."""
    label_in_carton: np.ndarray
    """Middle of the label in the carton's frame, (k, 3)."""
    second: np.ndarray
    """Middle of the sheet below, (k, 3)."""
    second_rotation: np.ndarray
    """(k, 3, 3)."""


class WorldReader:
    """Binds the arrays of the scene once and reads them for some simulations."""

    def __init__(self, simulation: Simulation, rig: Rig) -> None:
        model, batch = simulation.model, simulation.batch
        self.rig = rig
        self._xpos, self._xmat = batch.xpos, batch.xmat
        self._qpos, self._qvel, self._sensor = batch.qpos, batch.qvel, batch.sensordata
        self._carton, self._label, self._second = simulation.body_ids(["carton", "label", "second"])
        self._angles = np.array([model.joint(name).qposadr[0] for name in p.PANELS])
        self._dof = {name: int(model.joint(name).dofadr[0]) for name in ("carton", "label")}
        self._force = int(model.sensor("base_force").adr[0])

    def read(self, ids: np.ndarray) -> World:
        """Return the world of the simulations `ids`."""
        hands, hand_rotations = self.rig.hands(ids)
        k = len(ids)
        carton, carton_rotation = self._xpos[ids, self._carton], self._xmat[ids, self._carton].reshape(k, 3, 3)
        label = self._xpos[ids, self._label]
        carton_dof, label_dof = self._dof["carton"], self._dof["label"]
        return World(
            hands=hands,
            hand_rotations=hand_rotations,
            jaws=self.rig.jaw_openings(ids),
            carton=carton,
            carton_rotation=carton_rotation,
            carton_velocity=self._qvel[ids, carton_dof : carton_dof + 3],
            angles=self._qpos[ids[:, None], self._angles],
            base_force=self._sensor[ids, self._force],
            label=label,
            label_rotation=self._xmat[ids, self._label].reshape(k, 3, 3),
            label_velocity=self._qvel[ids, label_dof : label_dof + 3],
            second=self._xpos[ids, self._second],
            second_rotation=self._xmat[ids, self._second].reshape(k, 3, 3),
            label_in_carton=np.einsum("kji,kj->ki", carton_rotation, label - carton),
        )


def tilt(rotation: np.ndarray) -> np.ndarray:
    """Angle between the third column of rotations (k, 3, 3) and the vertical, (k,)."""
    return np.arccos(np.clip(rotation[:, 2, 2], -1.0, 1.0))


def yaw(rotation: np.ndarray) -> np.ndarray:
    """Angle of the first column of rotations (k, 3, 3) about the vertical, folded to a half turn's symmetry, (k,)."""
    angle = np.arctan2(rotation[:, 1, 0], rotation[:, 0, 0])
    return (angle + np.pi / 2) % np.pi - np.pi / 2
