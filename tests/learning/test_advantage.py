import numpy as np
import pytest

from recap_bench.errors import ConfigurationError, DataError
from recap_bench.learning.advantage import indicator, n_step_advantage, standardised, threshold
from recap_bench.learning.config import LabelConfig
from recap_bench.learning.labels import episode_ends, normalised_returns, segment_ends
from tests.learning.tiny import TASK, episode, steps_of


def assert_close(received, expected):
    np.testing.assert_allclose(received, expected, atol=1e-12)


def advantage_of(steps, values, n_steps, horizon=10):
    returns = normalised_returns(steps, {TASK: horizon}, LabelConfig())
    return n_step_advantage(values, returns, segment_ends(steps), episode_ends(steps), n_steps), returns


def test_inside_an_episode_it_is_the_rewards_plus_the_change_of_value():
    values = np.array([-0.5, -0.3, -0.4, -0.1])
    advantage, _ = advantage_of(steps_of(episode("pppp", True)), values, n_steps=2)
    # Reward -1/20 per step, 0 on the last.
    assert_close(advantage[0], -2 / 20 + values[2] - values[0])
    assert_close(advantage[1], -2 / 20 + values[3] - values[1])


def test_a_window_past_the_end_equals_the_monte_carlo_return_with_the_terminal_penalty():
    values = np.array([-0.5, -0.3, -0.4, -0.1])
    steps = steps_of(episode("pppp", False), episode("pppp", True))
    advantage, returns = advantage_of(steps, np.tile(values, 2), n_steps=50)
    assert_close(advantage, returns - np.tile(values, 2))
    assert returns[3] == -10 / 20


def test_the_window_does_not_cross_into_the_next_episode():
    values = np.array([-0.5, -0.3, -0.9, -0.9])
    alone, _ = advantage_of(steps_of(episode("pp", True)), values[:2], n_steps=3)
    followed, _ = advantage_of(steps_of(episode("pp", True), episode("pp", False)), values, n_steps=3)
    assert_close(followed[:2], alone)


def test_the_window_ends_at_a_take_over_and_bootstraps_with_its_first_value():
    values = np.array([-0.5, -0.6, -0.2, -0.1, -0.3, -0.2])
    advantage, _ = advantage_of(steps_of(episode("ppccpp", True)), values, n_steps=4)
    assert_close(advantage[0], -2 / 20 + values[2] - values[0])
    assert_close(advantage[1], -1 / 20 + values[2] - values[1])
    assert_close(advantage[2], -2 / 20 + values[4] - values[2])
    assert_close(advantage[4], -1 / 20 - values[4])


def test_without_a_number_of_steps_it_is_the_return_minus_the_value():
    values = np.array([-0.5, -0.3, -0.4])
    advantage, returns = advantage_of(steps_of(episode("ddd", True)), values, n_steps=None)
    assert_close(advantage, returns - values)


def test_a_perfect_value_function_leaves_no_advantage():
    steps = steps_of(episode("ppppp", True), episode("ppp", False))
    returns = normalised_returns(steps, {TASK: 10}, LabelConfig())
    advantage, _ = advantage_of(steps, returns, n_steps=2)
    assert_close(advantage, 0.0)


def test_reaching_success_never_has_negative_advantage():
    """Also where the value function hardly expects anything else: the last step of a success costs nothing."""
    values = np.array([-0.5, -0.3, -0.2, -0.001])
    advantage, _ = advantage_of(steps_of(episode("pppp", True)), values, n_steps=1)
    assert advantage[-1] == pytest.approx(0.001)


@pytest.mark.parametrize("fraction", [0.1, 0.3, 0.4, 0.77])
def test_threshold_realises_its_fraction_for_distinct_advantages(fraction):
    advantage = np.random.default_rng(0).normal(size=1000)
    positive = indicator(advantage, threshold(advantage, fraction), np.zeros(1000, bool))
    assert positive.mean() == pytest.approx(fraction, abs=1e-3)
    assert advantage[positive].min() >= advantage[~positive].max()


@pytest.mark.parametrize("levels", [1, 2, 5])
def test_threshold_realises_its_fraction_when_advantages_tie(levels):
    advantage = np.random.default_rng(0).integers(levels, size=1000).astype(float)
    positive = indicator(advantage, threshold(advantage, 0.3), np.zeros(1000, bool))
    assert positive.mean() == pytest.approx(0.3, abs=1e-3)
    assert advantage[positive].min() >= advantage[~positive].max()


def test_ties_are_spread_evenly_over_their_order():
    positive = indicator(np.zeros(10), threshold(np.zeros(10), 0.5), np.zeros(10, bool))
    assert positive.reshape(5, 2).sum(axis=1).tolist() == [1] * 5


def test_forced_steps_are_positive_whatever_their_advantage():
    at = threshold(np.array([0.0, 1.0]), 0.5)
    assert indicator(np.array([-9.0, -9.0, 9.0]), at, np.array([True, False, False])).tolist() == [True, False, True]


def test_advantages_are_standardised_by_those_of_the_reference_and_finite_where_all_are_alike():
    advantage, reference = np.array([1.0, 3.0, 9.0]), np.array([True, True, False])
    assert_close(standardised(advantage, reference), [-1.0, 1.0, 7.0])
    assert_close(standardised(np.full(3, 0.3), reference), 0.0)


def test_refuses_what_has_no_threshold():
    with pytest.raises(DataError, match="at least one"):
        threshold(np.array([]), 0.4)
    with pytest.raises(DataError, match="finite"):
        threshold(np.array([0.0, np.nan]), 0.4)
    with pytest.raises(ConfigurationError, match="positive_fraction"):
        threshold(np.array([0.0]), 40.0)


def test_refuses_a_window_of_no_steps():
    with pytest.raises(ConfigurationError, match="n_steps"):
        n_step_advantage(np.zeros(1), np.zeros(1), np.ones(1), np.ones(1), 0)
