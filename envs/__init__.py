"""Simulated environments: physics, spaces, randomisation, success and failure, oracles."""

from typing import TYPE_CHECKING, Any

from recap_bench.envs import catalog
from recap_bench.envs.catalog import load_task, normalise_task_name, task_names, task_spec

if TYPE_CHECKING:
    from recap_bench.envs.single_env import TaskEnv
    from recap_bench.envs.vector_env import TaskVectorEnv

__all__ = ["catalog", "load_task", "make", "make_vec", "normalise_task_name", "task_names", "task_spec"]


def make(name: str, **options: Any) -> "TaskEnv":
    """Return the task `name` as a gymnasium.Env; `options` are the fields of EnvConfig."""
    from recap_bench.envs.config import EnvConfig
    from recap_bench.envs.single_env import TaskEnv

    return TaskEnv(load_task(name), EnvConfig.of(options))


# gymnasium.make looks here before it loads anything, to wrap for 'rgb_array_list' and 'human'.
make.metadata = {"render_modes": ["rgb_array"], "render_fps": 50}  # type: ignore[attr-defined]


def make_vec(name: str, num_envs: int = 1, **options: Any) -> "TaskVectorEnv":
    """Return `num_envs` simulations of the task `name` as a gymnasium.vector.VectorEnv.

    `options` are the fields of EnvConfig: threads, randomization, start, obs_mode, image_size,
    autoreset_mode, render_mode, render_size, dump_dir.
    """
    from recap_bench.envs.config import EnvConfig
    from recap_bench.envs.vector_env import TaskVectorEnv

    return TaskVectorEnv(load_task(name), num_envs, EnvConfig.of(options))
