"""A task as a dm_env.Environment, for agents and the viewer of dm_control."""

from dataclasses import dataclass
from typing import Any

import dm_env
import mujoco
import numpy as np
from dm_env import specs
from gymnasium import spaces

from recap_bench.envs.single_env import TaskEnv


@dataclass(frozen=True)
class ShownPhysics:
    """The part of dm_control's Physics that its viewer uses.

    dm_control 1.0.50 cannot make a whole Physics with MuJoCo 4.0: its index of names asks for
    fields that MuJoCo has dropped, for its own suite as well.
    """

    model: Any
    """A dm_control.mujoco.wrapper.MjModel."""
    data: Any
    """A dm_control.mujoco.wrapper.MjData."""


class DmEnvAdapter(dm_env.Environment):
    """Wraps a TaskEnv; the discount is 0 after success, failure or divergence and 1 after a time-out.

    For the viewer: `dm_control.viewer.launch(DmEnvAdapter(make("Espresso-v0")))`. It needs a
    display. What it shows is a copy, so that pulling at bodies with the mouse moves nothing.
    """

    def __init__(self, env: TaskEnv, seed: int | None = None) -> None:
        self._env = env
        self._seed = seed
        self._over = True
        self._physics: ShownPhysics | None = None

    def reset(self) -> dm_env.TimeStep:
        """Start an episode: the first one from the seed given at construction, later ones from its stream."""
        observation, _ = self._env.reset(seed=self._seed)
        self._seed = None
        self._over = False
        self._copy_to_physics()
        return dm_env.restart(observation)

    def step(self, action: np.ndarray) -> dm_env.TimeStep:
        """Advance by one control step (1/50 s), or start an episode if the last one is over."""
        if self._over:
            return self.reset()
        observation, reward, terminated, truncated, _ = self._env.step(action)
        self._over = terminated or truncated
        self._copy_to_physics()
        if terminated:
            return dm_env.termination(reward, observation)
        if truncated:
            return dm_env.truncation(reward, observation)
        return dm_env.transition(reward, observation)

    def observation_spec(self) -> dict[str, Any]:
        """Return the specs of the observation, nested as the observation is."""
        return _specs_of(self._env.observation_space, "observation")

    def action_spec(self) -> specs.BoundedArray:
        """Return the spec of the action, (14,) float32."""
        return _specs_of(self._env.action_space, "action")

    @property
    def physics(self) -> ShownPhysics:
        """Model and data that show the simulation; made when first asked for."""
        if self._physics is None:
            from dm_control.mujoco import wrapper  # picks its OpenGL at import, so only on demand

            model = wrapper.MjModel(self._env.vector.simulation.owner(0).batch.get_model(0))
            self._physics = ShownPhysics(model, wrapper.MjData(model))
            self._copy_to_physics()
        return self._physics

    def close(self) -> None:
        """Free what the environment holds."""
        self._physics = None
        self._env.close()

    def _copy_to_physics(self) -> None:
        if self._physics is None:
            return
        simulation, task = self._env.vector.simulation, self._env.vector.task
        task.refresh_visuals(np.array([0]))
        simulation.owner(0).batch.get_model(0, self._physics.model.ptr)
        simulation.owner(0).batch.get_data(0, self._physics.data.ptr)
        mujoco.mj_forward(self._physics.model.ptr, self._physics.data.ptr)


def _specs_of(space: Any, name: str) -> Any:
    """Return the spec of a Box, or a dict of specs for a Dict space."""
    if isinstance(space, spaces.Dict):
        return {key: _specs_of(part, key) for key, part in space.spaces.items()}
    return _array_spec(space, name)


def _array_spec(box: spaces.Box, name: str) -> specs.Array:
    if not (box.is_bounded("below") and box.is_bounded("above")):
        return specs.Array(box.shape, box.dtype, name)
    return specs.BoundedArray(box.shape, box.dtype, box.low, box.high, name)
