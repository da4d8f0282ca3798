"""Replay the actions of a stored episode and find the first step at which it goes another way."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from recap_bench.data.episode import Episode
from recap_bench.errors import ConfigurationError

if TYPE_CHECKING:
    from recap_bench.envs.vector_env import TaskVectorEnv


@dataclass(frozen=True)
class ReplayResult:
    """How far an episode replays; bit-exact on the versions that it was recorded with."""

    steps: int
    """Steps of the episode."""
    first_difference: int | None
    """First step t whose observation differs from the stored one; None if none does."""
    differing: str
    """Name of the observation that differs there, '' if none does."""
    largest_difference: float
    """Largest absolute difference of that observation [in its own units]."""
    same_outcome: bool
    """Success and failure mode are the stored ones."""

    @property
    def exact(self) -> bool:
        """Whether everything is as stored."""
        return self.first_difference is None and self.same_outcome


def replay(env: "TaskVectorEnv", episode: Episode) -> ReplayResult:
    """Replay `episode` in `env`, a single simulation (n = 1) with AutoresetMode.DISABLED.

    The replay goes on after a difference only to compare the outcome. Raises ConfigurationError
    for another task or more than one simulation.
    """
    if env.num_envs != 1 or env.spec_of_task.name != episode.task:
        received = f"{env.num_envs} of {env.spec_of_task.name}"
        raise ConfigurationError(f"Replaying needs one simulation of {episode.task}, received {received}.")
    observation, _ = env.reset(seed=[episode.seed])
    difference: tuple[int, str, float] | None = None
    terminated = truncated = np.zeros(1, bool)
    for t in range(episode.length):
        difference = difference or _difference(observation, episode, t)
        observation, _, terminated, truncated, info = env.step(episode.actions[t : t + 1])
    ended = bool(terminated[0] or truncated[0])
    outcome = (bool(info["is_success"][0]), str(info["failure_mode"][0]))
    same = ended and outcome == (episode.success, episode.failure_mode)
    first, name, size = difference or (None, "", 0.0)
    return ReplayResult(episode.length, first, name, size, same)


def _difference(observation: dict[str, np.ndarray], episode: Episode, t: int) -> tuple[int, str, float] | None:
    for name in ("agent_pos", "environment_state"):
        stored, now = getattr(episode, name)[t], np.asarray(observation[name][0], np.float32)
        if not np.array_equal(stored, now):
            return t, name, float(np.max(np.abs(stored - now)))
    return None
