"""The two networks: residual pre-norm perceptrons, conditioned in every block.

One network serves every task. Its observation is the joint positions and the union of all tasks' named state entries;
the first layer has one column of weights per name, so a name means the same wherever it occurs, and what a
task does not have is zero. Which task it is, the instruction says.
"""

import math

import torch
from torch import nn

from recap_bench.learning.text import InstructionEncoder

EXPANSION = 2
"""Hidden width of a block, in widths of the residual stream."""

CONDITION_WIDTH = 128
"""Width of the vector that carries flow time, indicator and instruction."""

TIME_FEATURES = 32
"""Sines and cosines of the flow time."""

INDICATORS = ("negative", "positive", "none")
"""Entries of the indicator embedding; 'none' is the unconditional branch."""


class Block(nn.Module):
    """x + W2 silu(W1 norm(x) + Wc c)."""

    def __init__(self, width: int, condition: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.expand = nn.Linear(width, EXPANSION * width)
        self.condition = nn.Linear(condition, EXPANSION * width, bias=False)
        self.dropout = dropout
        self.contract = nn.Linear(EXPANSION * width, width)

    def forward(self, x: torch.Tensor, condition: torch.Tensor, draw: torch.Generator | None = None) -> torch.Tensor:
        """Map (B, width) and (B, condition) to (B, width); with drop-out if there is a `draw` to take it from."""
        hidden = nn.functional.silu(self.expand(self.norm(x)) + self.condition(condition))
        return x + self.contract(hidden if draw is None else drop_out(hidden, self.dropout, draw))


class ResidualNetwork(nn.Module):
    """Input layer, blocks, norm, output layer; the last layer starts at zero."""

    def __init__(
        self, inputs: int, outputs: int, width: int, blocks: int, condition: int = CONDITION_WIDTH, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.inputs = nn.Linear(inputs, width)
        self.blocks = nn.ModuleList(Block(width, condition, dropout) for _ in range(blocks))
        self.norm = nn.LayerNorm(width)
        self.outputs = nn.Linear(width, outputs)
        nn.init.zeros_(self.outputs.weight)
        nn.init.zeros_(self.outputs.bias)

    def forward(self, x: torch.Tensor, condition: torch.Tensor, draw: torch.Generator | None = None) -> torch.Tensor:
        """Map (B, inputs) and (B, condition) to (B, outputs); with drop-out if there is a `draw` to take it from."""
        x = self.inputs(x)
        for block in self.blocks:
            x = block(x, condition, draw)
        return self.outputs(self.norm(x))


class ValueNetwork(nn.Module):
    """Logits of the return's distribution given observation and instruction (paper, Eq. 1)."""

    def __init__(self, observation: int, vocabulary: int, bins: int, width: int, blocks: int, dropout: float) -> None:
        super().__init__()
        self.instruction = InstructionEncoder(vocabulary, CONDITION_WIDTH)
        self.trunk = ResidualNetwork(observation, bins, width, blocks, dropout=dropout)

    def forward(
        self, observation: torch.Tensor, instruction: torch.Tensor, draw: torch.Generator | None = None
    ) -> torch.Tensor:
        """Map standardised observations (B, F) and instruction tokens (B, W) to logits (B, K).

        What is dropped out comes from `draw`; without one nothing is.
        """
        return self.trunk(observation, self.instruction(instruction), draw)


class FlowNetwork(nn.Module):
    """Velocity of the flow that carries noise to action chunks, given observation, indicator and instruction.

    The trunk predicts the chunk itself, and the velocity follows from it. Chunks lie on a manifold of few dimensions,
    the noise in a velocity fills all of them: a trunk that must carry the noise to its output has little width left
    for the task. For the same reason the observation has an encoder of its own, which every block sees: beside the
    hundreds of noisy numbers of a chunk, the few that say how a part lies would hardly be heard.
    """

    def __init__(self, observation: int, chunk: tuple[int, int], vocabulary: int, width: int, blocks: int) -> None:
        super().__init__()
        self.chunk = chunk
        size = chunk[0] * chunk[1]
        self.time = nn.Sequential(nn.Linear(TIME_FEATURES, CONDITION_WIDTH), nn.SiLU())
        self.indicator = nn.Embedding(len(INDICATORS), CONDITION_WIDTH)
        self.instruction = InstructionEncoder(vocabulary, CONDITION_WIDTH)
        self.observe = nn.Sequential(nn.Linear(observation, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU())
        self.trunk = ResidualNetwork(observation + size, size, width, blocks, CONDITION_WIDTH + width)

    def forward(
        self,
        observation: torch.Tensor,
        noisy: torch.Tensor,
        time: torch.Tensor,
        indicator: torch.Tensor,
        instruction: torch.Tensor,
    ) -> torch.Tensor:
        """Return velocities (B, H, A) for observations (B, F), chunks (B, H, A) at flow times (B,) in [0, 1).

        `indicator` (B,) are indices of INDICATORS, `instruction` (B, W) tokens.
        """
        context = self.time(time_features(time)) + self.indicator(indicator) + self.instruction(instruction)
        condition = torch.cat([context, self.observe(observation)], dim=1)
        inputs = torch.cat([observation, noisy.flatten(1)], dim=1)
        chunk = self.trunk(inputs, condition).float().view(-1, *self.chunk)
        return (chunk - noisy) / (1.0 - time)[:, None, None]


def drop_out(x: torch.Tensor, rate: float, draw: torch.Generator) -> torch.Tensor:
    """Return x with a share `rate` of its entries zero, and the others larger by as much.

    Four entries share a random number: with one for each, as torch has it, they cost a fifth of a gradient step.
    """
    whole, numbers = torch.iinfo(torch.int64), torch.iinfo(torch.int16)
    drawn = torch.empty((x.numel() + 3) // 4, dtype=torch.int64, device=x.device)
    drawn.random_(whole.min, None, generator=draw)  # to the largest: each quarter takes all values of an int16
    first_kept = numbers.min + round(rate * (numbers.max - numbers.min))
    kept = drawn.view(torch.int16)[: x.numel()].view(x.shape) >= first_kept
    return x * (kept / (1.0 - rate)).to(x.dtype)


def time_features(time: torch.Tensor) -> torch.Tensor:
    """Return sines and cosines of flow times (B,) at periods from 4 down to 1/16, (B, TIME_FEATURES)."""
    octaves = torch.linspace(-2.0, 4.0, TIME_FEATURES // 2, device=time.device)
    angles = 2.0 * math.pi * time[:, None] * 2.0**octaves
    return torch.cat([angles.sin(), angles.cos()], dim=1)
