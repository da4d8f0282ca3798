"""RECAP makes a policy better than its demonstrations."""

from dataclasses import replace

import numpy as np
import pytest

from recap_bench.data.steps import StepData, concatenate, from_episodes
from recap_bench.learning import load_policy
from recap_bench.learning.config import LabelConfig, LearningConfig, PolicyConfig, ValueConfig
from recap_bench.learning.recap import Recap
from recap_bench.learning.stages import pretrain
from tests.learning.tiny import context, episode, rngs, steps_of
from tests.learning.toy_task import INSTRUCTION, STATE_NAMES, demonstrations, run

GOAL = 1.0
"""The hand starts at 0 and is done when it passes this [m]."""

MODERATE = LearningConfig(
    value=ValueConfig(width=128, steps=300, learning_rate=1e-3),
    labels=LabelConfig(look_ahead=25),
    policy=PolicyConfig(width=192, blocks=3, fit_batch=128, pretrain_steps=3000, passes=12, sampling_noise=1.0),
)
"""Minutes per fit. With full noise: with less, SFT leaves little to gain on the peg."""

SMALL = LearningConfig(
    value=ValueConfig(width=32, blocks=1, steps=150, batch=256, learning_rate=1e-3, folds=2),
    labels=LabelConfig(look_ahead=10),
    policy=PolicyConfig(
        width=64,
        blocks=2,
        chunk=4,
        execute=2,
        batch=256,
        fit_batch=256,
        pretrain_steps=250,
        passes=25,
        fit_learning_rate=2e-3,
    ),
)
"""Seconds per fit."""


def walks(speeds: list[float], actor: str, iteration: int) -> StepData:
    """Return straight walks to the goal at constant speeds [m per step]; the speed is not observed."""
    episodes = []
    for seed, speed in enumerate(speeds):
        length = int(np.ceil(GOAL / speed))
        position = np.repeat(speed * np.arange(length, dtype=np.float32)[:, None], 3, axis=1)
        blank = episode(actor * length, True, iteration, seed + 1000 * iteration)
        environment_state = np.repeat(GOAL - position[:, :1], 2, axis=1)
        arrays = {
            "agent_pos": position,
            "environment_state": environment_state,
            "actions": position + np.float32(speed),
        }
        episodes.append(replace(blank, **arrays))
    return steps_of(*episodes)


def speed_of(policy, count=128):
    """Return the mean speed of the first step [m per step] from places along the way."""
    position = np.repeat(np.linspace(0.1, 0.8, count, dtype=np.float32)[:, None], 3, axis=1)
    seen = {"agent_pos": position, "environment_state": np.repeat(GOAL - position[:, :1], 2, axis=1)}
    return float((policy.act(seen, [INSTRUCTION] * count, rngs(count))[:, 0] - position).mean())


def test_recap_prefers_the_faster_of_two_ways_and_guidance_more_so(tmp_path):
    speeds = [0.01, 0.03] * 10
    demos, rollouts = walks(speeds, "d", 0), walks(speeds, "p", 1)
    pretrained = pretrain(context(demos, tmp_path / "pre", config=SMALL))
    sft = Recap().fit(context(demos, tmp_path / "sft", 0, pretrained, SMALL))
    result = Recap().fit(context(concatenate([demos, rollouts]), tmp_path / "fit", 1, pretrained, SMALL))
    speed = {name: speed_of(load_policy(result.policy, **how)) for name, how in result.variants.items()}
    positive, guided = speed_of(load_policy(result.policy)), speed_of(load_policy(result.policy, guidance=2.0))
    assert positive > 1.2 * speed_of(load_policy(sft.policy))
    assert guided > positive > speed["none"] > speed["negative"]


@pytest.mark.slow
def test_recap_raises_throughput_on_the_peg_task(tmp_path):
    demos, evaluation = demonstrations(100), np.arange(300) + 10**6
    pretrained = pretrain(context(demos, tmp_path / "pre", config=MODERATE))
    sft = load_policy(Recap().fit(context(demos, tmp_path / "sft", 0, pretrained, MODERATE)).policy)
    autonomous = run(np.arange(200) + 5000, sft, 1)[0]
    corrected = run(np.arange(100) + 6000, sft, 1, corrected_after=100)[0]
    steps = concatenate([demos, from_episodes(autonomous + corrected, STATE_NAMES)])
    result = Recap().fit(context(steps, tmp_path / "fit", 1, pretrained, MODERATE))
    before = run(evaluation, sft, 1)[1]["per_hour"]
    after = run(evaluation, load_policy(result.policy), 1)[1]["per_hour"]
    unconditional = run(evaluation, load_policy(result.policy, condition="none"), 1)[1]["per_hour"]
    assert after > 1.1 * before
    assert after > unconditional
