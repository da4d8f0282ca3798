"""PPO on the flow policy (paper: Appendix D, Eq. 10 and 11): likelihood ratios within a trust region.

The likelihood of a chunk has no closed form; its bound by one step of diffusion is minus the flow-matching error, so
the ratio of the new to the old policy is exp(old error - new error), both at the same noise and flow time. Clipping
cannot hold such a policy within a trust region, the paper says; as there, the quadratic penalty of SPO does.
Errors are means over a chunk's numbers; the paper does not state its scale.
"""

import numpy as np
import torch
from torch import nn

from recap_bench.learning.advantage import standardised
from recap_bench.learning.flow import POSITIVE, draw_blend, velocity_errors
from recap_bench.learning.labels import reference_steps
from recap_bench.learning.policy_fit import Batch
from recap_bench.learning.stages import Fitting
from recap_bench.method import FitContext, FitResult

TRUST_REGION = 0.01
"""epsilon: the ratio that an action is drawn to is 1 + epsilon or 1 - epsilon (paper: section VI-C3)."""


class ProximalPolicyOptimisation:
    """On policy: from the policy that acted last, on the steps on which it acted; no demonstration, no correction."""

    name = "ppo"
    uses_corrections = False
    iterates = True

    def fit(self, context: FitContext) -> FitResult:
        """Fit pi_0 on demonstrations (SFT), and pi_k from pi_k-1 on its own rollouts, with advantages under V_k.

        The indicator stays at True, as in pi_0.
        """
        fitting = Fitting(context)
        if context.iteration == 0:
            return fitting.supervised()
        relabelling = fitting.relabel()
        relabelling.save(context.folder)
        acted = reference_steps(context.steps, context.iteration)
        advantage = standardised(relabelling.labels.advantage, acted)
        before = fitting.policy_before()
        objective = ProximalObjective(before.network.to(context.device), advantage)
        indicator = np.full(context.steps.num_steps, POSITIVE, np.int64)
        return fitting.policy(indicator, acted.astype(float), ("positive",), 1.0, relabelling, objective, before)


class ProximalObjective:
    """SPO's loss: -(r A - |A| / (2 epsilon) (r - 1)^2), its mean over a batch."""

    def __init__(self, old: nn.Module, advantage: np.ndarray) -> None:
        """Take the policy that acted, and the advantages (M,) of the steps that batches refer to."""
        device = next(old.parameters()).device
        self._old = old
        self._advantage = torch.from_numpy(advantage.astype(np.float32)).to(device)

    def __call__(self, network: nn.Module, batch: Batch, draw: torch.Generator) -> torch.Tensor:
        """Return the loss of one batch."""
        blend = draw_blend(batch.chunk[0], draw)
        with torch.no_grad():
            before = chunk_errors(self._old, batch, blend)
        ratio = (before - chunk_errors(network, batch, blend)).exp()
        return proximal_loss(ratio, self._advantage[batch.rows])


def chunk_errors(network: nn.Module, batch: Batch, blend: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
    """Return minus the bound of each chunk's log-likelihood, up to a constant, (B,)."""
    targets, counts = batch.chunk
    errors = velocity_errors(network, batch.observation, targets, batch.condition, blend)
    return (errors * counts).sum(1) / counts.sum(1)


def proximal_loss(ratio: torch.Tensor, advantage: torch.Tensor) -> torch.Tensor:
    """Return SPO's loss of ratios (B,) and advantages (B,); least where each ratio is 1 + epsilon sign(A)."""
    penalty = advantage.abs() / (2 * TRUST_REGION) * (ratio - 1).square()
    return (penalty - ratio * advantage).mean()
