import numpy as np
import pytest

from recap_bench.errors import ConfigurationError
from recap_bench.reporting.statistics import (
    Attempts,
    Bootstrap,
    success_difference_interval,
    success_interval,
    throughput_interval,
    throughput_per_hour,
    throughput_ratio_interval,
)


def test_success_interval_is_wilsons() -> None:
    assert success_interval(8, 10) == pytest.approx((0.4901625, 0.9433178), abs=1e-6)


def test_success_interval_is_open_at_the_ends() -> None:
    assert success_interval(0, 500).low == 0.0
    assert 0.0 < success_interval(0, 500).high < 0.01
    assert success_interval(500, 500).high == 1.0


@pytest.mark.parametrize(("successes", "episodes"), [(0, 0), (-1, 5), (6, 5)])
def test_success_interval_refuses_impossible_counts(successes: int, episodes: int) -> None:
    with pytest.raises(ConfigurationError, match=f"got {successes} of {episodes}"):
        success_interval(successes, episodes)


def test_throughput_counts_the_time_of_failures() -> None:
    assert throughput_per_hour(np.array([True, False]), np.array([60.0, 120.0])) == pytest.approx(20.0)


def test_throughput_interval_is_the_same_for_the_same_seed() -> None:
    success, time_s = np.array([1, 0, 1, 1], bool), np.array([50.0, 200.0, 60.0, 70.0])
    assert throughput_interval(success, time_s, 3) == throughput_interval(success, time_s, np.random.default_rng(3))


def test_throughput_interval_holds_the_truth_as_often_as_it_says() -> None:
    rng, inside, trials = np.random.default_rng(0), 0, 200
    truth = 3600 * 0.6 / (0.6 * 50 + 0.4 * 100)
    for _ in range(trials):
        success = rng.random(80) < 0.6
        low, high = throughput_interval(success, np.where(success, 50.0, 100.0), rng, bootstrap=Bootstrap(400))
        inside += low <= truth <= high
    assert 0.90 <= inside / trials <= 0.99


def test_throughput_interval_without_success_still_has_a_width() -> None:
    low, high = throughput_interval(np.zeros(10, bool), np.full(10, 100.0))
    assert low == 0.0
    assert high == pytest.approx(36.0 * success_interval(0, 10).high)


def test_strata_keep_the_number_of_episodes_of_each_seed() -> None:
    strata = np.array([0, 0, 0, 1, 1])
    drawn = Attempts(np.ones(5, bool), np.ones(5), strata).resampled(0, 50)
    assert (np.sort(strata[drawn], axis=1) == strata).all()


def test_paired_difference_is_narrower_than_the_spread_between_episodes() -> None:
    success = np.arange(200) % 2 == 0
    better = success.copy()
    better[1:21:2] = True
    time_s = np.full(200, 60.0)
    low, high = success_difference_interval(Attempts(better, time_s), Attempts(success, time_s))
    assert 0.02 <= low < 0.05 < high <= 0.09


def test_ratio_of_half_the_time_is_two() -> None:
    success = np.ones(30, bool)
    fast, slow = Attempts(success, np.full(30, 50.0)), Attempts(success, np.full(30, 100.0))
    assert throughput_ratio_interval(fast, slow) == pytest.approx((2.0, 2.0))


def test_ratio_to_a_method_that_never_succeeds_is_infinite() -> None:
    time_s = np.full(20, 60.0)
    never, always = Attempts(np.zeros(20, bool), time_s), Attempts(np.ones(20, bool), time_s)
    assert throughput_ratio_interval(always, never).high == np.inf
    assert np.isnan(throughput_ratio_interval(never, never).low)


def test_pairs_of_different_seeds_are_refused() -> None:
    a = Attempts(np.ones(2, bool), np.ones(2), np.array([0, 1]))
    b = Attempts(np.ones(2, bool), np.ones(2), np.array([1, 0]))
    with pytest.raises(ConfigurationError, match="same episodes"):
        success_difference_interval(a, b)


@pytest.mark.parametrize("time_s", [[1.0], [1.0, 0.0], [1.0, np.nan]])
def test_bad_times_are_refused(time_s: list[float]) -> None:
    with pytest.raises(ConfigurationError):
        throughput_interval(np.ones(2, bool), np.array(time_s))
