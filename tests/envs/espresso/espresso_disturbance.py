"""Disturbances in the middle of the espresso task, from which the oracle must recover."""

import numpy as np
from disturbing import open_jaws, push_arms, put
from exam import Disturbance

from recap_bench.envs.espresso.task import EspressoTask

KINDS = ("portafilter_put_down", "cup_shifted", "arms_moved")


def disturb(task: EspressoTask, i: int, kind: str, rng: np.random.Generator) -> str:
    """Change the state of simulation `i` as a person in the way would; nothing is dropped. Return what was done."""
    ids = np.array([i])
    qvel = task.simulation.batch.qvel
    if kind == "portafilter_put_down" and task.process["engaged"][i] == 0:
        open_jaws(task, i, side=1)
        half = 0.5 * (np.pi + rng.uniform(-0.6, 0.6))
        place = np.array([rng.uniform(0.17, 0.27), rng.uniform(-0.30, -0.20), 0.0, np.cos(half), 0, 0, np.sin(half)])
        put(task, i, "portafilter", place)
    elif kind == "cup_shifted" and task.process["pump_s"][i] == 0:
        open_jaws(task, i, side=0)
        put(task, i, "cup", np.array([rng.uniform(0.22, 0.34), rng.uniform(0.22, 0.34), 0.0, 1, 0, 0, 0]))
    else:
        push_arms(task, i, rng)
        return "arms_moved"
    qvel[i] = 0.0
    task.simulation.forward(ids)
    return kind


DISTURBANCE = Disturbance(KINDS, disturb, steps=(40, 760))
