"""One episode: what happened, who acted and why. Rewards and labels are derived elsewhere."""

from dataclasses import dataclass

import numpy as np

from recap_bench.errors import DataError

ACTOR_POLICY = 0
"""The step's action came from the policy."""

ACTOR_DEMONSTRATOR = 1
"""The step belongs to a demonstration from the episode's start."""

ACTOR_CORRECTION = 2
"""The step belongs to a correction within a policy's episode."""

TRIGGERS = ("none", "no_progress", "hazard", "false_alarm")
"""Why a correction began; `reason` indexes this tuple, 0 outside corrections."""

DIVERGED = "diverged"
"""Failure mode of an episode whose physics broke down; such episodes never enter a store."""

SOURCES = ("demonstration", "rollout", "evaluation")
"""What an episode was collected for."""

STEP_ARRAYS = ("agent_pos", "environment_state", "actions", "proposals", "actor", "reason", "stages_done")
"""Fields of an Episode with one row per control step."""


@dataclass(frozen=True)
class Episode:
    """T control steps of one simulation; observation t is what was seen before action t."""

    task: str
    """Task name, e.g. 'Espresso-v0'."""
    seed: int
    """Environment seed that reproduces the start state."""
    iteration: int
    """Iteration that collected it; 0 for demonstrations."""
    source: str
    """One of SOURCES."""
    profile: str
    """Name of the operator profile, '' if no operator ever acted."""
    agent_pos: np.ndarray
    """Joint positions [rad] and jaw openings, (T, 14) float32."""
    environment_state: np.ndarray
    """The task's state observation, (T, D) float32."""
    actions: np.ndarray
    """Executed actions, (T, 14) float32."""
    proposals: np.ndarray
    """What the policy proposed, (T, 14) float32; NaN rows where it proposed nothing."""
    actor: np.ndarray
    """ACTOR_*, (T,) int8."""
    reason: np.ndarray
    """Index into TRIGGERS, (T,) int8."""
    stages_done: np.ndarray
    """Number of stages reached after action t, (T,) int8."""
    success: bool
    """The simulator's verdict, whoever acted; see `unassisted_success`."""
    failure_mode: str
    """'none' for a success, else one of the task's failure modes."""
    truncated: bool
    """The time limit ended it; never true together with success."""
    stage_times_s: np.ndarray
    """Time at which each stage was first reached [s], (S,) float64; NaN if never."""

    def __post_init__(self) -> None:
        lengths = {name: len(getattr(self, name)) for name in STEP_ARRAYS}
        if len(set(lengths.values())) != 1:
            raise DataError(f"Step arrays of an episode must have equal lengths, received {lengths}.")
        if self.source not in SOURCES:
            raise DataError(f"Unknown episode source {self.source!r}. Known: {', '.join(SOURCES)}.")

    @property
    def length(self) -> int:
        """T."""
        return len(self.actor)

    @property
    def assisted(self) -> bool:
        """Whether an operator corrected any step."""
        return bool((self.actor == ACTOR_CORRECTION).any())

    @property
    def oracle_steps(self) -> int:
        """Number of steps on which an operator acted."""
        return int((self.actor != ACTOR_POLICY).sum())

    @property
    def unassisted_success(self) -> bool:
        """Success without a correction, which is what counts for whoever flew the episode: a policy or an operator."""
        return self.success and not self.assisted
