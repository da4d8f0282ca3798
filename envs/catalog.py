"""The tasks of the suite: one name each, loaded only when asked for."""

import importlib
from typing import TYPE_CHECKING

from recap_bench.errors import UnknownNameError

if TYPE_CHECKING:  # a task's module imports mujoco, the catalogue must not
    from recap_bench.envs.task import Task, TaskSpec

NAMESPACE = "recap_bench/"

TASKS: dict[str, str] = {
    "Espresso-v0": "recap_bench.envs.espresso.task:EspressoTask",
    "BoxAssembly-v0": "recap_bench.envs.box.task:BoxAssemblyTask",
    "LaundryTshirtsShorts-v0": "recap_bench.envs.laundry.tshirts_shorts:TshirtsShortsTask",
    "LaundryDiverse-v0": "recap_bench.envs.laundry.diverse:DiverseTask",
    "LaundryStrictTshirt-v0": "recap_bench.envs.laundry.strict_tshirt:StrictTshirtTask",
}
"""Task name -> where its class is."""


def task_names() -> list[str]:
    """Return the names of all tasks, without the prefix."""
    return list(TASKS)


def normalise_task_name(name: str) -> str:
    """Return `name` without the prefix 'recap_bench/'; raise UnknownNameError if there is no such task."""
    bare = name.removeprefix(NAMESPACE)
    if bare not in TASKS:
        raise UnknownNameError("task", name, task_names())
    return bare


def load_task(name: str) -> "type[Task]":
    """Return the class of the task `name`."""
    module, _, attribute = TASKS[normalise_task_name(name)].partition(":")
    return getattr(importlib.import_module(module), attribute)


def task_spec(name: str) -> "TaskSpec":
    """Return the facts of the task `name`."""
    return load_task(name).spec
