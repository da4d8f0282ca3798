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
    attempts = Attempts(np.array([1, 0, 1, 1], bool), np.array([50.0, 200.0, 60.0, 70.0]))
    assert throughput_interval(attempts, 3) == throughput_interval(attempts, np.random.default_rng(3))


@pytest.mark.parametrize(("rate", "episodes"), [(0.03, 100), (0.6, 80), (0.99, 100), (0.997, 300)])
def test_throughput_interval_holds_the_truth_as_often_as_it_says(rate: float, episodes: int) -> None:
    """Times of successes spread by a fifth; failures take twice as long, until the time limit."""
    rng, inside, trials = np.random.default_rng(0), 0, 200
    truth = 3600 * rate / (rate * 50 + (1 - rate) * 100)
    for _ in range(trials):
        success = rng.random(episodes) < rate
        attempts = Attempts(success, np.where(success, rng.normal(50, 10, episodes), 100.0), time_limit_s=100.0)
        low, high = throughput_interval(attempts, rng, Bootstrap(200))
        inside += low <= truth <= high
    assert 0.92 <= inside / trials <= 0.995


def test_ratio_of_two_that_hardly_ever_fail_holds_the_truth_as_often_as_it_says() -> None:
    rng, inside, trials = np.random.default_rng(0), 0, 200
    truth = (0.98 / (0.98 * 50 + 0.02 * 100)) / (0.99 / (0.99 * 50 + 0.01 * 100))
    for _ in range(trials):
        sides = []
        for rate in (0.98, 0.99):
            success = rng.random(100) < rate
            sides.append(Attempts(success, np.where(success, 50.0, 100.0)))
        low, high = throughput_ratio_interval(*sides, rng, Bootstrap(200))
        inside += low <= truth <= high
    assert inside / trials >= 0.92


def test_without_any_failure_the_lower_end_is_that_of_wilson_with_failures_until_the_time_limit() -> None:
    low, high = throughput_interval(Attempts(np.ones(50, bool), np.full(50, 60.0), time_limit_s=200.0))
    rate = success_interval(50, 50).low
    assert low == pytest.approx(3600 * rate / (rate * 60 + (1 - rate) * 200))
    assert high == pytest.approx(60.0)


def test_the_spread_of_times_is_the_middle_95_percent_of_2000_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    time_s = 3600 / (100.0 + np.arange(1, 2001))

    def every_episode_once(self: Attempts, rng: object, resamples: int, strata: np.ndarray) -> np.ndarray:
        assert resamples == 2000
        return np.arange(2000)[:, None]

    monkeypatch.setattr(Attempts, "resampled", every_episode_once)
    high = throughput_interval(Attempts(np.ones(2000, bool), time_s)).high
    assert high == pytest.approx(100 + 0.975 * 1999 + 1)  # without failures the rate has no say in the upper end


def test_throughput_interval_without_success_still_has_a_width() -> None:
    low, high = throughput_interval(Attempts(np.zeros(10, bool), np.full(10, 100.0)))
    assert low == 0.0
    assert high == pytest.approx(36.0 * success_interval(0, 10).high)


def test_strata_keep_the_number_of_episodes_of_each_seed() -> None:
    strata = np.array([0, 0, 0, 1, 1])
    drawn = Attempts(np.ones(5, bool), np.ones(5), strata).resampled(0, 50, strata)
    assert (np.sort(strata[drawn], axis=1) == strata).all()


def test_times_are_drawn_within_each_seed() -> None:
    """Two seeds whose times do not vary have a sure mean time, however much they differ from one another."""
    success, time_s, seeds = np.ones(40, bool), np.repeat([10.0, 90.0], 20), np.repeat([3, 8], 20)
    apart, together = Attempts(success, time_s, seeds), Attempts(success, time_s)
    assert throughput_interval(apart).high == pytest.approx(72.0)
    assert throughput_interval(together).high > 80.0
    slow, slow_together = Attempts(success, 2 * time_s[::-1], seeds), Attempts(success, 2 * time_s[::-1])
    widths = (np.ptp(throughput_ratio_interval(*pair)) for pair in ((apart, slow), (together, slow_together)))
    assert 2 * next(widths) < next(widths)


def test_paired_difference_is_narrower_than_the_spread_between_episodes() -> None:
    success = np.arange(200) % 2 == 0
    better = success.copy()
    better[1:21:2] = True
    time_s = np.full(200, 60.0)
    low, high = success_difference_interval(Attempts(better, time_s), Attempts(success, time_s))
    assert 0.01 <= low < 0.05 < high <= 0.09


def paired(both: int, only_a: int, only_b: int, none: int) -> tuple[Attempts, Attempts]:
    """Return two sides of which that many pairs succeed on both, on the first, on the second and on neither side."""
    counts, episodes = (both, only_a, only_b, none), both + only_a + only_b + none
    a, b = (np.repeat(outcomes, counts) for outcomes in ([True, True, False, False], [True, False, True, False]))
    return Attempts(a, np.full(episodes, 60.0)), Attempts(b, np.full(episodes, 60.0))


@pytest.mark.parametrize(
    ("counts", "expected"),
    [((36, 12, 2, 0), (0.0569, 0.3404)), ((20, 10, 3, 17), (-0.0016, 0.2714)), ((50, 0, 0, 0), (-0.0713, 0.0713))],
)
def test_success_difference_interval_is_newcombes(counts: tuple[int, ...], expected: tuple[float, float]) -> None:
    assert success_difference_interval(*paired(*counts)) == pytest.approx(expected, abs=1e-4)


def test_few_pairs_that_differ_or_none_leave_the_intervals_a_width() -> None:
    for counts in ((20, 1, 0, 0), (1, 0, 0, 0), (1, 0, 0, 20)):
        low, high = success_difference_interval(*paired(*counts))
        assert low < 0 < high
    low, high = throughput_ratio_interval(*paired(20, 1, 0, 0))
    assert 0.8 < low < 1 < high < 1.3


def test_ratio_of_half_the_time_is_two() -> None:
    success = np.ones(30, bool)
    fast, slow = Attempts(success, np.full(30, 50.0)), Attempts(success, np.full(30, 100.0))
    low, high = throughput_ratio_interval(fast, slow)
    assert 1.7 < low < 2.0 < high < 2.35


def test_ratio_to_a_method_that_never_succeeds_is_infinite() -> None:
    time_s = np.full(20, 60.0)
    never, always = Attempts(np.zeros(20, bool), time_s), Attempts(np.ones(20, bool), time_s)
    against_nothing = throughput_ratio_interval(always, never)
    assert against_nothing.high == np.inf
    assert against_nothing.low == throughput_interval(always).low / throughput_interval(never).high > 1
    assert throughput_ratio_interval(never, always).low == 0.0
    assert 0.0 < throughput_ratio_interval(never, always).high < 1
    assert np.isnan(throughput_ratio_interval(never, never).low)


def test_pairs_of_different_seeds_are_refused() -> None:
    a = Attempts(np.ones(2, bool), np.ones(2), np.array([0, 1]))
    b = Attempts(np.ones(2, bool), np.ones(2), np.array([1, 0]))
    with pytest.raises(ConfigurationError, match="same episodes"):
        success_difference_interval(a, b)


@pytest.mark.parametrize("time_s", [[1.0], [1.0, 0.0], [1.0, np.nan]])
def test_bad_times_are_refused(time_s: list[float]) -> None:
    with pytest.raises(ConfigurationError):
        throughput_interval(Attempts(np.ones(2, bool), np.array(time_s)))
