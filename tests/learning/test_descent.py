"""Gradient steps, and the device that they are taken on."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from recap_bench.baselines.ppo import ProximalPolicyOptimisation
from recap_bench.data.steps import concatenate, from_episodes
from recap_bench.errors import ConfigurationError
from recap_bench.learning import load_policy
from recap_bench.learning.descent import UNRECORDED, Descent, check_device
from recap_bench.learning.recap import Recap
from recap_bench.learning.stages import pretrain
from recap_bench.learning.training import generator
from tests.learning.tiny import TINY, context, rngs, with_policy
from tests.learning.toy_task import INSTRUCTION, STATE_NAMES, demonstrations, run

on_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU and a torch built for it")

STEPS = 40 * UNRECORDED


def descended(device, steps=STEPS):
    """Return weight and loss at each step of a fit to numbers of mean 3; the learning rate falls to a hundredth."""
    layer = torch.nn.Linear(1, 1, bias=False).to(device)
    torch.nn.init.zeros_(layer.weight)
    draw = generator(device, 0, "test")

    def loss():
        noise = torch.randn((64, 1), generator=draw, device=device)
        return (layer(torch.ones_like(noise)) - 3.0 - noise).square().mean()

    descend = Descent(layer, loss, draw, 0.2, 0.0)
    pace = torch.optim.lr_scheduler.ExponentialLR(descend.optimiser, 0.01 ** (1 / steps))
    weights, losses = [0.0], []
    for _ in range(steps):
        losses.append(float(descend()))
        weights.append(layer.weight.item())
        pace.step()
    return weights, losses


def test_descent_reaches_the_minimum_on_fresh_draws():
    weights, losses = descended("cpu")
    assert weights[-1] == pytest.approx(3.0, abs=0.2)
    assert len(set(losses)) == STEPS


@pytest.mark.parametrize("device", ["gpu", "cuda:99"])
def test_a_device_that_is_not_there_is_refused_with_what_would_be_right(device):
    with pytest.raises(ConfigurationError, match=f"device = '{device}' cannot be used here: .*Use 'cpu'"):
        check_device(device)


@pytest.fixture(scope="module")
def learned(tmp_path_factory):
    """Fit pre-training, RECAP and PPO on the GPU, twice; return their folders."""
    demos = demonstrations(16)
    config = with_policy(TINY, pretrain_steps=50, passes=2.0)
    results = []
    for repeat in range(2):
        folder = tmp_path_factory.mktemp(f"cuda{repeat}")

        def on_gpu(steps, name, iteration, pretrained=None, folder=folder):
            made = context(steps, folder / name, iteration, pretrained, config)
            return replace(made, device="cuda", previous=folder / "sft" if iteration else None)

        pretrained = pretrain(on_gpu(demos, "pretrained", 0))
        sft = Recap().fit(on_gpu(demos, "sft", 0, pretrained))
        autonomous, _ = run(np.arange(6) + 500, load_policy(sft.policy), 1)
        everything = concatenate([demos, from_episodes(autonomous, STATE_NAMES)])
        recap = Recap().fit(on_gpu(everything, "recap", 1, pretrained))
        ppo = ProximalPolicyOptimisation().fit(on_gpu(everything, "ppo", 1, pretrained))
        results.append([pretrained / "policy", sft.policy, recap.policy, ppo.policy, recap.policy.parent / "value"])
    return results


@on_cuda
def test_recorded_steps_draw_anew_and_follow_the_learning_rate():
    weights, losses = descended("cuda")
    moves = np.abs(np.diff(weights))
    assert weights[-1] == pytest.approx(3.0, abs=0.2)
    assert moves[:UNRECORDED] == pytest.approx(0.2, rel=0.3)
    assert moves[-5:].max() < 0.01
    assert len(set(losses)) == STEPS
    assert descended("cuda") == (weights, losses)


@on_cuda
def test_fits_on_a_gpu_repeat_bit_by_bit(learned):
    for first, again in zip(*learned, strict=True):
        assert (first / "weights.safetensors").read_bytes() == (again / "weights.safetensors").read_bytes(), first


@on_cuda
def test_a_policy_fitted_on_a_gpu_acts_alike_on_both_devices(learned):
    seen = {"agent_pos": np.zeros((3, 3), np.float32), "environment_state": np.ones((3, len(STATE_NAMES)), np.float32)}
    for folder in learned[0][:4]:
        gpu, cpu = (
            load_policy(folder, device=device).act(seen, [INSTRUCTION] * 3, rngs(3)) for device in ("cuda", "cpu")
        )
        np.testing.assert_allclose(gpu, cpu, atol=1e-3)
