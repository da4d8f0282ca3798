"""Disturbances in the middle of the espresso task, from which the oracle must recover."""

import numpy as np

from recap_bench.envs.espresso.task import EspressoTask
from recap_bench.envs.rig import ACTION_HIGH, ACTION_LOW

KINDS = ("portafilter_put_down", "cup_shifted", "arms_moved")


def disturb(task: EspressoTask, i: int, kind: str, rng: np.random.Generator) -> None:
    """Change the state of simulation `i` as a person in the way would; nothing is dropped by it."""
    ids = np.array([i])
    qvel = task.simulation.batch.qvel
    if kind == "portafilter_put_down" and task.process["engaged"][i] == 0:
        open_jaws(task, i, side=1)
        half = 0.5 * (np.pi + rng.uniform(-0.6, 0.6))
        place = np.array([rng.uniform(0.17, 0.27), rng.uniform(-0.30, -0.20), 0.0, np.cos(half), 0, 0, np.sin(half)])
        _put(task, i, "portafilter", place)
    elif kind == "cup_shifted" and task.process["pump_s"][i] == 0:
        open_jaws(task, i, side=0)
        _put(task, i, "cup", np.array([rng.uniform(0.22, 0.34), rng.uniform(0.22, 0.34), 0.0, 1, 0, 0, 0]))
    else:
        push_arms(task, i, rng)
        return
    qvel[i] = 0.0
    task.simulation.forward(ids)


def push_arms(task: EspressoTask, i: int, rng: np.random.Generator) -> None:
    """Push both arms a few centimetres off their way within half a second."""
    ids = np.array([i])
    start, joints = task.rig.targets(ids), np.r_[0:6, 7:13]
    push = rng.uniform(-0.06, 0.06, 12)
    for k in range(1, 26):
        targets = start.copy()
        targets[:, joints] += push * k / 25
        task.apply(ids, np.clip(targets, ACTION_LOW, ACTION_HIGH))
        task.simulation.step(ids)
        task.advance(ids)


def open_jaws(task: EspressoTask, i: int, side: int) -> None:
    """Put one arm, jaws open, into its resting posture; the other keeps its posture and its targets."""
    ids = np.array([i])
    one = slice(7 * side, 7 * side + 7)
    targets, posture = task.rig.targets(ids), task.rig.agent_pos(ids)
    posture[0, one] = targets[0, one] = task.rig.home()[one]
    task.rig.place(ids, posture)
    task.rig.apply(ids, targets)


def _put(task: EspressoTask, i: int, name: str, pose: np.ndarray) -> None:
    at = task.start.address[name]
    task.simulation.batch.qpos[i, at : at + 7] = pose
