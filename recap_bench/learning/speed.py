"""How close training comes to a bare forward and backward pass of the same network."""

import time
from typing import Any

import numpy as np
import torch

from recap_bench.learning.chunk_policy import PolicySpec, build_flow_network
from recap_bench.learning.config import PolicyConfig
from recap_bench.learning.descent import check_device
from recap_bench.learning.flow import POSITIVE, flow_loss
from recap_bench.learning.frames import Frames
from recap_bench.learning.normalisation import Standardised
from recap_bench.learning.normalisation import measure as measure_statistics
from recap_bench.learning.policy_fit import PolicyExamples, PolicySetup, fit_policy
from recap_bench.learning.tasks import Repertoire, TaskFacts
from recap_bench.learning.training import autocast

FRAMES, EPISODE, FIELDS, JOINTS = 100_000, 1000, 150, 14
"""Size of the data: frames, frames per episode, state entries, joints; about 100 demonstrations of a task."""

BLOCKS, BLOCK_STEPS = 6, 30
"""Both sides take turns in blocks of gradient steps; the ratio is the median over blocks after the first."""


def measure_training(config: PolicyConfig, device: str = "cpu") -> dict[str, Any]:
    """Return one row: milliseconds per gradient step of a fit, of the bare passes on a fixed batch, and their ratio.

    The fit draws and gathers frames, augments, clips, steps the optimiser and averages the weights; the bare passes
    compute the same loss and its gradient, and nothing else. On CUDA a fit replays its steps, which makes the ratio
    larger than 1 where launching the bare passes takes longer than computing them.
    """
    check_device(device)
    frames = _frames(device)
    facts = TaskFacts(EPISODE, ("do it",), tuple(f"state_{i}" for i in range(FIELDS)))
    spec = PolicySpec(config, Repertoire.of({"Speed-v0": facts}), ("positive", "none"))
    setup = PolicySetup(
        spec,
        measure_statistics(frames, config.chunk),
        BLOCK_STEPS,
        config.fit_batch,
        config.fit_learning_rate,
        0,
        "speed",
    )
    examples = PolicyExamples(frames, np.full(FRAMES, POSITIVE), np.ones(FRAMES))
    bare = _BarePasses(frames, setup)
    fit_ms, bare_ms = [], []
    for _ in range(BLOCKS + 1):
        fit_ms.append(1e3 * fit_policy(examples, setup, None, lambda *progress: None).seconds / BLOCK_STEPS)
        bare_ms.append(1e3 * bare.seconds() / BLOCK_STEPS)
    fitted, plain = np.array(fit_ms[1:]), np.array(bare_ms[1:])
    return {
        "width": config.width,
        "blocks": config.blocks,
        "batch": config.fit_batch,
        "device": device,
        "threads": torch.get_num_threads(),
        "fit_ms_per_step": float(np.median(fitted)),
        "bare_ms_per_step": float(np.median(plain)),
        "ratio": float(np.median(plain / fitted)),
    }


class _BarePasses:
    """Forward and backward of the policy's network on one batch in memory."""

    def __init__(self, frames: Frames, setup: PolicySetup) -> None:
        config = setup.spec.config
        device = frames.observations.device
        self._config = config
        self._network = build_flow_network(setup.spec, setup.statistics).to(device)
        rows = torch.arange(config.fit_batch, device=device)
        relative, counts = frames.chunks(rows, config.chunk)
        self._observation = Standardised(frames, setup.statistics)(rows)
        self._chunk = (setup.statistics.chunks(relative), counts)
        self._condition = (torch.full_like(rows, POSITIVE), torch.full((config.fit_batch, 24), 2, device=device))
        self._draw = torch.Generator(device.type).manual_seed(0)

    def seconds(self) -> float:
        """Return the duration of BLOCK_STEPS passes."""
        kind = self._observation.device.type
        start = time.perf_counter()
        for _ in range(BLOCK_STEPS):
            self._network.zero_grad(set_to_none=True)
            with autocast(self._config.precision, kind):
                loss = flow_loss(self._network, self._observation, self._chunk, self._condition, self._draw)
            loss.backward()
        if kind == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter() - start


def _frames(device: str) -> Frames:
    draw = torch.Generator().manual_seed(0)
    ends = torch.arange(FRAMES) // EPISODE * EPISODE + EPISODE
    observations = torch.randn((FRAMES, JOINTS + FIELDS), generator=draw)
    actions = observations[:, :JOINTS] + 0.1 * torch.randn((FRAMES, JOINTS), generator=draw)
    task = torch.zeros(FRAMES, dtype=torch.int64)
    columns = torch.arange(JOINTS + FIELDS)
    observations, columns, actions, task, ends = (x.to(device) for x in (observations, columns, actions, task, ends))
    return Frames(observations, columns, len(columns), actions, task, ends, ends)
