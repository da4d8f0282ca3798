"""Run the episodes of many seeds through n simulations and hand each out when it ends."""

from collections.abc import Iterator, Sequence
from itertools import count
from typing import TYPE_CHECKING, Any

import numpy as np
from gymnasium.vector import AutoresetMode

from recap_bench.data.episode import Episode
from recap_bench.envs.simulation import CONTROL_HZ
from recap_bench.errors import ConfigurationError
from recap_bench.loop.pilots import Controllers, make_pilot
from recap_bench.loop.recorder import Origin, Recorder

if TYPE_CHECKING:
    from recap_bench.envs.vector_env import TaskVectorEnv


def collect(env: "TaskVectorEnv", controllers: Controllers, seeds: Sequence[int], origin: Origin) -> Iterator[Episode]:
    """Yield one episode per environment seed, in the order in which they end.

    A slot gets the next seed when its episode has ended and the others start their next chunks, so that one inference
    serves all of them. What happens in an episode depends on its seed and on `origin.run_seed` only, not on the slot,
    the order or the number of simulations (up to the rounding of a policy at different batch sizes). Diverged episodes
    are yielded too.
    Raises ConfigurationError unless `env` uses AutoresetMode.DISABLED.
    """
    mode = env.metadata.get("autoreset_mode")
    if mode is not AutoresetMode.DISABLED:
        raise ConfigurationError(f"A rollout needs an environment with AutoresetMode.DISABLED, received {mode}.")
    rollout = _Rollout(env, controllers, origin)
    waiting = list(reversed(seeds))
    rollout.begin(np.arange(env.num_envs)[: len(waiting)], waiting)
    period = controllers.policy.execute_steps if controllers.policy else 1
    for clock in count(1) if seeds else ():
        ended = rollout.step()
        yield from (rollout.recorder.episode(slot, rollout.pilot.profiles[slot]) for slot in ended)
        if clock % period == 0:
            rollout.begin(np.flatnonzero(~rollout.active)[: len(waiting)], waiting)
        if not (rollout.active.any() or waiting):
            return


class _Rollout:
    """The running episodes of one call of `collect`."""

    def __init__(self, env: "TaskVectorEnv", controllers: Controllers, origin: Origin) -> None:
        self.active = np.zeros(env.num_envs, bool)
        """Slots with a running episode, (n,)."""
        self.recorder = Recorder(env, origin, CONTROL_HZ)
        self.pilot = make_pilot(env, controllers, origin.run_seed)
        self._env = env
        self._observation: dict[str, np.ndarray] = {}
        self._stages_done = np.zeros(env.num_envs, np.int64)

    def begin(self, slots: np.ndarray, waiting: list[int]) -> None:
        """Start an episode in each of `slots` (k,), with seeds from the end of `waiting`."""
        if not len(slots):
            return
        seeds = [waiting.pop() for _ in slots]
        never_reset = np.flatnonzero(self._reset(slots, seeds)["seed"] < 0)
        if len(never_reset):  # the environment demands it; without an episode they just run along
            self._reset(never_reset, [seeds[0]] * len(never_reset))
        self.active[slots] = True
        self.recorder.begin(slots, seeds)
        self.pilot.begin(slots, seeds)

    def _reset(self, slots: np.ndarray, seeds: Sequence[int]) -> dict[str, Any]:
        slot_seeds: list[int | None] = [None] * self._env.num_envs
        mask = np.zeros(self._env.num_envs, bool)
        for slot, seed in zip(slots, seeds, strict=True):
            slot_seeds[slot], mask[slot] = seed, True
        self._observation, info = self._env.reset(seed=slot_seeds, options={"reset_mask": mask})
        self._stages_done = info["stages_done"]
        return info

    def step(self) -> np.ndarray:
        """Act once in every running episode and return the slots whose episodes ended."""
        ids = np.flatnonzero(self.active)
        decision = self.pilot.decide(ids, self._observation, self._stages_done)
        self.recorder.before(ids, self._observation, decision)
        actions = np.array(self._observation["agent_pos"], np.float32)  # slots without an episode ignore theirs
        actions[ids] = decision.actions
        self._observation, _, terminated, truncated, info = self._env.step(actions)
        self._stages_done = info["stages_done"]
        self.recorder.after(ids, info, truncated)
        ended = ids[(terminated | truncated)[ids]]
        self.active[ended] = False
        return ended
