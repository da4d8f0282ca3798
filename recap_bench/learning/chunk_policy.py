"""The policy as the loop sees it: numpy observations in, chunks of absolute joint targets out."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch

from recap_bench.errors import ConfigurationError, DataError
from recap_bench.learning.checkpoint import load_checkpoint, save_checkpoint
from recap_bench.learning.config import PolicyConfig, check_guidance, check_sampling_noise
from recap_bench.learning.descent import check_device
from recap_bench.learning.flow import sample
from recap_bench.learning.networks import INDICATORS, FlowNetwork
from recap_bench.learning.normalisation import Statistics
from recap_bench.learning.tasks import Repertoire
from recap_bench.learning.text import Tokenizer

BEFORE_SAMPLING_NOISE = 1.0
"""Scale of the sampling's noise of checkpoints that do not say it."""


@dataclass(frozen=True)
class Use:
    """How a checkpoint is run."""

    task: str | None = None
    """Task whose observations it gets; None if it was trained on one only."""
    condition: str | None = None
    """'positive', 'negative' or 'none'; None for the first one that it was trained with."""
    guidance: float | None = None
    """Guidance; None for the checkpoint's own with 'positive', and 1 otherwise."""
    sampling_noise: float | None = None
    """Scale of the noise that chunks are made from, in [0, 1]; None for the checkpoint's own."""
    device: str = "cpu"
    """Torch device of inference."""


DEFAULT_USE = Use()


@dataclass(frozen=True)
class PolicySpec:
    """What a checkpoint needs beside its weights."""

    config: PolicyConfig
    """Sizes, and the guidance and drop-out that it was trained for."""
    repertoire: Repertoire
    """Tasks that it was trained on, its inputs and its words."""
    conditions: tuple[str, ...]
    """Indicators that it was trained with, a subset of INDICATORS; the first one is the default."""

    def check(self, wanted: PolicyConfig) -> None:
        """Raise ConfigurationError if a policy of the shape `wanted` cannot start from these weights."""
        shape = [name for name in ("width", "blocks", "chunk") if getattr(self.config, name) != getattr(wanted, name)]
        if shape:
            found = ", ".join(f"{name} = {getattr(self.config, name)}, not {getattr(wanted, name)}" for name in shape)
            raise ConfigurationError(f"The pre-trained policy has {found}. Use its shape, or pre-train again.")


class FlowPolicy:
    """A flow-matching chunk policy, conditioned on an instruction and an indicator, on one of its tasks."""

    def __init__(
        self,
        network: FlowNetwork,
        statistics: Statistics,
        spec: PolicySpec,
        use: Use = DEFAULT_USE,
    ) -> None:
        check_device(use.device)
        self.network, self.statistics, self.spec = network.to(use.device), statistics.to(use.device), spec
        self._device = use.device
        self.execute_steps = spec.config.execute
        self.condition = spec.conditions[0] if use.condition is None else use.condition
        self.guidance = _guidance(spec, self.condition, use.guidance)
        self.sampling_noise = spec.config.sampling_noise if use.sampling_noise is None else use.sampling_noise
        check_sampling_noise(self.sampling_noise)
        self._tokenizer = Tokenizer(spec.repertoire.vocabulary)
        names = spec.repertoire.fields
        self._columns = [names.index(name) for name in _state_names(spec.repertoire, use.task)]

    @classmethod
    def load(cls, folder: Path, use: Use = DEFAULT_USE) -> "FlowPolicy":
        """Open a checkpoint folder; see `recap_bench.learning.load_policy`."""
        tensors, values = load_checkpoint(folder, "policy")
        repertoire = Repertoire.from_dict(values["repertoire"])
        spec = PolicySpec(_saved_config(values["policy"], folder), repertoire, tuple(values["conditions"]))
        statistics = Statistics.from_tensors(tensors)
        network = build_flow_network(spec, statistics)
        network.load_state_dict({n.removeprefix("network."): t for n, t in tensors.items() if n.startswith("network.")})
        return cls(network, statistics, spec, use)

    def save(self, folder: Path) -> None:
        """Write the checkpoint folder: weights, statistics, configuration and guidance."""
        tensors = {f"network.{name}": tensor for name, tensor in self.network.state_dict().items()}
        config = {
            "policy": asdict(self.spec.config),
            "repertoire": self.spec.repertoire.to_dict(),
            "conditions": self.spec.conditions,
        }
        save_checkpoint(folder, "policy", {**tensors, **self.statistics.tensors()}, config)

    def act(
        self,
        observation: dict[str, np.ndarray],
        instructions: Sequence[str],
        rngs: Sequence[np.random.Generator],
    ) -> np.ndarray:
        """Return absolute joint targets (B, H, A) float32 for `agent_pos` (B, A) and `environment_state` (B, D)."""
        positions = np.asarray(observation["agent_pos"], np.float32)
        state = np.full((len(positions), len(self.spec.repertoire.fields)), np.nan, np.float32)
        state[:, self._columns] = observation["environment_state"]
        raw = torch.from_numpy(np.concatenate([positions, state], axis=1)).to(self._device)
        shape = tuple(self.statistics.chunk_mean.shape)
        noise = torch.from_numpy(np.stack([rng.standard_normal(shape, np.float32) for rng in rngs])).to(self._device)
        chunk = sample(
            self.network,
            self.statistics.observations(raw),
            self.sampling_noise * noise,
            (INDICATORS.index(self.condition), self._tokenizer.encode(instructions).to(self._device)),
            self.guidance,
            self.spec.config.flow_steps,
        )
        return self.statistics.relative_targets(chunk).cpu().numpy() + positions[:, None]


