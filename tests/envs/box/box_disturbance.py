"""Disturbances in the middle of the box task, from which the oracle must recover."""

import numpy as np
from disturbing import open_jaws, push_arms, put
from exam import Disturbance

from recap_bench.envs.box import parameters as p
from recap_bench.envs.box.task import BoxAssemblyTask

KINDS = ("sheet_shifted", "label_shifted", "box_put_back", "arms_moved")


def disturb(task: BoxAssemblyTask, i: int, kind: str, rng: np.random.Generator) -> str:
    """Change the state of simulation `i` as a person in the way would; nothing is dropped. Return what was done.

    What the state does not allow is replaced by the next kind that it does.
    """
    ids = np.array([i])
    at = KINDS.index(kind)
    done = next(each for each in (*KINDS[at:], *KINDS[:at]) if _possible(task, i, each))
    if done == "arms_moved":
        push_arms(task, i, rng)
        return done
    if done == "sheet_shifted":
        _shift_sheet(task, i, rng)
    elif done == "label_shifted":
        open_jaws(task, i, side=1)
        half = 0.5 * rng.uniform(-0.5, 0.5)
        place = task.cell(ids).dispenser[0] + np.array([*rng.uniform(-0.008, 0.008, 2), 0.0015])
        put(task, i, "label", np.array([*place, np.cos(half), 0, 0, np.sin(half)]))
    else:
        open_jaws(task, i, side=0)
        _put_box_into_jig(task, i)
    task.simulation.batch.qvel[i] = 0.0
    task.simulation.forward(ids)
    return done


def _possible(task: BoxAssemblyTask, i: int, kind: str) -> bool:
    stuck, built = task.process["stuck"][i] > 0, bool(task.process["latched"][i].all())
    return {
        "sheet_shifted": _flat_on_jig(task, i) or _on_pile(task, i),
        "label_shifted": not stuck,
        "box_put_back": built and stuck,
        "arms_moved": True,
    }[kind]


def _flat_on_jig(task: BoxAssemblyTask, i: int) -> bool:
    world = task.world(np.array([i]))
    carton, flat = world.carton[0], np.abs(world.angles[0]).max() < 0.3
    return bool(flat and abs(carton[2] - p.GUIDE_TOP_M) < 0.008 and carton[0] < 0.2)


def _on_pile(task: BoxAssemblyTask, i: int) -> bool:
    """The sheet lies on the pile and does not stick to the one below."""
    return bool(task.world(np.array([i])).carton[0, 0] > 0.40 and task.process["cling"][i] == 0)


def _shift_sheet(task: BoxAssemblyTask, i: int, rng: np.random.Generator) -> None:
    """Shift and turn the sheet where it lies: on the jig, or on the pile."""
    for side in (0, 1):
        open_jaws(task, i, side)
    place = p.JIG_M + np.array([0.0, 0.0, p.GUIDE_TOP_M + 0.002])
    if _on_pile(task, i):
        place = task.cell(np.array([i])).pile[0] + np.array([0.0, 0.0, 1.5 * p.PANEL_M + 0.002])
    half, offset = 0.5 * rng.uniform(-0.06, 0.06), np.append(rng.uniform(-0.010, 0.010, 2), 0.0)
    put(task, i, "carton", np.array([*(place + offset), np.cos(half), 0, 0, np.sin(half)]))


def _put_box_into_jig(task: BoxAssemblyTask, i: int) -> None:
    """Move box and label together to where the box was built."""
    stuck_at = task.process["stuck_at"][i]
    place = p.JIG_M + np.array([0.0, 0.0, p.JIG_FLOOR_M + 0.5 * p.PANEL_M + 0.0005])
    put(task, i, "carton", np.array([*place, 1, 0, 0, 0]))
    put(task, i, "label", np.array([*(place + stuck_at[:3]), *stuck_at[3:]]))


DISTURBANCE = Disturbance(KINDS, disturb, steps=(40, 1100))
