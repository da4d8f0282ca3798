"""The distributional value function: several networks, each fitted without one fold of the episodes."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from recap_bench.errors import ConfigurationError
from recap_bench.learning.checkpoint import load_checkpoint, save_checkpoint
from recap_bench.learning.frames import Frames
from recap_bench.learning.networks import ValueNetwork
from recap_bench.learning.normalisation import Standardised, Statistics
from recap_bench.learning.tasks import Repertoire
from recap_bench.learning.text import Phrasebook

PREDICTION_BATCH = 8192
"""Frames per forward pass of `predict`."""


@dataclass(frozen=True)
class ValueSpec:
    """What must agree between the fit of a value function and every use of it."""

    bins: int
    """K, over [-1, 0]."""
    penalty_factor: float
    """Failure penalty in horizons."""
    repertoire: Repertoire
    """Tasks with their horizons, its inputs and its words."""
    width: int
    """Width of the network."""
    blocks: int
    """Blocks of the network."""
    dropout: float
    """Drop-out of the network."""
    folds: int
    """Number of networks."""

    def check(self, wanted: "ValueSpec") -> None:
        """Raise ConfigurationError if this value function was fitted to something else than `wanted`."""
        compared = [name for name in self.__dataclass_fields__ if name != "repertoire"]
        differing = [name for name in compared if getattr(self, name) != getattr(wanted, name)]
        if differing:
            found = ", ".join(f"{name} = {getattr(self, name)}, not {getattr(wanted, name)}" for name in differing)
            raise ConfigurationError(
                f"The pre-trained value function was fitted with {found}: its values would be in other units. "
                "Use the settings of the pre-training, or pre-train again."
            )


@dataclass(frozen=True)
class ValueFunction:
    """V(o, l) as the mean of a distribution over bins; member k has not seen the episodes of fold k."""

    spec: ValueSpec
    members: tuple[ValueNetwork, ...]
    statistics: Statistics

    @torch.inference_mode()
    def predict(self, frames: Frames, returns: torch.Tensor, fold: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
        """Return V of M frames by the member that was fitted without their `fold` (M,), (M,) float64.

        And the log-likelihood [nat] of `returns` (M,) under the same member, (M,) float64.
        """
        values, likelihood = np.empty(len(frames.task)), np.empty(len(frames.task))
        observe = Standardised(frames, self.statistics)
        phrasebook = Phrasebook.of(self.spec.repertoire, str(frames.task.device))
        for k, member in enumerate(self.members):
            for rows in torch.nonzero(fold == k).flatten().split(PREDICTION_BATCH):
                logits = member(observe(rows), phrasebook.canonical(frames.task[rows]))
                places = rows.cpu().numpy()
                values[places] = expectation(logits).double().cpu().numpy()
                likelihood[places] = -two_hot_cross_entropy(logits, returns[rows]).double().cpu().numpy()
        return values, likelihood

    def save(self, folder: Path) -> None:
        """Write the checkpoint folder."""
        tensors = self.statistics.tensors()
        for k, member in enumerate(self.members):
            tensors.update({f"member{k}.{name}": tensor for name, tensor in member.state_dict().items()})
        values = {**vars(self.spec), "repertoire": self.spec.repertoire.to_dict()}
        save_checkpoint(folder, "value", tensors, {"spec": values})

    @classmethod
    def load(cls, folder: Path, device: str = "cpu") -> "ValueFunction":
        """Open a checkpoint folder; DataError if it is missing or damaged."""
        tensors, config = load_checkpoint(folder, "value")
        repertoire = Repertoire.from_dict(config["spec"].pop("repertoire"))
        spec = ValueSpec(repertoire=repertoire, **config["spec"])
        statistics = Statistics.from_tensors(tensors)
        members = []
        for k in range(spec.folds):
            network = build_value_network(spec, len(statistics.observation_mean))
            prefix = f"member{k}."
            network.load_state_dict({n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)})
            members.append(network.to(device))
        return cls(spec, tuple(members), statistics.to(device))


def build_value_network(spec: ValueSpec, observation: int) -> ValueNetwork:
    """Return a new network for observations of `observation` entries; its weights come from torch's generator."""
    words = len(spec.repertoire.vocabulary)
    return ValueNetwork(observation, words, spec.bins, spec.width, spec.blocks, spec.dropout)


def support(bins: int) -> torch.Tensor:
    """Return the centres of the bins, (K,) from -1 to 0."""
    return torch.linspace(-1.0, 0.0, bins)


def expectation(logits: torch.Tensor) -> torch.Tensor:
    """Return the mean of the distribution, (B, K) -> (B,)."""
    return logits.float().softmax(dim=1) @ support(logits.shape[1]).to(logits.device)


def two_hot(returns: torch.Tensor, bins: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return the bin below each return (B,), the bin above, and the weight of the one above, each (B,)."""
    position = (returns + 1.0) * (bins - 1)
    below = position.floor().clamp_(0, bins - 2)
    return below.long(), below.long() + 1, (position - below).float()


def two_hot_cross_entropy(logits: torch.Tensor, returns: torch.Tensor) -> torch.Tensor:
    """Return the cross-entropy to the two-hot target of returns (B,) in [-1, 0], (B, K) -> (B,) [nat]."""
    below, above, weight = two_hot(returns, logits.shape[1])
    log_p = nn.functional.log_softmax(logits.float(), dim=1)
    at_below = log_p.gather(1, below[:, None]).squeeze(1)
    at_above = log_p.gather(1, above[:, None]).squeeze(1)
    return -((1.0 - weight) * at_below + weight * at_above)


def constant_log_likelihood(fitted: torch.Tensor, held_out: torch.Tensor, bins: int) -> np.ndarray:
    """Return the log-likelihood [nat] of `held_out` returns (n,) under the histogram of `fitted` ones (m,), (n,)."""
    below, above, weight = two_hot(fitted, bins)
    counts = torch.full((bins,), 1.0 / bins, dtype=torch.float64, device=fitted.device)
    counts.index_add_(0, below, 1.0 - weight.double()).index_add_(0, above, weight.double())
    logits = (counts / counts.sum()).log()
    return -two_hot_cross_entropy(logits.expand(len(held_out), -1), held_out).double().cpu().numpy()
