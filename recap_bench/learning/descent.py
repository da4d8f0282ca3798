"""Gradient steps: AdamW on clipped gradients, and on CUDA recorded once and replayed.

Networks as small as these keep a GPU busy for microseconds at a time: launching a step's hundreds of kernels from
Python takes longer than computing them. A CUDA graph launches all of them at once.
"""

from collections.abc import Callable

import torch
from torch import nn

from recap_bench.errors import ConfigurationError

GRADIENT_CLIP = 1.0
"""Largest norm of a gradient; a rare large one would undo many steps of a one-cycle schedule."""

UNRECORDED = 3
"""First steps, launched as usual: they allocate what the recorded ones use."""


def check_device(device: str) -> None:
    """Raise ConfigurationError for a torch device that this machine does not have."""
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise ConfigurationError(
            f"device = {device!r} cannot be used here: {reason}. Use 'cpu', or 'cuda' on a machine with an NVIDIA GPU "
            "and a torch built for it."
        ) from error


class Descent:
    """Minimises a loss over the weights of a network, a gradient step per call."""

    def __init__(
        self,
        network: nn.Module,
        loss: Callable[[], torch.Tensor],
        draw: torch.Generator,
        learning_rate: float,
        weight_decay: float,
    ) -> None:
        """Take the function `loss` that draws a batch from `draw` and returns its scalar loss.

        On CUDA its Python code runs for the first steps only: what changes later has to be in tensors.
        """
        self._weights, self._loss = list(network.parameters()), loss
        on_cuda = draw.device.type == "cuda"
        rate = torch.tensor(learning_rate, device=draw.device) if on_cuda else learning_rate
        self.optimiser = torch.optim.AdamW(
            self._weights, lr=rate, weight_decay=weight_decay, fused=True, capturable=on_cuda
        )
        self._take = _Recorded(self._eager, draw) if on_cuda else self._eager

    def __call__(self) -> torch.Tensor:
        """Take one clipped gradient step and return the detached loss."""
        return self._take()

    def _eager(self) -> torch.Tensor:
        loss = self._loss()
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self._clip()
        self.optimiser.step()
        return loss.detach()

    def _clip(self) -> None:
        """Shorten the gradient to GRADIENT_CLIP; a short one, which nearly all are, is not gone through for nothing."""
        norm = nn.utils.get_total_norm(weight.grad for weight in self._weights if weight.grad is not None)
        if norm.is_cuda or norm > GRADIENT_CLIP:  # what is recorded on CUDA cannot ask
            nn.utils.clip_grads_with_norm_(self._weights, GRADIENT_CLIP, norm)


class _Recorded:
    """A step that is launched as usual a few times, then recorded, and replayed from then on."""

    def __init__(self, step: Callable[[], torch.Tensor], draw: torch.Generator) -> None:
        self._step, self._taken = step, 0
        self._stream = torch.cuda.Stream(draw.device)
        self._graph = torch.cuda.CUDAGraph()
        self._graph.register_generator_state(draw)
        self._loss: torch.Tensor

    def __call__(self) -> torch.Tensor:
        self._taken += 1
        if self._taken <= UNRECORDED:
            self._stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(self._stream):
                loss = self._step()
            torch.cuda.current_stream().wait_stream(self._stream)
            return loss
        if self._taken == UNRECORDED + 1:
            with torch.cuda.graph(self._graph, stream=self._stream):
                self._loss = self._step()
        self._graph.replay()
        return self._loss.clone()
