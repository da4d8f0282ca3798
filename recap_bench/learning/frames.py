"""The store's steps as torch tensors, gathered by index."""

from dataclasses import dataclass

import numpy as np
import torch

from recap_bench.data.steps import StepData, named_columns
from recap_bench.errors import ConfigurationError
from recap_bench.learning.labels import episode_ends, segment_ends
from recap_bench.learning.tasks import Repertoire

IDLE_RAD = 0.012
"""A joint [rad] or a jaw [openings] that moves by less stands still: some millimetres at the hand."""


@dataclass(frozen=True)
class Frames:
    """M steps, contiguous, on one device."""

    observations: torch.Tensor
    """Joint positions, then the state entries of the steps' tasks, (M, C) float32; NaN where a task lacks one."""
    columns: torch.Tensor
    """Their places among the networks' inputs, (C,) int64. Networks of five tasks read four times what one task has."""
    inputs: int
    """F, the networks' inputs."""
    actions: torch.Tensor
    """Absolute joint targets, (M, A) float32."""
    task: torch.Tensor
    """Index of the task in the repertoire, (M,) int64."""
    segment_end: torch.Tensor
    """Index just past the run of steps with the same episode and actor, (M,) int64."""
    episode_end: torch.Tensor
    """Index just past the episode, (M,) int64."""

    def chunks(self, rows: torch.Tensor, length: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return chunks (B, H, A) relative to the joint positions at `rows` (B,), and which steps count, (B, H).

        Past the end of an episode the last action is held, and counts. Past a change of actor the steps belong
        to someone else: they do not count.
        """
        index = rows[:, None] + torch.arange(length, device=rows.device)
        end = self.segment_end[rows][:, None]
        counts = (index < end) | (end == self.episode_end[rows][:, None])
        positions = self.observations[rows, : self.actions.shape[1]]
        # index_select takes a quarter of the time of an index in brackets.
        targets = self.actions.index_select(0, torch.minimum(index, end - 1).flatten())
        return targets.view(*index.shape, -1) - positions[:, None], counts

    def idle(self, length: int) -> torch.Tensor:
        """Return which steps are followed by `length` more in which nothing moves by IDLE_RAD, (M,) bool.

        What counts is where joints and jaws are, not their targets: those of a policy that stands still flutter.
        """
        positions = self.observations[:, : self.actions.shape[1]]
        rows = torch.arange(len(positions), device=positions.device)
        still = torch.ones(len(rows), dtype=torch.bool, device=rows.device)
        for offset in range(1, length + 1):
            later = positions[torch.minimum(rows + offset, self.segment_end - 1)]
            still &= (later - positions).abs().amax(dim=1) < IDLE_RAD
        return still


def frames_of(steps: StepData, repertoire: Repertoire, device: str) -> Frames:
    """Return the steps as tensors on `device`, laid out as networks with `repertoire` read them.

    Raises ConfigurationError for a task or a state entry that the repertoire lacks.
    """
    tasks = list(repertoire.tasks)
    unknown = sorted(set(steps.task.tolist()) - set(tasks))
    if unknown:
        raise ConfigurationError(f"No instruction for task {', '.join(unknown)}. Known: {', '.join(tasks)}.")
    unread = [name for name in steps.state_names if name not in repertoire.fields]
    if unread:
        raise ConfigurationError(f"The networks have no input for {', '.join(unread)}. Pre-train with these tasks.")
    joints, present = steps.agent_pos.shape[1], [name for name in repertoire.fields if name in steps.state_names]
    observations = np.concatenate([steps.agent_pos, named_columns(steps, present)], axis=1, dtype=np.float32)
    columns = [*range(joints), *(joints + repertoire.fields.index(name) for name in present)]
    of_episode = np.array([tasks.index(task) for task in steps.task.tolist()], np.int64)
    return Frames(
        torch.from_numpy(observations).to(device),
        torch.tensor(columns, device=device),
        joints + len(repertoire.fields),
        torch.from_numpy(np.array(steps.actions, np.float32)).to(device),
        torch.from_numpy(of_episode[steps.episode]).to(device),
        torch.from_numpy(segment_ends(steps)).to(device),
        torch.from_numpy(episode_ends(steps)).to(device),
    )
