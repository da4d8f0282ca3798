from dataclasses import replace

import numpy as np
import pytest
import torch

from recap_bench.learning.config import MOST_FLOW_STEPS
from recap_bench.learning.flow import NEGATIVE, NONE, POSITIVE, drop_indicator, flow_loss, sample
from recap_bench.learning.frames import frames_of
from recap_bench.learning.networks import FlowNetwork
from recap_bench.learning.normalisation import LINEAR, compressed, measure
from recap_bench.learning.tasks import Repertoire, TaskFacts
from recap_bench.learning.text import Tokenizer
from recap_bench.learning.training import Schedule, generator, isolated_rng, one_cycle, train
from tests.learning.tiny import TASK, episode, steps_of

REPERTOIRE = Repertoire.of({TASK: TaskFacts(100, ("go",), ("seed", "seed_again"))})


def words(count):
    return Tokenizer(REPERTOIRE.vocabulary).encode(["go"] * count)


def network_of(observation=2, chunk=(1, 1), width=64, blocks=2, seed=0):
    with isolated_rng(seed):
        return FlowNetwork(observation, chunk, len(REPERTOIRE.vocabulary), width, blocks)


def trained_on(targets, indicator, steps=400):
    """Return a network fitted to `targets` (n, 1, 1) with indicators (n,), and no observation to speak of."""
    network, draw = network_of(), generator("cpu", 0, "test")
    observation, instruction = torch.zeros(len(targets), 2), words(len(targets))

    def loss():
        rows = torch.randint(len(targets), (256,), generator=draw)
        shown = drop_indicator(indicator[rows], 0.3, draw)
        chunk = (targets[rows], torch.ones(256, 1, dtype=torch.bool))
        return flow_loss(network, observation[rows], chunk, (shown, instruction[rows]), draw)

    return train(network, loss, draw, Schedule(steps, 3e-3, 0.0, 0.99), lambda step: None)[0]


def draw_from(network, indicator, guidance=1.0, count=400, steps=10):
    noise = torch.randn((count, 1, 1), generator=generator("cpu", 1, "noise"))
    condition = (indicator, words(count))
    return sample(network, torch.zeros(count, 2), noise, condition, guidance, steps).flatten().numpy()


@pytest.fixture(scope="module")
def two_modes():
    """Positive chunks are +1, negative ones -1, in equal numbers."""
    indicator = torch.arange(512) % 2
    return trained_on((2.0 * indicator - 1.0).view(-1, 1, 1), indicator)


def test_flow_fits_a_two_mode_target(two_modes):
    drawn = draw_from(two_modes, NONE)
    assert (np.abs(np.abs(drawn) - 1.0) < 0.3).mean() > 0.9
    assert 0.35 < (drawn > 0).mean() < 0.65


def test_the_indicator_chooses_the_mode(two_modes):
    assert (np.abs(draw_from(two_modes, POSITIVE) - 1.0) < 0.3).mean() > 0.95
    assert (np.abs(draw_from(two_modes, NEGATIVE) + 1.0) < 0.3).mean() > 0.95


def test_guidance_one_is_plain_conditioning(two_modes):
    noise = torch.randn((8, 1, 1), generator=generator("cpu", 2, "noise"))
    condition = (POSITIVE, words(8))
    plain = sample(two_modes, torch.zeros(8, 2), noise, condition, 1.0, 5)
    nearly = sample(two_modes, torch.zeros(8, 2), noise, condition, 1.0 + 1e-6, 5)
    torch.testing.assert_close(plain, nearly, atol=1e-4, rtol=0)


def test_guidance_zero_is_unconditional(two_modes):
    np.testing.assert_allclose(draw_from(two_modes, POSITIVE, 0.0), draw_from(two_modes, NONE), atol=1e-5)


def test_guidance_pushes_away_from_the_unconditional_mean():
    """With one velocity for all and another for positives, guidance is their linear extrapolation."""
    rng = np.random.default_rng(0)
    indicator = torch.arange(512) % 2
    targets = torch.from_numpy(rng.normal(0.5 * indicator.numpy(), 0.5).astype(np.float32)).view(-1, 1, 1)
    network = trained_on(targets, indicator)
    means = [draw_from(network, POSITIVE, guidance).mean() for guidance in (0.0, 1.0, 2.0)]
    assert means[0] < means[1] < means[2]


def test_the_realised_drop_out_rate_is_the_configured_one():
    indicator = torch.ones(20000, dtype=torch.int64)
    shown = drop_indicator(indicator, 0.3, generator("cpu", 0, "drop"))
    assert float((shown == NONE).float().mean()) == pytest.approx(0.3, abs=0.01)
    assert set(shown.unique().tolist()) == {POSITIVE, NONE}


