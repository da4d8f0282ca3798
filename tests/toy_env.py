"""A numpy stand-in for TaskVectorEnv: same surface, microseconds per step, no mujoco physics.

One joint (the first of 14) has to go to a target and come back to zero, no faster than it can follow. Beyond
`EDGE` it falls off (failure). Everything that changes is a function of the slot's seed and actions.
"""

from collections.abc import Sequence
from types import SimpleNamespace

import gymnasium
import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv

from recap_bench.envs.catalog import load_task
from recap_bench.envs.operators import OperatorProfile
from recap_bench.envs.task import TaskSpec

SPEED = 0.05
"""Most that the joint moves in a step."""
WINDOW = 0.03
"""Distance at which a stage counts as reached."""
EDGE = 0.95
"""Position beyond which the episode fails."""

SPEC = TaskSpec(
    name="Espresso-v0",  # a name that the catalogue knows, so that configs validate
    instruction="Touch the target and come back.",
    paraphrases=("go there and return",),
    stages=("touch", "return"),
    failure_modes=("none", "fell", "time_out", "diverged"),
    proficient_time_s=0.8,
    paper_time_limit_s=3.0,
    paper_proficient_time_s=0.8,
    state_names=("target", "touched", "position"),
    patience_s=0.4,
)


class ToyOracle:
    """Moves to the target and back; an operator with a mistake heads for the edge instead."""

    def __init__(self, env: "ToyVectorEnv") -> None:
        self._env = env
        self._speed = np.ones(env.num_envs)
        self._aim = np.zeros(env.num_envs)
        self._mistake = np.zeros(env.num_envs, bool)

    def begin(self, ids: np.ndarray, profiles: Sequence[OperatorProfile], rngs: Sequence[np.random.Generator]) -> None:
        for slot, profile, rng in zip(ids, profiles, rngs, strict=True):
            self._speed[slot] = profile.speed
            self._aim[slot] = rng.normal(0, profile.aim_noise_m)
            self._mistake[slot] = rng.random() < profile.mistake_probability

    def act(self, ids: np.ndarray) -> np.ndarray:
        env = self._env
        goal = np.where(env.touched[ids], 0.0, env.target[ids] + self._aim[ids])
        goal = np.where(self._mistake[ids], 1.0, goal)
        step = SPEED * np.minimum(self._speed[ids], 1.0)
        actions = np.zeros((len(ids), 14), np.float32)
        actions[:, 0] = env.position[ids] + np.clip(goal - env.position[ids], -step, step)
        return actions

    def phase(self, simulation: int) -> str:
        return "return" if self._env.touched[simulation] else "touch"


class ToyVectorEnv(VectorEnv):
    """n toy simulations; `diverging` seeds break down at their tenth step."""

    spec_of_task = SPEC
    task = SimpleNamespace(start_name=load_task(SPEC.name).start_named(None), randomization="standard")

    def __init__(self, num_envs: int, diverging: Sequence[int] = ()) -> None:
        self.num_envs = num_envs
        self.metadata = {"autoreset_mode": AutoresetMode.DISABLED}
        box = gymnasium.spaces.Box
        self.single_observation_space = gymnasium.spaces.Dict(
            agent_pos=box(-1, 1, (14,), np.float32), environment_state=box(-2, 2, (3,), np.float32)
        )
        self.single_action_space = box(-1, 1, (14,), np.float32)
        self.steps_taken = 0
        self._diverging = set(diverging)
        self.position, self.target = np.zeros(num_envs), np.zeros(num_envs)
        self.touched, self.returned = np.zeros(num_envs, bool), np.zeros(num_envs, bool)
        self._seeds, self._elapsed = np.full(num_envs, -1), np.zeros(num_envs, np.int64)
        self._failure = np.full(num_envs, "none", dtype="<U16")
        self._over = np.ones(num_envs, bool)

    def reset(self, *, seed=None, options=None):
        mask = np.ones(self.num_envs, bool) if options is None else options["reset_mask"]
        for slot in np.flatnonzero(mask):
            self._seeds[slot] = seed[slot]
            self.target[slot] = np.random.default_rng(int(seed[slot])).uniform(0.3, 0.8)
        for array in (self.position, self.touched, self.returned, self._elapsed, self._over):
            array[mask] = 0
        self._failure[mask] = "none"
        return self._observation(), self._info()

    def step(self, actions):
        if (self._seeds < 0).any():
            raise gymnasium.error.ResetNeeded("Reset every simulation before the first step.")
        self.steps_taken += 1
        ids = np.flatnonzero(~self._over)
        self._elapsed[ids] += 1
        self.position[ids] += np.clip(actions[ids, 0] - self.position[ids], -SPEED, SPEED)
        self.touched[ids] |= np.abs(self.position[ids] - self.target[ids]) < WINDOW
        self.returned[ids] |= self.touched[ids] & (np.abs(self.position[ids]) < WINDOW)
        self._failure[ids[self.position[ids] > EDGE]] = "fell"
        self._failure[ids[np.isin(self._seeds[ids], list(self._diverging)) & (self._elapsed[ids] >= 10)]] = "diverged"
        terminated = ~self._over & (self.returned | (self._failure != "none"))
        truncated = ~self._over & ~terminated & (self._elapsed >= SPEC.max_episode_steps)
        self._failure[truncated] = "time_out"
        self._over |= terminated | truncated
        return self._observation(), -1.0 + self.returned, terminated, truncated, self._info()

    def progress(self) -> np.ndarray:
        nearness = 1 - np.minimum(1, np.abs(self.position - self.target))
        first = np.where(self.touched, 1.0, nearness)
        second = np.where(self.touched, 1 - np.minimum(1, np.abs(self.position)), 0.0)
        return np.stack([first, second], axis=1)

    def hazards(self) -> dict[str, np.ndarray]:
        return {"near_edge": self.position > EDGE - 4 * SPEED}

    def make_oracle(self) -> ToyOracle:
        return ToyOracle(self)

    def _observation(self) -> dict[str, np.ndarray]:
        agent_pos = np.zeros((self.num_envs, 14), np.float32)
        agent_pos[:, 0] = self.position
        state = np.stack([self.target, self.touched, self.position], axis=1)
        return {"agent_pos": agent_pos, "environment_state": state.astype(np.float32)}

    def _info(self) -> dict[str, np.ndarray]:
        stages = np.stack([self.touched, self.returned], axis=1)
        return {
            "is_success": self.returned & (self._failure == "none"),
            "stages": stages,
            "stages_done": stages.sum(axis=1),
            "failure_mode": self._failure.copy(),
            "seed": self._seeds.copy(),
            "step": self._elapsed.copy(),
        }


class SteadyPolicy:
    """Heads for the target and back in chunks, with noise; stalls short of it when `reach` < 1, falls when > 1."""

    execute_steps = 5

    def __init__(self, reach: float = 1.0, noise: float = 0.002) -> None:
        self.reach, self.noise = reach, noise
        self.batch_sizes: list[int] = []

    def act(self, observation, instructions, rngs) -> np.ndarray:
        self.batch_sizes.append(len(rngs))
        target, touched, position = observation["environment_state"].T
        goal = np.where(touched > 0, 0.0, target * self.reach)
        steps = np.arange(1, 9) * SPEED
        path = position[:, None] + np.clip((goal - position)[:, None], -steps, steps)
        chunks = np.zeros((len(rngs), 8, 14), np.float32)
        chunks[..., 0] = path + np.stack([rng.normal(0, self.noise, 8) for rng in rngs])
        return chunks
