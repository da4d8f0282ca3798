"""The policy as the loop sees it: numpy observations in, chunks of absolute joint targets out."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from recap_bench.errors import ConfigurationError
from recap_bench.learning.checkpoint import load_checkpoint, save_checkpoint
from recap_bench.learning.config import PolicyConfig, check_guidance
from recap_bench.learning.flow import sample
from recap_bench.learning.networks import INDICATORS, FlowNetwork
from recap_bench.learning.normalisation import Statistics


@dataclass(frozen=True)
class PolicySpec:
    """What a checkpoint needs beside its weights."""

    config: PolicyConfig
    """Sizes, and the guidance and drop-out that it was trained for."""
    instructions: tuple[str, ...]
    """Instructions that it was trained on, in the order of the embedding."""
    conditions: tuple[str, ...]
    """Indicators that it was trained with, a subset of INDICATORS; the first one is the default."""

    def check(self, wanted: PolicyConfig) -> None:
        """Raise ConfigurationError if a policy of the shape `wanted` cannot start from these weights."""
        shape = [name for name in ("width", "blocks", "chunk") if getattr(self.config, name) != getattr(wanted, name)]
        if shape:
            found = ", ".join(f"{name} = {getattr(self.config, name)}, not {getattr(wanted, name)}" for name in shape)
            raise ConfigurationError(f"The pre-trained policy has {found}. Use its shape, or pre-train again.")


class FlowPolicy:
    """A flow-matching chunk policy, conditioned on an indicator."""

    def __init__(
        self,
        network: FlowNetwork,
        statistics: Statistics,
        spec: PolicySpec,
        condition: str | None = None,
        guidance: float | None = None,
    ) -> None:
        self.network, self.statistics, self.spec = network.eval(), statistics, spec
        self.execute_steps = spec.config.execute
        self.condition = spec.conditions[0] if condition is None else condition
        self.guidance = _guidance(spec, self.condition, guidance)

    @classmethod
    def load(cls, folder: Path, condition: str | None = None, guidance: float | None = None) -> "FlowPolicy":
        """Open a checkpoint folder; see `recap_bench.learning.load_policy`."""
        tensors, values = load_checkpoint(folder, "policy")
        spec = PolicySpec(PolicyConfig(**values["policy"]), tuple(values["instructions"]), tuple(values["conditions"]))
        statistics = Statistics.from_tensors(tensors)
        network = build_flow_network(spec, statistics)
        network.load_state_dict({n.removeprefix("network."): t for n, t in tensors.items() if n.startswith("network.")})
        return cls(network, statistics, spec, condition, guidance)

    def save(self, folder: Path) -> None:
        """Write the checkpoint folder: weights, statistics, configuration and guidance."""
        tensors = {f"network.{name}": tensor for name, tensor in self.network.state_dict().items()}
        config = {
            "policy": asdict(self.spec.config),
            "instructions": self.spec.instructions,
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
        raw = torch.from_numpy(np.concatenate([positions, observation["environment_state"]], axis=1, dtype=np.float32))
        shape = tuple(self.statistics.chunk_mean.shape)
        noise = torch.from_numpy(np.stack([rng.standard_normal(shape, np.float32) for rng in rngs]))
        chunk = sample(
            self.network,
            self.statistics.observations(raw),
            noise,
            (INDICATORS.index(self.condition), torch.tensor([self._index(text) for text in instructions])),
            self.guidance,
            self.spec.config.flow_steps,
        )
        return self.statistics.relative_targets(chunk).numpy() + positions[:, None]

    def _index(self, instruction: str) -> int:
        if instruction not in self.spec.instructions:
            known = "; ".join(repr(text) for text in self.spec.instructions)
            raise ConfigurationError(f"The policy was not trained on instruction {instruction!r}. Known: {known}.")
        return self.spec.instructions.index(instruction)


def build_flow_network(spec: PolicySpec, statistics: Statistics) -> FlowNetwork:
    """Return a new network for the shapes of `statistics`; its weights come from torch's generator."""
    steps, actions = statistics.chunk_mean.shape
    inputs = len(statistics.observation_mean)
    config = spec.config
    return FlowNetwork(inputs, (steps, actions), len(spec.instructions), config.width, config.blocks)


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
    return guidance
