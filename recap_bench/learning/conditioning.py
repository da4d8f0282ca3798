"""How much a policy makes of the indicator: what it would do in the same states, told good and told bad.

Keys of `indicator_report`:
  indicator_shift        root mean square difference of the two chunks, executed part, in standard deviations of chunks
  indicator_gain         share of the chunk's squared error that a step's own indicator saves, against the other one
  indicator_gain_ci95    95 % bootstrap interval over episodes
The steps are those that policies took in rollouts, and that the policy was fitted on. Corrections are left out: all are
positive, and a policy that can tell an operator's hands from a policy's seems to heed an advantage which it does not.
What it learned by heart counts, so that a gain says something beside that of random labels only: without a gain the
indicator cannot help, and the loop is one more fit on all data.
"""

from typing import Any

import numpy as np
import torch

from recap_bench.data.episode import ACTOR_POLICY
from recap_bench.learning.chunk_policy import FlowPolicy
from recap_bench.learning.diagnostics import bootstrap_interval
from recap_bench.learning.flow import NEGATIVE, POSITIVE, sample
from recap_bench.learning.normalisation import Standardised
from recap_bench.learning.policy_fit import PolicyExamples
from recap_bench.learning.text import Phrasebook
from recap_bench.learning.training import generator

ASKED = 4000
"""Steps that a policy is asked about, at most: two seconds of the standard network on one core."""


def indicator_report(policy: FlowPolicy, examples: PolicyExamples, actor: np.ndarray, seed: int) -> dict[str, Any]:
    """Return the keys above for a policy fitted on `examples` of M steps, taken by `actor` (M,), of ACTOR_*.

    {} unless some of those that a policy took are POSITIVE and some NEGATIVE.
    """
    told = torch.from_numpy(examples.indicator)
    asked = torch.from_numpy((np.asarray(examples.weight) > 0) & (actor == ACTOR_POLICY))
    asked &= (told == POSITIVE) | (told == NEGATIVE)
    if len(told[asked].unique()) < 2:
        return {}
    draw = generator("cpu", seed, "indicator report")
    known = asked.nonzero()[:, 0]
    rows = known[torch.randperm(len(known), generator=draw)[:ASKED]].sort().values
    good, bad, done, counts = _chunks(policy, examples, rows, draw)
    good_error, bad_error = ((chunk - done).square().mean(2) for chunk in (good, bad))
    positive = (told[rows] == POSITIVE)[:, None]
    own, other = torch.where(positive, good_error, bad_error), torch.where(positive, bad_error, good_error)
    _, episode = np.unique(examples.frames.episode_end.cpu()[rows].numpy(), return_inverse=True)
    sums = np.stack([np.bincount(episode, (error * counts).sum(1).numpy()) for error in (own, other)], axis=1)
    return {
        "indicator_shift": float((good - bad).square().mean().sqrt()),
        "indicator_gain": _gain(sums),
        "indicator_gain_ci95": bootstrap_interval(len(sums), lambda drawn: _gain(sums[drawn])),
    }


def indicator_warnings(report: dict[str, Any]) -> tuple[str, ...]:
    """Return a warning if the policy of an `indicator_report` is not shown to make anything of its indicator."""
    interval = report.get("indicator_gain_ci95")
    if interval is None or interval[0] > 0:
        return ()
    return (
        "The policy does not heed its indicator: told its own label rather than the other one, a step's chunk has "
        f"{report['indicator_gain']:.1%} [{interval[0]:.1%}, {interval[1]:.1%}] less error. It imitates good and bad "
        "actions alike.",
    )


def _gain(sums: np.ndarray) -> float:
    """Return the share of the error that is saved, from each episode's sums of own and other error, (E, 2)."""
    own, other = sums.sum(axis=0)
    return float(1.0 - own / other)


def _chunks(
    policy: FlowPolicy, examples: PolicyExamples, rows: torch.Tensor, draw: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return the executed parts of the chunks told good, told bad and done, (R, h, A), and which steps count (R, h)."""
    frames, spec, statistics = examples.frames, policy.spec, policy.statistics
    on_device = rows.to(frames.observations.device)
    relative, counts = (part.cpu() for part in frames.chunks(on_device, spec.config.chunk))
    observation = Standardised(frames, statistics.to(str(on_device.device)))(on_device).cpu()
    tokens = Phrasebook.of(spec.repertoire, "cpu").canonical(frames.task[on_device].cpu())
    noise = policy.sampling_noise * torch.randn(relative.shape, generator=draw)
    good, bad = (
        sample(policy.network, observation, noise, (indicator, tokens), 1.0, spec.config.flow_steps)
        for indicator in (POSITIVE, NEGATIVE)
    )
    executed = slice(spec.config.execute)
    return good[:, executed], bad[:, executed], statistics.chunks(relative)[:, executed], counts[:, executed]
