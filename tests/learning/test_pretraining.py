"""One pair of networks for several tasks with different observations."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from recap_bench.data.steps import concatenate, from_episodes
from recap_bench.learning import load_policy
from recap_bench.learning.frames import frames_of
from recap_bench.learning.normalisation import Standardised, measure
from recap_bench.learning.recap import Recap
from recap_bench.learning.stages import equal_shares, pretrain
from recap_bench.learning.tasks import Repertoire, TaskFacts
from tests.learning.tiny import TINY, context, episode, rngs, steps_of, with_policy

UP = TaskFacts(60, ("go up", "please rise"), ("height", "light"))
DOWN = TaskFacts(60, ("go down", "please sink"), ("light", "depth"))
TASKS = {"Up-v0": UP, "Down-v0": DOWN}


def motion(task, sign, seed):
    """Return an episode that moves one unit per step, up or down, from a place that does not tell which."""
    plain = episode("d" * 30, True, seed=seed, task=task)
    start = np.random.default_rng(seed).uniform(-20, 20)
    position = np.repeat((start + sign * np.arange(30, dtype=np.float32))[:, None], 3, axis=1)
    state = np.zeros((30, 2), np.float32)
    return replace(plain, agent_pos=position, environment_state=state, actions=position + np.float32(sign))


def both_tasks():
    parts = [
        from_episodes([motion(task, sign, seed) for seed in range(8)], facts.state_names)
        for (task, facts), sign in zip(TASKS.items(), (1, -1), strict=True)
    ]
    return concatenate(parts)


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory):
    config = with_policy(TINY, pretrain_steps=125, learning_rate=3e-3)
    settings = context(both_tasks(), tmp_path_factory.mktemp("pretrained"), config=config)
    return pretrain(replace(settings, tasks=TASKS))


def first_move(policy, text):
    seen = {"agent_pos": np.zeros((16, 3), np.float32), "environment_state": np.zeros((16, 2), np.float32)}
    return float(policy.act(seen, [text] * 16, rngs(16))[:, 0].mean())


def test_a_state_that_a_task_lacks_is_missing_and_then_zero():
    steps = both_tasks()
    assert steps.state_names == ("height", "light", "depth")
    frames = frames_of(steps, Repertoire.of(TASKS), "cpu")
    up = torch.from_numpy((steps.task == "Up-v0")[steps.episode])
    assert frames.observations[up, -1].isnan().all()
    assert frames.observations[~up, 3].isnan().all()
    seen = Standardised(frames, measure(frames, 4))(torch.arange(steps.num_steps))
    assert seen.isfinite().all()
    assert (seen[up, -1] == 0).all()


def test_networks_of_two_tasks_read_one_as_they_read_both():
    both, repertoire = both_tasks(), Repertoire.of(TASKS)
    of_both = frames_of(both, repertoire, "cpu")
    statistics, rows = measure(of_both, 4), (both.task == "Down-v0")[both.episode].nonzero()[0]
    seen = Standardised(of_both, statistics)(torch.from_numpy(rows))
    name, facts = list(TASKS.items())[1]
    alone = from_episodes([motion(name, -1, seed) for seed in range(8)], facts.state_names)
    of_one = frames_of(alone, repertoire.narrowed({name: facts}), "cpu")
    assert of_one.observations.shape[1] < of_one.inputs == of_both.observations.shape[1]
    torch.testing.assert_close(Standardised(of_one, statistics)(torch.arange(alone.num_steps)), seen, rtol=0, atol=0)


def test_statistics_of_an_entry_are_those_of_the_tasks_that_have_it():
    low, high = (from_episodes([episode("d" * 4, True, seed=s)], names) for s, names in ((2, "ab"), (6, "bc")))
    facts = {"ToyPeg-v0": TaskFacts(10, ("go",), ("a", "b", "c"))}
    frames = frames_of(concatenate([low, high]), Repertoire.of(facts), "cpu")
    torch.testing.assert_close(measure(frames, 2).observation_mean[3:], torch.tensor([2.0, 4.0, 6.0]))


def test_the_instruction_decides_between_tasks_also_in_other_words(pretrained):
    policy = load_policy(pretrained / "policy", task="Up-v0")
    for text in ("go up", "please rise", "Please go up!"):
        assert first_move(policy, text) > 0.3, text
    for text in ("go down", "please sink", "Please go down!"):
        assert first_move(policy, text) < -0.3, text


def test_the_steps_of_a_pretraining_are_counted_by_task(pretrained):
    report = json.loads((pretrained / "diagnostics.json").read_text())
    assert report["policy_loss_history"][-1][0] == 125 * len(TASKS)


def test_a_specialist_starts_from_the_networks_of_all_tasks(pretrained, tmp_path):
    steps = from_episodes([motion("Down-v0", -1, seed) for seed in range(8)], DOWN.state_names)
    settings = context(steps, tmp_path, 0, pretrained, TINY)
    result = Recap().fit(replace(settings, tasks={"Down-v0": DOWN}))
    assert first_move(load_policy(result.policy), "go down") < -0.3


def test_value_diagnostics_are_given_per_task(pretrained):
    diagnostics = json.loads((pretrained / "diagnostics.json").read_text())
    assert set(diagnostics["by_task"]) == set(TASKS)
    assert diagnostics["by_task"]["Up-v0"]["held_out_episodes"] == 8
    assert diagnostics["positive_share_by_task"] == pytest.approx(dict.fromkeys(TASKS, 0.3), abs=0.01)
    low, high = diagnostics["by_task"]["Up-v0"]["rank_correlation_ci95"]
    assert low <= diagnostics["by_task"]["Up-v0"]["rank_correlation"] <= high


def test_every_task_is_drawn_equally_often_in_pretraining():
    steps = steps_of(episode("d" * 10, True, task="Short-v0"), episode("d" * 90, True, task="Long-v0", seed=1))
    weight = equal_shares(steps)
    assert weight[:10].sum() == pytest.approx(weight[10:].sum())
