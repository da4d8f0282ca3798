"""The launderer's exams, and what must not pass for folding; slow, since cloth is."""

import numpy as np
import pytest

from recap_bench.envs import make_vec
from recap_bench.envs.laundry.wardrobe import WARDROBE
from recap_bench.envs.operators import profile

EPISODES = 32
"""At once; a bar of 0.97 lets one of them fail."""


def play(name, pilot, start=None, seed=3000):
    """Play EPISODES episodes to their ends; return is_success and failure_mode."""
    env = make_vec(name, EPISODES, threads=0, autoreset_mode="Disabled", start=start)
    observation, info = env.reset(seed=seed)
    act = pilot(env, observation)
    over = np.zeros(EPISODES, bool)
    while not over.all():
        _, _, terminated, truncated, info = env.step(act(np.flatnonzero(~over)))
        over = terminated | truncated
    return info["is_success"], info["failure_mode"]


def launderer(name):
    def pilot(env, observation):
        oracle, ids = env.make_oracle(), np.arange(EPISODES)
        oracle.begin(ids, [profile(name)] * EPISODES, [np.random.default_rng([1, i]) for i in ids])
        actions = observation["agent_pos"].copy()

        def act(running):
            actions[running] = oracle.act(running)
            return actions

        return act

    return pilot


def flailing(env, observation):
    rng = np.random.default_rng(0)
    return lambda running: rng.uniform(env.action_space.low, env.action_space.high)


def drifting(env, observation):
    """Wander about home, where the hands would declare the work done."""
    rng = np.random.default_rng(0)
    return lambda running: np.clip(
        observation["agent_pos"] + rng.normal(0, 0.15, observation["agent_pos"].shape),
        env.action_space.low,
        env.action_space.high,
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "start", "bar"),
    [
        ("LaundryStrictTshirt-v0", "flat", 0.96),
        ("LaundryTshirtsShorts-v0", "flat", 0.85),
        ("LaundryTshirtsShorts-v0", "light", 0.75),
    ],
    ids=["strict", "flat", "light"],
)
def test_the_skilled_launderer_passes_its_exam(name, start, bar):
    success, modes = play(name, launderer("skilled"), start)
    assert success.mean() >= bar, modes


@pytest.mark.slow
@pytest.mark.parametrize("pilot", [flailing, drifting])
def test_moving_about_folds_nothing(pilot):
    success, _ = play("LaundryTshirtsShorts-v0", pilot)
    assert not success.any()


@pytest.mark.slow
@pytest.mark.parametrize("garment", WARDROBE)
def test_the_skilled_launderer_folds_every_type(garment):
    success, modes = play("LaundryDiverse-v0", launderer("skilled"), start=f"{garment}_flat")
    assert success.mean() >= 0.85, modes
