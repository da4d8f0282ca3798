"""Record n running episodes into preallocated arrays."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from recap_bench.data.episode import Episode
from recap_bench.loop.pilots import Decision

if TYPE_CHECKING:
    from recap_bench.envs.vector_env import TaskVectorEnv


@dataclass(frozen=True)
class Origin:
    """Where the episodes of one collection come from."""

    run_seed: int
    """Seed of the random streams of policy, operators and gate."""
    source: str
    """One of recap_bench.data.episode.SOURCES."""
    iteration: int = 0
    """Iteration that collects; 0 for demonstrations."""


class Recorder:
    """The running episodes of n simulations; vectorised over them at every step."""

    def __init__(self, env: "TaskVectorEnv", origin: Origin, control_hz: float) -> None:
        spec, n = env.spec_of_task, env.num_envs
        self._spec, self._origin, self._control_hz = spec, origin, control_hz
        rows = (n, spec.max_episode_steps)
        state_dim = len(spec.state_names)
        self._steps: dict[str, np.ndarray] = {
            "agent_pos": np.empty((*rows, 14), np.float32),
            "environment_state": np.empty((*rows, state_dim), np.float32),
            "actions": np.empty((*rows, 14), np.float32),
            "proposals": np.empty((*rows, 14), np.float32),
            "actor": np.empty(rows, np.int8),
            "reason": np.empty(rows, np.int8),
            "stages_done": np.empty(rows, np.int8),
        }
        self._t = np.zeros(n, np.int64)
        self._stage_steps = np.full((n, len(spec.stages)), np.nan)
        self._success = np.zeros(n, bool)
        self._truncated = np.zeros(n, bool)
        self._failure_mode = np.full(n, "none", dtype=object)
        self._seed = np.zeros(n, np.int64)

    def begin(self, slots: np.ndarray, seeds: Sequence[int]) -> None:
        """Start recording new episodes of the environment `seeds` in `slots`."""
        self._t[slots] = 0
        self._stage_steps[slots] = np.nan
        self._seed[slots] = seeds

    def before(self, ids: np.ndarray, observation: Mapping[str, np.ndarray], decision: Decision) -> None:
        """Record what the simulations `ids` (k,) show (observation of all n) and what is decided for them."""
        at = (ids, self._t[ids])
        for name in ("agent_pos", "environment_state"):
            self._steps[name][at] = observation[name][ids]
        for name in ("actions", "proposals", "actor", "reason"):
            self._steps[name][at] = getattr(decision, name)

    def after(self, ids: np.ndarray, info: Mapping[str, np.ndarray], truncated: np.ndarray) -> None:
        """Record what the step led to; `info` and `truncated` are of all n simulations."""
        self._steps["stages_done"][ids, self._t[ids]] = info["stages_done"][ids]
        self._t[ids] += 1
        stage_steps = self._stage_steps[ids]
        new = info["stages"][ids] & np.isnan(stage_steps)
        self._stage_steps[ids] = np.where(new, self._t[ids, None], stage_steps)
        self._success[ids] = info["is_success"][ids]
        self._failure_mode[ids] = info["failure_mode"][ids]
        self._truncated[ids] = truncated[ids]

    def episode(self, slot: int, profile: str) -> Episode:
        """Return a copy of the episode that has ended in `slot`, in which an operator of `profile` acted."""
        return Episode(
            task=self._spec.name,
            seed=int(self._seed[slot]),
            iteration=self._origin.iteration,
            source=self._origin.source,
            profile=profile,
            **{name: values[slot, : self._t[slot]].copy() for name, values in self._steps.items()},
            success=bool(self._success[slot]),
            failure_mode=str(self._failure_mode[slot]),
            truncated=bool(self._truncated[slot]),
            stage_times_s=self._stage_steps[slot] / self._control_hz,
        )