def test_no_indicator_is_dropped_at_rate_zero():
    indicator = torch.zeros(1000, dtype=torch.int64)
    assert (drop_indicator(indicator, 0.0, generator("cpu", 0, "drop")) == NEGATIVE).all()


@pytest.mark.parametrize("steps", [1, 5, MOST_FLOW_STEPS])
def test_integration_ends_on_the_chunk_that_the_network_predicts(steps):
    network = network_of(chunk=(2, 1))
    torch.nn.init.constant_(network.trunk.outputs.bias, 0.7)  # the weights of the last layer start at zero
    noise = torch.randn((8, 2, 1), generator=generator("cpu", 3, "noise"))
    drawn = sample(network, torch.zeros(8, 2), noise, (POSITIVE, words(8)), 1.0, steps)
    torch.testing.assert_close(drawn, torch.full((8, 2, 1), 0.7))


def test_steps_that_do_not_count_do_not_change_the_loss():
    network, counts = network_of(chunk=(3, 1)), torch.tensor([[True, True, False]])
    losses = []
    for tail in (0.0, 100.0):
        targets = torch.tensor([[[1.0], [2.0], [tail]]])
        condition = (torch.tensor([POSITIVE]), words(1))
        # The last layer starts at zero, so the input cannot carry the difference.
        draw = generator("cpu", 0, "loss")
        losses.append(flow_loss(network, torch.zeros(1, 2), (targets, counts), condition, draw).item())
    assert losses[0] == losses[1]


def test_chunks_are_relative_to_the_joint_positions_and_hold_the_last_action():
    frames = frames_of(steps_of(episode("pppp", True)), REPERTOIRE, "cpu")
    chunks, counts = frames.chunks(torch.tensor([0, 3]), 3)
    # Joint positions are t, actions t + 1.
    assert chunks[:, :, 0].tolist() == [[1, 2, 3], [1, 1, 1]]
    assert counts.all()


def test_chunks_do_not_count_past_a_change_of_actor():
    frames = frames_of(steps_of(episode("ppcc", True)), REPERTOIRE, "cpu")
    chunks, counts = frames.chunks(torch.tensor([1, 2]), 3)
    assert counts.tolist() == [[True, False, False], [True, True, True]]
    assert chunks[0, :, 0].tolist() == [1, 1, 1]


def test_chunks_do_not_reach_into_the_next_episode():
    frames = frames_of(steps_of(episode("pp", True), episode("pppp", True)), REPERTOIRE, "cpu")
    chunks, _ = frames.chunks(torch.tensor([1]), 3)
    assert chunks[0, :, 0].tolist() == [1, 1, 1]


def test_idle_steps_are_those_after_which_nothing_moves_though_the_targets_flutter():
    moving = episode("p" * 6, True)
    positions = np.zeros((6, 3), np.float32)
    positions[3:, 1] = 0.5
    fluttering = positions + 0.05 * (-1.0) ** np.arange(6, dtype=np.float32)[:, None]
    still = replace(moving, agent_pos=positions, actions=fluttering)
    frames = frames_of(steps_of(still, moving), REPERTOIRE, "cpu")
    assert frames.idle(2).tolist() == [True, False, False, True, True, True] + [False] * 5 + [True]


def test_normalisation_round_trips_and_bounds_unseen_observations():
    frames = frames_of(steps_of(episode("d" * 30, True, seed=1), episode("d" * 20, True, seed=2)), REPERTOIRE, "cpu")
    statistics = measure(frames, 4)
    chunks, _ = frames.chunks(torch.arange(5), 4)
    torch.testing.assert_close(statistics.relative_targets(statistics.chunks(chunks)), chunks)
    assert statistics.observations(frames.observations + 1e6).max() < 30
    assert statistics.observations(frames.observations).isfinite().all()


def test_compression_keeps_small_values_and_the_order_of_large_ones():
    x = torch.tensor([-100.0, -4.0, -LINEAR, -1.0, 0.0, 0.5, LINEAR, 4.0, 5.0, 100.0])
    y = compressed(x)
    torch.testing.assert_close(y[3:6], x[3:6])
    assert (y.diff() > 0).all()
    torch.testing.assert_close(y[7], torch.tensor(LINEAR + np.log(2.0)).float())
    torch.testing.assert_close(y, -compressed(-x))


def test_one_cycle_rises_then_falls_to_zero():
    rates = [one_cycle(step, 100) for step in range(100)]
    assert max(rates) == pytest.approx(1.0, abs=0.01)
    assert rates.index(max(rates)) == pytest.approx(15, abs=1)
    assert rates[-1] < 0.01
    assert all(0 < one_cycle(step, 1) <= 1 for step in range(1))
