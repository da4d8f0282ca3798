"""One simulation of a task as a gymnasium.Env: the vector environment with n = 1."""

from dataclasses import replace
from typing import Any

import gymnasium
import numpy as np
from gymnasium.vector import AutoresetMode

from recap_bench.envs.config import EnvConfig
from recap_bench.envs.simulation import CONTROL_HZ
from recap_bench.envs.task import Task, TaskSpec
from recap_bench.envs.vector_env import TaskVectorEnv


class TaskEnv(gymnasium.Env):
    """See TaskVectorEnv for reward, info and seeds; here info holds scalars.

    The attributes `task`, `task_description` and `_max_episode_steps` are LeRobot's conventions.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": CONTROL_HZ}  # noqa: RUF012 (Gymnasium's way)

    def __init__(self, task_class: type[Task], config: EnvConfig | None = None) -> None:
        config = replace(config or EnvConfig(), autoreset_mode=AutoresetMode.DISABLED, threads=1)
        self.vector = TaskVectorEnv(task_class, 1, config)
        """The vector environment inside, for snapshots, progress and oracles."""
        self.render_mode = config.render_mode
        self.observation_space = self.vector.single_observation_space
        self.action_space = self.vector.single_action_space
        self.spec_of_task: TaskSpec = task_class.spec
        self.task = task_class.spec.name
        self.task_description = task_class.spec.instruction
        self._max_episode_steps = task_class.spec.max_episode_steps

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Start a new episode; its start state depends on nothing but the seed."""
        observation, info = self.vector.reset(seed=seed, options=options)
        self._np_random, self._np_random_seed = self.vector.seed_streams[0] or (None, None)
        return _first(observation), _first(info)

    def step(self, action: np.ndarray) -> tuple[dict[str, Any], float, bool, bool, dict[str, Any]]:
        """Advance by one control step (1/50 s); `action` is (14,)."""
        observation, reward, terminated, truncated, info = self.vector.step(np.asarray(action)[None])
        return _first(observation), float(reward[0]), bool(terminated[0]), bool(truncated[0]), _first(info)

    def render(self) -> np.ndarray | None:
        """Return a frame of the base camera, (h, w, 3) uint8."""
        frames = self.vector.render()
        return None if frames is None else frames[0]

    def close(self) -> None:
        """Free the OpenGL context, if there is one."""
        self.vector.close()


def _first(arrays: dict[str, Any]) -> dict[str, Any]:
    """Return entry 0 of each array of a nested dict, as a Python scalar where it is one."""
    return {name: _first(value) if isinstance(value, dict) else _unwrapped(value[0]) for name, value in arrays.items()}


def _unwrapped(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
