"""The bimanual rig: two arms on a table, attached from one MJCF, and its 14 actions."""

from importlib import resources

import mujoco
import numpy as np

from recap_bench.envs import kinematics
from recap_bench.envs.simulation import Simulation

SIDES = ("left", "right")
"""Order of the arms in actions and observations (the pi family's order)."""
ARM_BASES_M = {"left": np.array([-0.12, 0.25, 0.0]), "right": np.array([-0.12, -0.25, 0.0])}
"""Where the arms stand: 0.5 m apart, so that both reach the middle of the table."""
JOINTS = ("yaw", "shoulder_pitch", "elbow_pitch", "wrist_roll", "wrist_pitch", "hand_roll")
JAW_OPENING_M = 0.09
"""Opening of the jaws at action value 1."""
ACTION_DIM = 14
ACTION_LOW = np.concatenate([kinematics.JOINT_LOW, [0.0]] * 2).astype(np.float32)
ACTION_HIGH = np.concatenate([kinematics.JOINT_HIGH, [1.0]] * 2).astype(np.float32)
ACTION_NAMES = tuple(f"{side}_{name}" for side in SIDES for name in (*JOINTS, "jaw"))
HOME_GRASP_M = {"left": np.array([0.14, 0.22, 0.24]), "right": np.array([0.14, -0.22, 0.24])}
"""Grasp points of the resting arms, hands pointing down."""
CAMERAS = ("base", "left_wrist", "right_wrist")
TOP_DOWN = np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [-1.0, 0.0, 0.0]])
"""Hand rotation with the approach pointing down and the jaws opening along y."""


def vector_names(name: str, unit: str) -> list[str]:
    """Return the names of a vector's three entries in a state observation, e.g. 'cup_x_m'."""
    return [f"{name}_{axis}{unit}" for axis in "xyz"]


HAND_STATE_NAMES = tuple(
    entry
    for part, unit in (("grasp", "_m"), ("approach", ""), ("jaw_axis", ""))
    for side in SIDES
    for entry in vector_names(f"{side}_{part}", unit)
)
"""Names of both hands' entries in a state observation: grasp points, then approach and jaw axes."""


def load_spec(*path: str) -> mujoco.MjSpec:
    """Return the MjSpec of an MJCF file under recap_bench.assets; it may include station.xml."""
    assets = resources.files("recap_bench.assets")
    station = assets.joinpath("rig", "station.xml").read_bytes()
    text = assets.joinpath(*path).read_text(encoding="utf-8")
    return mujoco.MjSpec.from_string(text, include={"station.xml": station})


def add_arms(scene: mujoco.MjSpec) -> mujoco.MjSpec:
    """Attach both arms to a task's scene, which includes the station, and return it."""
    for side in SIDES:
        frame = scene.worldbody.add_frame(pos=ARM_BASES_M[side])
        scene.attach(load_spec("rig", "arm.xml"), prefix=f"{side}_", frame=frame)
    return scene


class Rig:
    """Reads and drives the two arms of n simulations."""

    def __init__(self, simulation: Simulation) -> None:
        model, batch = simulation.model, simulation.batch
        names = [f"{side}_{joint}" for side in SIDES for joint in (*JOINTS, "jaw_a", "jaw_b")]
        self.qpos_index = np.array([model.joint(name).qposadr[0] for name in names]).reshape(2, 8)
        self.actuator_index = np.array([model.actuator(name).id for name in ACTION_NAMES])
        self.site_index = np.array([model.site(f"{side}_grasp").id for side in SIDES])
        self._qpos, self._ctrl = batch.qpos, batch.ctrl
        self._site_xpos, self._site_xmat = batch.site_xpos, batch.site_xmat
        self._ctrl_scale = np.tile(np.array([1.0] * 6 + [JAW_OPENING_M]), 2)

    def home(self) -> np.ndarray:
        """Return the resting action, (14,): hands down over the near table, jaws open."""
        parts = []
        for side in SIDES:
            target = (HOME_GRASP_M[side] - ARM_BASES_M[side])[None]
            joints, _ = kinematics.inverse(target, TOP_DOWN[None], np.zeros((1, 6)))
            parts += [joints[0], [1.0]]
        return np.concatenate(parts)

    def place(self, ids: np.ndarray, agent_pos: np.ndarray) -> None:
        """Set joint positions and matching targets, (k, 14), at rest."""
        self._ctrl[ids[:, None], self.actuator_index] = agent_pos * self._ctrl_scale
        for arm in range(2):
            part = agent_pos[:, 7 * arm : 7 * arm + 7]
            jaws = np.repeat(part[:, 6:] * JAW_OPENING_M / 2, 2, axis=1)
            self._qpos[ids[:, None], self.qpos_index[arm]] = np.concatenate([part[:, :6], jaws], axis=1)

    def apply(self, ids: np.ndarray, actions: np.ndarray) -> None:
        """Write position targets, (k, 14), into the controls."""
        self._ctrl[ids[:, None], self.actuator_index] = actions * self._ctrl_scale

    def agent_pos(self, ids: np.ndarray) -> np.ndarray:
        """Return joint positions [rad] and jaw openings [0, 1], (k, 14)."""
        arms = self._qpos[ids[:, None, None], self.qpos_index]
        opening = (arms[..., 6:7] + arms[..., 7:8]) / JAW_OPENING_M
        return np.concatenate([arms[..., :6], opening], axis=-1).reshape(len(ids), ACTION_DIM)

    def hands(self, ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return grasp points (k, 2, 3) [m] and hand rotations (k, 2, 3, 3) in the world."""
        index = ids[:, None], self.site_index
        return self._site_xpos[index], self._site_xmat[index].reshape(len(ids), 2, 3, 3)

    def jaw_openings(self, ids: np.ndarray) -> np.ndarray:
        """Return the jaw openings, left then right, (k, 2) in [0, 1]."""
        arms = self._qpos[ids[:, None, None], self.qpos_index[:, 6:]]
        return arms.sum(axis=2) / JAW_OPENING_M

    def targets(self, ids: np.ndarray) -> np.ndarray:
        """Return the commanded positions, (k, 14), in the order of the action."""
        return self._ctrl[ids[:, None], self.actuator_index] / self._ctrl_scale


def solve_hands(position: np.ndarray, rotation: np.ndarray, near: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return joints (k, 2, 6) for world hand poses (k, 2, 3), (k, 2, 3, 3), and reachability (k, 2)."""
    bases = np.stack([ARM_BASES_M[side] for side in SIDES])
    k = len(position)
    joints, reachable = kinematics.inverse(
        (position - bases).reshape(2 * k, 3), rotation.reshape(2 * k, 3, 3), near.reshape(2 * k, 6)
    )
    return joints.reshape(k, 2, 6), reachable.reshape(k, 2)
