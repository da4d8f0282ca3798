"""What both fits share: seeded networks, the schedule, averaged weights, precision."""

import copy
import math
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import TypeVar, cast

import torch
from torch import nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from recap_bench.errors import ConfigurationError
from recap_bench.learning.descent import Descent
from recap_bench.seeding import derive_seed

Network = TypeVar("Network", bound=nn.Module)

COMPILERS = ("g++", "clang++", "c++")
"""What torch.compile can use on a CPU."""

REPORT_EVERY = 50
"""Gradient steps between two reports of progress."""

AVERAGE_EVERY = 4
"""Gradient steps between two updates of the averaged weights; at every step they cost 3 % of a fit."""

WARM_UP = 0.15
"""Share of the one-cycle schedule in which the learning rate rises."""


@dataclass(frozen=True)
class Schedule:
    """Length and pace of one fit."""

    steps: int
    """Gradient steps."""
    learning_rate: float
    """Peak of the one-cycle schedule."""
    weight_decay: float
    """AdamW weight decay."""
    ema: float
    """Decay of the averaged weights, 0 for the last ones."""


@contextmanager
def isolated_rng(seed: int) -> Iterator[None]:
    """Seed torch's global generators, from which initial weights come, and restore them afterwards."""
    used = range(torch.cuda.device_count()) if torch.cuda.is_initialized() else ()
    with torch.random.fork_rng(devices=used):
        torch.manual_seed(seed)
        yield


def generator(device: str, seed: int, *names: str | int) -> torch.Generator:
    """Return the torch generator of the stream `names` under `seed`."""
    return torch.Generator(device).manual_seed(derive_seed(seed, *names))


def torch_threads(wanted: int = 0) -> int:
    """Return the number of threads that torch computes with, `wanted` of them unless that is 0."""
    return wanted or torch.get_num_threads()


def autocast(precision: str, device: str) -> AbstractContextManager:
    """Return the context in which the networks run in training."""
    kind = torch.device(device).type
    hardware = kind != "cpu" or torch.cpu._is_avx512_bf16_supported()
    if precision == "bfloat16" and not hardware:
        raise ConfigurationError(
            "precision = 'bfloat16' is slower than float32 on this processor. Use 'auto' or 'float32'."
        )
    return torch.autocast(kind, torch.bfloat16, enabled=precision != "float32" and hardware)


def compiled(network: nn.Module, wanted: bool) -> nn.Module:
    """Return `network` as it runs in training: compiled if `wanted`; both share their weights.

    Raises ConfigurationError where nothing can compile it.
    """
    if not wanted:
        return network
    on_cpu = next(network.parameters()).device.type == "cpu"
    if on_cpu and not any(shutil.which(name) for name in COMPILERS):
        raise ConfigurationError(
            f"policy.compile needs a C++ compiler ({', '.join(COMPILERS)}), and none is installed. Use compile = false."
        )
    return cast(nn.Module, torch.compile(network))


def train(
    network: Network,
    loss: Callable[[], torch.Tensor],
    draw: torch.Generator,
    schedule: Schedule,
    report: Callable[[int], None],
) -> tuple[Network, list[tuple[int, float]]]:
    """Minimise `loss()`, which draws from `draw`, over the weights of `network`.

    Returns the averaged network and (step, mean loss since the last entry) pairs.
    """
    descend = Descent(network, loss, draw, schedule.learning_rate, schedule.weight_decay)
    pace = torch.optim.lr_scheduler.LambdaLR(descend.optimiser, lambda step: one_cycle(step, schedule.steps))
    average = copy.deepcopy(network)
    history: list[tuple[int, float]] = []
    recent: list[torch.Tensor] = []
    for step in range(1, schedule.steps + 1):
        recent.append(descend())
        pace.step()
        if step % AVERAGE_EVERY == 0 or step == schedule.steps:
            decay = min(schedule.ema, step / (step + 10.0)) ** AVERAGE_EVERY
            update_average(average, network, decay)
        if step % REPORT_EVERY == 0 or step == schedule.steps:
            history.append((step, float(torch.stack(recent).mean())))
            recent.clear()
            report(step)
    return average, history


def one_cycle(step: int, steps: int) -> float:
    """Return the learning rate of gradient step `step` in [0, steps), in units of its peak: cosines up and down."""
    place, rise = (step + 0.5) / steps, WARM_UP
    return 0.5 - 0.5 * math.cos(math.pi * (place / rise if place < rise else 1.0 + (place - rise) / (1.0 - rise)))


@torch.no_grad()
def update_average(average: nn.Module, network: nn.Module, decay: float) -> None:
    """Move the averaged weights towards the present ones by 1 - decay."""
    get_ema_multi_avg_fn(decay)(list(average.parameters()), list(network.parameters()), None)


class Stopwatch:
    """Seconds since it was made."""

    def __init__(self) -> None:
        self._start = time.perf_counter()

    def seconds(self) -> float:
        """Return the seconds since construction."""
        return time.perf_counter() - self._start
