"""Plays whole episodes of the espresso task, one simulation per episode, and keeps how they ended."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from disturbance import KINDS, disturb

from recap_bench.envs import make_vec
from recap_bench.envs.espresso.task import EspressoTask
from recap_bench.envs.operators import profile
from recap_bench.envs.simulation import CONTROL_HZ, Simulation
from recap_bench.envs.vector_env import TaskVectorEnv

Pilot = Callable[[np.ndarray], np.ndarray]
"""Actions (k, 14) for the simulations `ids` (k,) that are still running."""


@dataclass(frozen=True)
class Result:
    """How n episodes ended."""

    success: np.ndarray
    """(n,) bool."""
    failure_mode: np.ndarray
    """(n,) str, 'none' after success."""
    time_s: np.ndarray
    """Length of the episode, (n,)."""
    actions: list[np.ndarray]
    """Of each episode, (T, 14)."""

    def failures(self) -> str:
        """Name the episodes that failed and how, for messages."""
        return ", ".join(f"{i}: {self.failure_mode[i]}" for i in np.flatnonzero(~self.success)) or "no failure"


def play(make_pilot: Callable[[TaskVectorEnv], Pilot], seeds: Sequence[int]) -> Result:
    """Play one episode for each seed, all together, each to its end."""
    env = make_vec("Espresso-v0", len(seeds), threads=1, autoreset_mode="Disabled")
    _, info = env.reset(seed=list(seeds))
    pilot = make_pilot(env)
    over = np.zeros(len(seeds), bool)
    actions = np.zeros((len(seeds), 14))
    taken: list[list[np.ndarray]] = [[] for _ in seeds]
    while not over.all():
        ids = np.flatnonzero(~over)
        actions[ids] = pilot(ids)
        for i in ids:
            taken[i].append(actions[i].copy())
        _, _, terminated, truncated, info = env.step(actions)
        over = terminated | truncated
    return Result(
        info["is_success"], info["failure_mode"], info["step"] / CONTROL_HZ, [np.array(rows) for rows in taken]
    )


def operated_by(*profiles: str) -> Callable[[TaskVectorEnv], Pilot]:
    """Let simulation i be run by an operator with the i-th profile, the last one repeated."""

    def make_pilot(env: TaskVectorEnv) -> Pilot:
        oracle, ids = env.make_oracle(), np.arange(env.num_envs)
        names = [profiles[min(i, len(profiles) - 1)] for i in ids]
        oracle.begin(ids, [profile(name) for name in names], [np.random.default_rng([1, i]) for i in ids])
        return oracle.act

    return make_pilot


@dataclass(frozen=True)
class Recovery:
    """How n disturbed episodes ended."""

    recovered: np.ndarray
    """(n,) bool."""
    kind: np.ndarray
    """What was done to them, (n,) str."""
    phase: np.ndarray
    """What the operator was doing then, (n,) str."""

    def failures(self) -> str:
        """Name the episodes that did not recover, for messages."""
        lost = np.flatnonzero(~self.recovered)
        return ", ".join(f"{i}: {self.kind[i]} during {self.phase[i]}" for i in lost) or "all recovered"


def recover(n: int, seed: int) -> Recovery:
    """Disturb n episodes of the skilled operator once each, at random moments; a new operator then goes on.

    It has the time limit of a whole episode, counted from the disturbance.
    """
    task = EspressoTask(Simulation(EspressoTask.build_model(), n, 1), "standard")
    ids, rngs = np.arange(n), [np.random.default_rng([seed, i]) for i in range(n)]
    task.simulation.reset(ids)
    task.reset(ids, rngs)
    task.simulation.forward(ids)
    oracle = task.make_oracle()
    oracle.begin(ids, [profile("skilled")] * n, rngs)
    when = np.array([rng.integers(40, 760) for rng in rngs])
    kind, phase = np.array([KINDS[i % len(KINDS)] for i in ids]), np.full(n, "none", object)
    limit = task.spec.max_episode_steps
    for step in range(int(when.max()) + limit):
        for i in np.flatnonzero((when == step) & ~_over(task)):
            phase[i] = oracle.phase(i)
            disturb(task, i, str(kind[i]), rngs[i])
            oracle.begin(np.array([i]), [profile("skilled")], [rngs[i]])
        running = ids[~_over(task) & (step < when + limit)]
        if not len(running):
            break
        task.apply(running, oracle.act(running))
        task.simulation.step(running)
        task.advance(running)
    disturbed = phase != "none"
    return Recovery(task.success[disturbed], kind[disturbed], phase[disturbed])


def _over(task: EspressoTask) -> np.ndarray:
    return task.success | (task.failure > 0)
