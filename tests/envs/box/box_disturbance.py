"""Disturbances in the middle of the box task, from which the oracle must recover."""

import numpy as np
from disturbing import open_jaws, push_arms, put
from exam import Disturbance

from recap_bench.envs.box import parameters as p
from recap_bench.envs.box.task import BoxAssemblyTask

KINDS = ("sheet_shifted", "label_shifted", "box_put_back", "arms_moved")


def disturb(task: BoxAssemblyTask, i: int, kind: str, rng: np.random.Generator) -> None:
    """Change the state of simulation `i` as a person in the way would; nothing is dropped by it."""
    ids = np.array([i])
    stuck, built = task.process["stuck"][i] > 0, task.process["latched"][i].all()
    if kind == "sheet_shifted" and _flat_on_jig(task, i):
        for side in (0, 1):
            open_jaws(task, i, side)
        half = 0.5 * rng.uniform(-0.06, 0.06)
        offset = np.array([*rng.uniform(-0.010, 0.010, 2), p.GUIDE_TOP_M + 0.002])
        put(task, i, "carton", np.array([*(p.JIG_M + offset), np.cos(half), 0, 0, np.sin(half)]))
    elif kind == "label_shifted" and not stuck:
        open_jaws(task, i, side=1)
        half = 0.5 * rng.uniform(-0.5, 0.5)
        dispenser = task.cell(ids).dispenser[0]
        place = dispenser + np.array([*rng.uniform(-0.008, 0.008, 2), 0.0015])
        put(task, i, "label", np.array([*place, np.cos(half), 0, 0, np.sin(half)]))
    elif kind == "box_put_back" and built and stuck:
        open_jaws(task, i, side=0)
        _put_box_into_jig(task, i)
    else:
        push_arms(task, i, rng)
        return
    task.simulation.batch.qvel[i] = 0.0
    task.simulation.forward(ids)


def _flat_on_jig(task: BoxAssemblyTask, i: int) -> bool:
    world = task.world(np.array([i]))
    carton, flat = world.carton[0], np.abs(world.angles[0]).max() < 0.3
    return bool(flat and abs(carton[2] - p.GUIDE_TOP_M) < 0.008 and carton[0] < 0.2)


def _put_box_into_jig(task: BoxAssemblyTask, i: int) -> None:
    """Move box and label together to where the box was built."""
    stuck_at = task.process["stuck_at"][i]
    place = p.JIG_M + np.array([0.0, 0.0, p.JIG_FLOOR_M + 0.5 * p.PANEL_M + 0.0005])
    put(task, i, "carton", np.array([*place, 1, 0, 0, 0]))
    put(task, i, "label", np.array([*(place + stuck_at[:3]), *stuck_at[3:]]))


DISTURBANCE = Disturbance(KINDS, disturb, steps=(40, 1100))
