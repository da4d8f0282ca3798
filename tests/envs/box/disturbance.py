"""Disturbances in the middle of the box task, from which the oracle must recover."""

import numpy as np

from recap_bench.envs.box import parameters as p
from recap_bench.envs.box.task import BoxAssemblyTask
from recap_bench.envs.rig import ACTION_HIGH, ACTION_LOW

KINDS = ("sheet_shifted", "label_shifted", "box_put_back", "arms_moved")


def disturb(task: BoxAssemblyTask, i: int, kind: str, rng: np.random.Generator) -> None:
    """Change the state of simulation `i` as a person in the way would; nothing is dropped by it."""
    ids = np.array([i])
    stuck, built = task.process["stuck"][i] > 0, task.process["latched"][i].all()
    world = task.world(ids)
    flat_on_jig = not built and abs(world.carton[0, 2] - p.GUIDE_TOP_M) < 0.008 and np.abs(world.angles[0]).max() < 0.3
    if kind == "sheet_shifted" and flat_on_jig and world.carton[0, 0] < 0.2:
        open_jaws(task, i, (0, 1))
        half = 0.5 * rng.uniform(-0.06, 0.06)
        offset = np.array([*rng.uniform(-0.010, 0.010, 2), p.GUIDE_TOP_M + 0.002])
        _put(task, i, "carton", [*(p.JIG_M + offset), np.cos(half), 0, 0, np.sin(half)])
    elif kind == "label_shifted" and not stuck:
        open_jaws(task, i, (1,))
        half = 0.5 * rng.uniform(-0.5, 0.5)
        dispenser = task.cell(ids).dispenser[0]
        place = dispenser + np.array([*rng.uniform(-0.008, 0.008, 2), 0.0015])
        _put(task, i, "label", [*place, np.cos(half), 0, 0, np.sin(half)])
    elif kind == "box_put_back" and built and stuck:
        open_jaws(task, i, (0,))
        _put_box_into_jig(task, i)
    else:
        push_arms(task, i, rng)
        return
    task.simulation.forward(ids)


def push_arms(task: BoxAssemblyTask, i: int, rng: np.random.Generator) -> None:
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


def open_jaws(task: BoxAssemblyTask, i: int, sides: tuple[int, ...]) -> None:
    """Put some arms, jaws open, into their resting posture; the others keep theirs."""
    ids = np.array([i])
    targets, posture = task.rig.targets(ids), task.rig.agent_pos(ids)
    for side in sides:
        one = slice(7 * side, 7 * side + 7)
        posture[0, one] = targets[0, one] = task.rig.home()[one]
    task.rig.place(ids, posture)
    task.rig.apply(ids, targets)
    task.simulation.batch.qvel[i] = 0.0


def _put_box_into_jig(task: BoxAssemblyTask, i: int) -> None:
    """Move box and label together to where the box was built."""
    ids = np.array([i])
    world, stuck_at = task.world(ids), task.process["stuck_at"][i]
    place = p.JIG_M + np.array([0.0, 0.0, p.JIG_FLOOR_M + 0.5 * p.PANEL_M + 0.0005])
    assert world.carton.shape == (1, 3)
    _put(task, i, "carton", [*place, 1, 0, 0, 0])
    _put(task, i, "label", [*(place + stuck_at[:3]), *stuck_at[3:]])


def _put(task: BoxAssemblyTask, i: int, name: str, pose: list[float]) -> None:
    at = task.start.address[name]
    task.simulation.batch.qpos[i, at : at + 7] = pose
