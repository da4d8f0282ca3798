"""Flow matching on action chunks: the training loss (paper: Eq. 4) and the integration at inference (Appendix E).

A chunk at flow time s is x_s = s a + (1 - s) w with noise w; the network gives the velocity a - w, which is
minus the paper's f. Time 0 is noise, time 1 is data.
"""

import torch
from torch import nn

from recap_bench.learning.config import MOST_FLOW_STEPS
from recap_bench.learning.networks import INDICATORS, FlowNetwork

NEGATIVE, POSITIVE, NONE = range(len(INDICATORS))
"""Indices of the indicator embedding."""

LATEST_TIME = 1.0 - 1.0 / MOST_FLOW_STEPS
"""Training draws flow times up to this: the velocity's error is that of the predicted chunk over 1 - s."""


def drop_indicator(indicator: torch.Tensor, rate: float, draw: torch.Generator) -> torch.Tensor:
    """Return indicator indices (B,) of which a share `rate` is replaced by NONE: the unconditional branch."""
    dropped = torch.rand(indicator.shape, generator=draw, device=indicator.device) < rate
    return torch.where(dropped, NONE, indicator)


def flow_loss(
    network: nn.Module,
    observation: torch.Tensor,
    chunk: tuple[torch.Tensor, torch.Tensor],
    condition: tuple[torch.Tensor, torch.Tensor],
    draw: torch.Generator,
) -> torch.Tensor:
    """Return the mean squared error of the velocity, a scalar.

    `chunk` is (targets (B, H, A) in network units, which steps count (B, H) bool); `condition` is (indicator
    indices (B,), instruction tokens (B, W)).
    """
    targets, counts = chunk
    error = velocity_errors(network, observation, targets, condition, draw_blend(targets, draw))
    return (error * counts).sum() / counts.sum()


def draw_blend(targets: torch.Tensor, draw: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the noise (B, H, A) and the flow times (B,) at which targets (B, H, A) are learned."""
    noise = torch.randn(targets.shape, generator=draw, device=targets.device)
    return noise, LATEST_TIME * torch.rand(len(targets), generator=draw, device=targets.device)


def velocity_errors(
    network: nn.Module,
    observation: torch.Tensor,
    targets: torch.Tensor,
    condition: tuple[torch.Tensor, torch.Tensor],
    blend: tuple[torch.Tensor, torch.Tensor],
) -> torch.Tensor:
    """Return the squared error of the velocity at the noise and times of `blend`, its mean over joints, (B, H)."""
    noise, time = blend
    share = time[:, None, None]
    velocity = network(observation, share * targets + (1.0 - share) * noise, time, *condition)
    return (velocity - (targets - noise)).square().mean(dim=2)


@torch.inference_mode()
def sample(
    network: FlowNetwork,
    observation: torch.Tensor,
    noise: torch.Tensor,
    condition: tuple[int, torch.Tensor],
    guidance: float,
    steps: int,
) -> torch.Tensor:
    """Integrate noise (B, H, A) to chunks (B, H, A) in `steps` Euler steps, given standardised observations (B, F).

    `condition` is (indicator index, instruction tokens (B, W)). With guidance b other than 1 the velocity is
    v_none + b (v_indicator - v_none).
    """
    indicator, instruction = condition
    x, size = noise, len(noise)
    branches = [indicator] if guidance == 1.0 else [NONE, indicator]
    repeat = len(branches)
    indices = torch.tensor(branches, device=noise.device).repeat_interleave(size)
    inputs, instructions = observation.repeat(repeat, 1), instruction.repeat(repeat, 1)
    for step in range(steps):
        time = torch.full((repeat * size,), step / steps, device=noise.device)
        velocity = network(inputs, x.repeat(repeat, 1, 1), time, indices, instructions)
        if repeat == 2:
            unconditional, conditional = velocity[:size], velocity[size:]
            velocity = unconditional + guidance * (conditional - unconditional)
        x = x + velocity / steps
    return x
