import numpy as np
import pytest

from recap_bench.errors import ConfigurationError, DataError
from recap_bench.learning.config import LabelConfig
from recap_bench.learning.labels import normalised_returns
from recap_bench.learning.returns import bins_per_second, returns_to_go
from tests.learning.tiny import episode, steps_of


def test_success_counts_the_steps_that_remain_and_ends_at_zero():
    np.testing.assert_allclose(returns_to_go(3, True, horizon=4, penalty=4), [-2 / 8, -1 / 8, 0.0])


def test_failure_adds_the_penalty_to_every_step():
    np.testing.assert_allclose(returns_to_go(3, False, horizon=4, penalty=4), [-6 / 8, -5 / 8, -4 / 8])


def test_default_penalty_keeps_successes_above_minus_half_and_failures_below():
    assert returns_to_go(100, True, 100, 100).min() >= -0.5
    assert returns_to_go(100, False, 100, 100).max() <= -0.5


@pytest.mark.parametrize("horizon", [1, 7, 5000])
@pytest.mark.parametrize("penalty", [0.0, 1.0, 1e6])
def test_returns_stay_inside_the_value_support_for_any_horizon_and_penalty(horizon, penalty):
    for success in (True, False):
        returns = returns_to_go(horizon, success, horizon, penalty)
        assert returns.min() >= -1.0
        assert returns.max() <= 0.0


def test_an_episode_longer_than_its_horizon_is_refused():
    with pytest.raises(DataError, match="horizon = 4"):
        returns_to_go(5, True, horizon=4, penalty=4)


def test_negative_penalty_is_refused():
    with pytest.raises(ConfigurationError, match="penalty"):
        returns_to_go(3, True, horizon=4, penalty=-1)


def test_each_task_has_its_own_normaliser():
    steps = steps_of(episode("pp", True, task="Short-v0"), episode("pp", True, task="Long-v0"))
    returns = normalised_returns(steps, {"Short-v0": 2, "Long-v0": 20}, LabelConfig())
    np.testing.assert_allclose(returns, [-1 / 4, 0, -1 / 40, 0])


def test_a_larger_penalty_leaves_fewer_bins_for_a_second():
    assert bins_per_second(201, horizon=1000, penalty=1000) == pytest.approx(5.0)
    assert bins_per_second(201, horizon=1000, penalty=9000) == pytest.approx(1.0)
