"""Control steps of many episodes as flat arrays: what the learning code reads."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from recap_bench.data.episode import ACTOR_CORRECTION, Episode

STEP_FIELDS = ("agent_pos", "environment_state", "actions", "proposals", "actor", "reason", "episode", "t")
"""Fields of StepData with one row per step."""

EPISODE_FIELDS = ("start", "length", "success", "truncated", "failure_mode", "iteration", "source", "task", "seed")
"""Fields of StepData with one row per episode."""


@dataclass(frozen=True)
class StepData:
    """M steps of E episodes; the steps of an episode are contiguous and in time order.

    Observation t is what was seen before action t was executed.
    """

    agent_pos: np.ndarray
    """Joint positions [rad] and jaw openings, (M, 14) float32."""
    environment_state: np.ndarray
    """The task's state observation, (M, D) float32."""
    actions: np.ndarray
    """Executed actions, absolute joint targets, (M, 14) float32."""
    proposals: np.ndarray | None
    """What the policy proposed, (M, 14) float32, NaN rows where it proposed nothing; None if not loaded."""
    actor: np.ndarray
    """Who acted, ACTOR_* of recap_bench.data.episode, (M,) int8."""
    reason: np.ndarray
    """Why the demonstrator had taken over, index into TRIGGERS, (M,) int8; 0 is 'none'."""
    episode: np.ndarray
    """Index of the step's episode, (M,) int64 in [0, E)."""
    t: np.ndarray
    """Index of the step within its episode, (M,) int64."""
    start: np.ndarray
    """First step of each episode, (E,) int64."""
    length: np.ndarray
    """Number of steps of each episode, (E,) int64."""
    success: np.ndarray
    """Whether the episode ended in success, (E,) bool; correction may have helped, see `assisted`."""
    truncated: np.ndarray
    """Whether the time limit ended the episode, (E,) bool."""
    failure_mode: np.ndarray
    """Failure mode, 'none' for a success, (E,) str."""
    iteration: np.ndarray
    """Iteration that collected the episode, 0 for demonstrations, (E,) int64."""
    source: np.ndarray
    """'demonstration', 'rollout' or 'evaluation', (E,) str."""
    task: np.ndarray
    """Task name, (E,) str."""
    seed: np.ndarray
    """Environment seed that reproduces the start state, (E,) int64."""
    state_names: tuple[str, ...]
    """Name of each column of `environment_state`, D of them; a column that a task does not have is NaN."""

    @property
    def num_steps(self) -> int:
        """M."""
        return len(self.t)

    @property
    def num_episodes(self) -> int:
        """E."""
        return len(self.start)

    @property
    def assisted(self) -> np.ndarray:
        """Whether an operator corrected any step of a policy's episode, (E,) bool."""
        from_operator = np.zeros(self.num_episodes, bool)
        from_operator[self.episode[self.actor == ACTOR_CORRECTION]] = True
        return from_operator

    def select(self, episodes: np.ndarray) -> "StepData":
        """Return the episodes given by a mask (E,) bool or by indices (k,), renumbered from 0."""
        chosen = np.flatnonzero(episodes) if np.asarray(episodes).dtype == bool else np.asarray(episodes, np.int64)
        length = self.length[chosen]
        start = starts_of(length)
        episode = np.repeat(np.arange(len(chosen)), length)
        t = np.arange(int(length.sum())) - start[episode]
        rows = self.start[chosen][episode] + t
        columns: dict[str, np.ndarray | None] = {}
        for name in STEP_FIELDS:
            values = getattr(self, name)
            columns[name] = None if values is None else values[rows]
        columns.update({name: getattr(self, name)[chosen] for name in EPISODE_FIELDS})
        columns.update(episode=episode, t=t, start=start)
        return StepData(**columns, state_names=self.state_names)  # type: ignore[arg-type]


def starts_of(length: np.ndarray) -> np.ndarray:
    """Return the first row of each of consecutive blocks of `length` (E,) rows, (E,) int64."""
    return np.concatenate([[0], np.cumsum(length)[:-1]]).astype(np.int64)[: len(length)]


def concatenate(parts: Sequence[StepData]) -> StepData:
    """Return the episodes of all `parts` in order; proposals only if every part has them.

    Parts of several tasks get the union of their state names, in the order of first appearance.
    """
    if len(parts) == 1:
        return parts[0]
    names = tuple(dict.fromkeys(name for part in parts for name in part.state_names))
    columns: dict[str, np.ndarray | None] = {}
    for field in (*STEP_FIELDS, *EPISODE_FIELDS):
        values = [getattr(part, field) for part in parts]
        if field == "environment_state":
            values = [named_columns(part, names) for part in parts]
        columns[field] = None if any(value is None for value in values) else np.concatenate(values)
    length = np.concatenate([part.length for part in parts])
    columns["start"] = starts_of(length)
    columns["episode"] = np.repeat(np.arange(len(length)), length)
    return StepData(**columns, state_names=names)  # type: ignore[arg-type]


def named_columns(steps: StepData, names: Sequence[str]) -> np.ndarray:
    """Return the columns `names` of the environment state, (M, len(names)) float32; NaN where `steps` lacks one."""
    if tuple(names) == steps.state_names:
        return steps.environment_state
    columns = np.full((steps.num_steps, len(names)), np.nan, np.float32)
    place = {name: column for column, name in enumerate(steps.state_names)}
    for column, name in enumerate(names):
        if name in place:
            columns[:, column] = steps.environment_state[:, place[name]]
    return columns


def from_episodes(episodes: Sequence[Episode], state_names: Sequence[str]) -> StepData:
    """Return the steps of `episodes` (at least one) whose environment states have `state_names`, with proposals."""
    length = np.array([episode.length for episode in episodes], np.int64)
    start = starts_of(length)
    index = np.repeat(np.arange(len(episodes)), length)
    columns = {
        name: np.concatenate([getattr(episode, name) for episode in episodes])
        for name in ("agent_pos", "environment_state", "actions", "proposals", "actor", "reason")
    }
    columns.update(
        {
            name: np.array([getattr(episode, name) for episode in episodes])
            for name in ("success", "truncated", "failure_mode", "iteration", "source", "task", "seed")
        }
    )
    t = np.arange(len(index)) - start[index]
    return StepData(**columns, episode=index, t=t, start=start, length=length, state_names=tuple(state_names))
