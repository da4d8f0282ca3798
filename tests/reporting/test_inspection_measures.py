import numpy as np
import pytest

from recap_bench.learning.ordering import separation
from recap_bench.reporting.inspection_measures import (
    Swing,
    moments,
    outcome_level,
    separation_interval,
    smoothed,
    steps_foreseen,
    swings,
    turning_points,
)


def test_smoothing_averages_what_lies_within_reach() -> None:
    np.testing.assert_allclose(smoothed(np.array([0.0, 3.0, 6.0, 0.0]), steps=3), [1.5, 3.0, 3.0, 3.0])


def test_a_value_turns_where_it_goes_back_far_enough() -> None:
    values = np.array([0.0, -0.05, 0.1, 0.05, 0.3, 0.0, 0.05, -0.2])
    assert turning_points(values, least=0.1) == [0, 1, 4, 7]
    assert turning_points(values, least=0.2) == [0, 1, 4, 7]
    assert turning_points(values[4:], least=0.1) == [0, 3]
    assert turning_points(values, least=1.0) == [0, 7]


def test_a_step_down_and_a_step_up_are_two_swings_without_the_flat_stretches() -> None:
    values = np.array([0.0, 0.0, 0.0, -0.5, -0.5, -0.5, -0.5, -0.5, -0.2, -0.2, -0.2])
    assert swings(values, least=0.1, rate=0.1) == [Swing(2, 3, -0.5), Swing(7, 8, pytest.approx(0.3))]


def test_a_slow_change_is_no_swing() -> None:
    values = np.linspace(-0.5, 0.0, 101)
    assert swings(values, least=0.1, rate=0.006) == []
    assert swings(values, least=0.1, rate=0.004) == [Swing(10, 90, pytest.approx(0.4))]


def test_the_pictures_show_both_ends_and_the_largest_swings() -> None:
    found = [Swing(10, 20, -0.3), Swing(22, 24, 0.2), Swing(50, 60, 0.1), Swing(70, 75, -0.05)]
    assert moments(100, found, count=4, apart=10) == [0, 20, 60, 99]


def test_pictures_left_over_fill_the_largest_gaps() -> None:
    assert moments(101, [], count=4, apart=10) == [0, 25, 50, 100]
    assert moments(5, [], count=4, apart=10) == [0, 4]


def test_the_interval_of_a_separation_holds_it_and_is_a_point_where_all_agree() -> None:
    assert separation_interval(np.array([0.0, -0.1]), np.array([-0.5, -0.6])) == (1.0, 1.0)
    rng = np.random.default_rng(0)
    won, lost = rng.normal(0.5, 1, 40), rng.normal(0, 1, 60)
    low, high = separation_interval(won, lost)
    assert low < separation(won, lost) < high
    # Hanley and McNeil's standard error for 40 and 60 episodes is about 0.06.
    assert 0.15 < high - low < 0.30


def test_the_level_lies_midway_between_the_medians() -> None:
    assert outcome_level(np.array([-0.2, -0.3, -0.9]), np.array([-0.7])) == pytest.approx(-0.5)


def test_a_failure_is_foreseen_since_the_value_last_fell_below_the_level() -> None:
    values = np.array([-0.3, -0.6, -0.4, -0.6, -0.7])
    assert steps_foreseen(values, -0.5, success=False) == 2
    assert steps_foreseen(values, -0.8, success=False) == 0
    assert steps_foreseen(values, -0.1, success=False) == 5


def test_a_success_is_foreseen_since_the_value_last_rose_to_the_level() -> None:
    assert steps_foreseen(np.array([-0.3, -0.6, -0.5, -0.2]), -0.5, success=True) == 2
    assert steps_foreseen(np.array([-0.3, -0.6]), -0.5, success=True) == 0