def build_flow_network(spec: PolicySpec, statistics: Statistics) -> FlowNetwork:
    """Return a new network for the shapes of `statistics`; its weights come from torch's generator."""
    steps, actions = statistics.chunk_mean.shape
    inputs = len(statistics.observation_mean)
    config = spec.config
    return FlowNetwork(inputs, (steps, actions), len(spec.repertoire.vocabulary), config.width, config.blocks)


def _saved_config(values: dict[str, Any], folder: Path) -> PolicyConfig:
    """Return the config that `save` wrote into `folder`; DataError for that of another version."""
    unknown = sorted(set(values) - {field.name for field in fields(PolicyConfig)})
    if unknown:
        raise DataError(
            f"The policy at {folder} was fitted with options that this version lacks: {', '.join(unknown)}. "
            "Open it with the version that made it, or fit it again."
        )
    return PolicyConfig(**{"sampling_noise": BEFORE_SAMPLING_NOISE, **values})


def _state_names(repertoire: Repertoire, task: str | None) -> tuple[str, ...]:
    """Return what an observation of `task` holds; ConfigurationError unless it is one of the policy's tasks."""
    known = ", ".join(repertoire.tasks)
    if task is None and len(repertoire.tasks) > 1:
        raise ConfigurationError(f"The policy serves several tasks: {known}. Say which one it is to run on.")
    name = next(iter(repertoire.tasks)) if task is None else task
    if name not in repertoire.tasks:
        raise ConfigurationError(f"The policy was not trained on {name!r}. Trained: {known}.")
    return repertoire.tasks[name].state_names


def _guidance(spec: PolicySpec, condition: str, guidance: float | None) -> float:
    """Return the guidance to run with; ConfigurationError for a combination without effect or without training."""
    if condition not in spec.conditions:
        raise ConfigurationError(
            f"The policy was not trained with condition {condition!r}. Trained: {', '.join(spec.conditions)}."
        )
    if guidance is None:
        return spec.config.guidance if condition == "positive" else 1.0
    if condition == "none" and guidance != 1.0:
        raise ConfigurationError(
            f"guidance = {guidance} has no effect on condition 'none'. Use guidance 1, or condition 'positive'."
        )
    check_guidance(guidance, spec.config.indicator_dropout)
    if guidance != 1.0 and "none" not in spec.conditions:
        raise ConfigurationError(
            f"guidance = {guidance} cannot be used: the policy has no unconditional branch, "
            f"it was trained with {', '.join(spec.conditions)}. Use guidance 1."
        )
    return guidance
