"""Statistics of the demonstrations that inputs and outputs are scaled with; fixed at pre-training."""

from dataclasses import dataclass, replace

import torch

from recap_bench.learning.frames import Frames

LINEAR = 3.0
"""Standardised observations grow as a logarithm beyond this: states that no demonstration has seen stay moderate, and
rare large values keep their order. Clipping them hid the force on the tamper, which is zero most of the time."""

STD_FLOOR = 1e-4
"""Smallest standard deviation [rad, m, ...]: a constant input gives 0 instead of noise."""

CHUNK_STD_FLOOR = 2e-3
"""Smallest standard deviation of a relative target [rad]: an arm at rest is not blown up to unit noise."""


@dataclass(frozen=True)
class Statistics:
    """Mean and standard deviation of observations (F,) and of relative chunks (H, A)."""

    observation_mean: torch.Tensor
    observation_std: torch.Tensor
    chunk_mean: torch.Tensor
    chunk_std: torch.Tensor

    def observations(self, raw: torch.Tensor) -> torch.Tensor:
        """Return standardised, compressed observations, (B, F) -> (B, F); what a task lacks (NaN) becomes 0."""
        scaled = (raw - self.observation_mean) / self.observation_std
        return compressed(scaled).nan_to_num_(0.0)

    def chunks(self, relative: torch.Tensor) -> torch.Tensor:
        """Return chunks in network units, (B, H, A) [rad] -> (B, H, A)."""
        return (relative - self.chunk_mean) / self.chunk_std

    def relative_targets(self, chunks: torch.Tensor) -> torch.Tensor:
        """Undo `chunks`, (B, H, A) -> (B, H, A) [rad]."""
        return chunks * self.chunk_std + self.chunk_mean

    def tensors(self) -> dict[str, torch.Tensor]:
        """Return the four arrays under the names that `from_tensors` reads."""
        return {f"statistics.{name}": getattr(self, name) for name in self.__dataclass_fields__}

    @classmethod
    def from_tensors(cls, tensors: dict[str, torch.Tensor]) -> "Statistics":
        """Return the statistics within the tensors of a checkpoint."""
        return cls(*(tensors[f"statistics.{name}"] for name in cls.__dataclass_fields__))

    def to(self, device: str) -> "Statistics":
        """Return a copy on `device`."""
        return Statistics(*(getattr(self, name).to(device) for name in self.__dataclass_fields__))


class Standardised:
    """Observations of frames as networks read them: scaled, and 0 in the inputs that the frames lack."""

    def __init__(self, frames: Frames, statistics: Statistics) -> None:
        """Take statistics of all inputs, on the device of the frames."""
        self._frames = frames
        present = {name: getattr(statistics, name)[frames.columns] for name in ("observation_mean", "observation_std")}
        self._statistics = replace(statistics, **present)

    def __call__(self, rows: torch.Tensor) -> torch.Tensor:
        """Return the observations at `rows` (B,), (B, F)."""
        present = self._statistics.observations(self._frames.observations[rows])
        return present.new_zeros((len(rows), self._frames.inputs)).index_copy_(1, self._frames.columns, present)


def compressed(scaled: torch.Tensor) -> torch.Tensor:
    """Return x where |x| <= LINEAR, and sign(x) (LINEAR + log(1 + |x| - LINEAR)) beyond."""
    excess = (scaled.abs() - LINEAR).clamp_min(0.0)
    return scaled + scaled.sign() * (excess.log1p() - excess)


def measure(frames: Frames, chunk: int) -> Statistics:
    """Return the statistics of `frames` for chunks of `chunk` = H steps.

    Chunks are relative to the joint positions at their first step, and hold the last action at an episode's end.
    """
    rows = torch.arange(len(frames.actions), device=frames.actions.device)
    positions = frames.observations[:, : frames.actions.shape[1]]
    means, stds = [], []
    for offset in range(chunk):
        relative = frames.actions[torch.minimum(rows + offset, frames.episode_end - 1)] - positions
        std, mean = torch.std_mean(relative.double(), dim=0, correction=0)
        means.append(mean)
        stds.append(std)
    mean, std = _mean_and_std(frames)
    return Statistics(
        mean.float(),
        std.clamp_min(STD_FLOOR).float(),
        torch.stack(means).float(),
        torch.stack(stds).clamp_min(CHUNK_STD_FLOOR).float(),
    )


def _mean_and_std(frames: Frames) -> tuple[torch.Tensor, torch.Tensor]:
    """Return mean and standard deviation (F,) float64 over the steps that have the entry, NaN where none has it."""
    mean = torch.full((frames.inputs,), torch.nan, dtype=torch.float64, device=frames.observations.device)
    std = mean.clone()
    for place, column in zip(frames.columns.tolist(), frames.observations.T, strict=True):
        std[place], mean[place] = torch.std_mean(column[~column.isnan()].double(), correction=0)
    return mean, std
