"""What can be done to a running episode of any task, to see whether its operator recovers."""

import numpy as np

from recap_bench.envs.rig import ACTION_HIGH, ACTION_LOW
from recap_bench.envs.task import Task


def push_arms(task: Task, i: int, rng: np.random.Generator) -> None:
    """Push both arms of simulation `i` a few centimetres off their way within half a second."""
    ids = np.array([i])
    start, joints = task.rig.targets(ids), np.r_[0:6, 7:13]
    push = rng.uniform(-0.06, 0.06, 12)
    for k in range(1, 26):
        targets = start.copy()
        targets[:, joints] += push * k / 25
        task.apply(ids, np.clip(targets, ACTION_LOW, ACTION_HIGH))
        task.simulation.step(ids)
        task.advance(ids)


def open_jaws(task: Task, i: int, side: int) -> None:
    """Put one arm, jaws open, into its resting posture; the other keeps its posture and its targets."""
    ids = np.array([i])
    one = slice(7 * side, 7 * side + 7)
    targets, posture = task.rig.targets(ids), task.rig.agent_pos(ids)
    posture[0, one] = targets[0, one] = task.rig.home()[one]
    task.rig.place(ids, posture)
    task.rig.apply(ids, targets)


def put(task: Task, i: int, name: str, pose: np.ndarray) -> None:
    """Move a free body of simulation `i` to a pose (7,)."""
    at = task.start.address[name]
    task.simulation.batch.qpos[i, at : at + 7] = pose
