"""Observation spaces and buffers, float32, with LeRobot's keys."""

from typing import Any

import numpy as np
from gymnasium import spaces

from recap_bench.envs.config import EnvConfig
from recap_bench.envs.rendering import CameraRenderer
from recap_bench.envs.rig import ACTION_DIM, CAMERAS
from recap_bench.envs.task import Task


def single_observation_space(task: Task, config: EnvConfig) -> spaces.Dict:
    """Return the space of one simulation's observation."""
    parts: dict[str, spaces.Space] = {"agent_pos": _vector_space(ACTION_DIM)}
    if config.has_state:
        parts["environment_state"] = _vector_space(len(task.spec.state_names))
    if config.has_pixels:
        image: spaces.Box = spaces.Box(0, 255, (*config.image_shape, 3), dtype=np.uint8)
        parts["pixels"] = spaces.Dict(dict.fromkeys(CAMERAS, image))
    return spaces.Dict(parts)


class Observer:
    """Keeps the latest observation of every simulation; only what changed is computed again."""

    def __init__(self, task: Task, config: EnvConfig, renderer: CameraRenderer) -> None:
        n = task.simulation.n
        self._task = task
        self._renderer = renderer
        self._config = config
        self._agent_pos = np.zeros((n, ACTION_DIM), np.float32)
        self._state = np.zeros((n, len(task.spec.state_names)), np.float32)
        self._pixels: dict[str, np.ndarray] = {}
        if config.has_pixels:
            self._pixels = {camera: np.zeros((n, *config.image_shape, 3), np.uint8) for camera in CAMERAS}

    def update(self, ids: np.ndarray) -> np.ndarray:
        """Observe the simulations `ids`; return which of them gave finite numbers, (k,) bool."""
        agent_pos = self._task.agent_pos(ids).astype(np.float32)
        state = self._task.environment_state(ids).astype(np.float32)
        self._agent_pos[ids] = agent_pos
        self._state[ids] = state
        return np.all(np.isfinite(agent_pos), axis=1) & np.all(np.isfinite(state), axis=1)

    def update_pixels(self, ids: np.ndarray) -> None:
        """Render the simulations `ids`, if the observation holds pixels."""
        if self._config.has_pixels and len(ids):
            for camera, frames in self._renderer.render(ids, CAMERAS, self._config.image_shape).items():
                self._pixels[camera][ids] = frames

    def clear(self, ids: np.ndarray) -> None:
        """Zero the numbers observed of the simulations `ids`, whose physics broke down."""
        self._agent_pos[ids] = 0.0
        self._state[ids] = 0.0

    def copy(self) -> dict[str, Any]:
        """Return the observation of all simulations, in arrays that nobody else holds."""
        observation: dict[str, Any] = {"agent_pos": self._agent_pos.copy()}
        if self._config.has_state:
            observation["environment_state"] = self._state.copy()
        if self._config.has_pixels:
            observation["pixels"] = {camera: frames.copy() for camera, frames in self._pixels.items()}
        return observation


def _vector_space(size: int) -> spaces.Box:
    return spaces.Box(-np.inf, np.inf, (size,), np.float32)
