"""Fitting the chunk policy on labelled steps."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from recap_bench.errors import DataError
from recap_bench.learning.chunk_policy import FlowPolicy, PolicySpec, Use, build_flow_network
from recap_bench.learning.flow import drop_indicator, flow_loss
from recap_bench.learning.frames import Frames
from recap_bench.learning.normalisation import Standardised, Statistics
from recap_bench.learning.text import Phrasebook
from recap_bench.learning.training import Schedule, Stopwatch, autocast, compiled, generator, isolated_rng, train
from recap_bench.seeding import derive_seed


@dataclass(frozen=True)
class PolicyExamples:
    """Labelled steps."""

    frames: Frames
    """M steps."""
    indicator: np.ndarray
    """NEGATIVE, POSITIVE or NONE of recap_bench.learning.flow, (M,) int64."""
    weight: np.ndarray
    """How often a step is drawn relative to others, (M,) float, >= 0; steps of weight 0 may still appear in chunks."""


@dataclass(frozen=True)
class PolicySetup:
    """How to fit."""

    spec: PolicySpec
    """Sizes and conditions."""
    statistics: Statistics
    """Scaling of observations and chunks."""
    steps: int
    """Gradient steps."""
    batch: int
    """Frames per gradient step."""
    learning_rate: float
    """Peak of the one-cycle schedule."""
    seed: int
    """Training seed."""
    stream: str
    """Name of the fit, for its random streams."""


@dataclass(frozen=True)
class PolicyFit:
    """A fitted policy and the course of its fit."""

    policy: FlowPolicy
    """With averaged weights."""
    history: list[tuple[int, float]]
    """(gradient step, mean training loss since the last entry)."""
    seconds: float
    """Wall time."""
    dropped_share: float
    """Realised share of examples whose indicator was dropped."""

    def report(self) -> dict[str, Any]:
        """Return the diagnostics of the fit, JSON types only."""
        return {
            "policy_loss": self.history[-1][1],
            "policy_loss_history": [list(entry) for entry in self.history],
            "policy_seconds": self.seconds,
            "dropped_share": self.dropped_share,
        }


@dataclass(frozen=True)
class Batch:
    """Steps drawn for one gradient step, as the network sees them."""

    rows: torch.Tensor
    """Their indices in the frames, (B,) int64."""
    observation: torch.Tensor
    """Standardised, (B, F)."""
    chunk: tuple[torch.Tensor, torch.Tensor]
    """Targets in network units (B, H, A), and which steps count (B, H) bool."""
    condition: tuple[torch.Tensor, torch.Tensor]
    """Indicator indices (B,), some dropped, and instruction tokens (B, W)."""


Objective = Callable[[nn.Module, Batch, torch.Generator], torch.Tensor]
"""(network, batch, generator) -> scalar loss."""


def imitation(network: nn.Module, batch: Batch, draw: torch.Generator) -> torch.Tensor:
    """Return the flow-matching loss (paper: Eq. 4): what all methods minimise but those that weigh likelihoods."""
    return flow_loss(network, batch.observation, batch.chunk, batch.condition, draw)


def fit_policy(
    examples: PolicyExamples,
    setup: PolicySetup,
    start: FlowPolicy | None,
    report: Callable[[str, int, int], None],
    objective: Objective = imitation,
) -> PolicyFit:
    """Fit from the weights of `start`, or from new ones; deterministic in the seed for one number of threads."""
    frames, config = examples.frames, setup.spec.config
    device = frames.observations.device
    if not examples.weight.sum() > 0:
        raise DataError("No step was chosen to fit the policy on; at least one is needed.")
    weight = torch.from_numpy(np.asarray(examples.weight, np.float64)).to(device)
    cumulative = torch.where(frames.idle(config.execute), config.idle_weight * weight, weight).cumsum(0)
    phrasebook = Phrasebook.of(setup.spec.repertoire, str(device))
    indicator = torch.from_numpy(examples.indicator).to(device)
    draw = generator(str(device), setup.seed, "policy", setup.stream)
    statistics = setup.statistics.to(str(device))
    observe = Standardised(frames, statistics)
    with isolated_rng(derive_seed(setup.seed, "policy weights")):
        network = build_flow_network(setup.spec, statistics)
    if start is not None:
        network.load_state_dict(start.network.state_dict())
    network.to(device)
    runner = compiled(network, config.compile)
    # A method whose policies never run without the indicator spends no example on that.
    dropout = config.indicator_dropout if "none" in setup.spec.conditions else 0.0
    dropped = torch.zeros((), device=device)

    def loss() -> torch.Tensor:
        place = torch.rand(setup.batch, generator=draw, device=device, dtype=torch.float64) * cumulative[-1]
        picked = torch.searchsorted(cumulative, place, right=True).clamp_max(len(cumulative) - 1)
        relative, counts = frames.chunks(picked, config.chunk)
        shown = drop_indicator(indicator[picked], dropout, draw)
        dropped.add_((shown != indicator[picked]).float().mean())
        condition = (shown, phrasebook.draw(frames.task[picked], draw))
        batch = Batch(picked, observe(picked), (statistics.chunks(relative), counts), condition)
        with autocast(config.precision, device.type):
            return objective(runner, batch, draw)

    watch = Stopwatch()
    schedule = Schedule(setup.steps, setup.learning_rate, config.weight_decay, config.ema)
    average, history = train(network, loss, draw, schedule, lambda step: report("policy", step, setup.steps))
    any_task = Use(task=next(iter(setup.spec.repertoire.tasks)))
    policy = FlowPolicy(average.cpu(), setup.statistics.to("cpu"), setup.spec, any_task)
    return PolicyFit(policy, history, watch.seconds(), float(dropped) / setup.steps)
