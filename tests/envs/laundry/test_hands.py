"""How hands reach for cloth: pure geometry."""

import numpy as np
import pytest

from recap_bench.envs.laundry.hands import LEFT, RIGHT, along, hanging, posture, strain, uncovered

NEAR_LEFT, NEAR_RIGHT = np.array([0.2, 0.2, 0.0]), np.array([0.2, -0.2, 0.0])


def test_each_hand_is_strained_least_on_its_own_side():
    assert strain(NEAR_LEFT, NEAR_RIGHT) < strain(NEAR_RIGHT, NEAR_LEFT)


def test_what_is_out_of_reach_is_worse_than_crossed_arms():
    assert strain(np.array([0.9, 0.2, 0.0]), np.array([0.9, -0.2, 0.0])) > strain(NEAR_RIGHT, NEAR_LEFT)


def test_one_end_out_of_reach_is_worse_than_arms_that_cross_at_both():
    crossed = strain(NEAR_RIGHT, NEAR_LEFT)
    assert strain(NEAR_LEFT, np.array([0.4, 0.3, 0.0])) + strain(NEAR_LEFT, NEAR_RIGHT) > 2 * crossed


@pytest.mark.parametrize("side", [LEFT, RIGHT])
def test_a_hand_points_down_at_the_table_and_is_level_high_above_it(side):
    low, high = np.array([0.2, 0.0, 0.01]), np.array([0.2, 0.0, 0.6])
    assert np.allclose(hanging(side, low), posture(side, low))
    assert hanging(side, high)[2, 0] > -0.3
    assert np.allclose(hanging(side, high).T @ hanging(side, high), np.eye(3))


def test_a_path_along_corners_keeps_an_even_pace():
    path = along(np.array([[0.0, 0, 0], [1, 0, 0], [1, 1, 0]]))
    assert np.allclose(path(0.25), [0.5, 0, 0])
    assert np.allclose(path(0.75), [1, 0.5, 0])
    assert np.allclose(path(1.0), [1, 1, 0])


def test_a_vertex_below_another_is_covered():
    points = np.array([[0.0, 0, 0.002], [0.005, 0, 0.006], [0.1, 0, 0.002]])
    assert [uncovered(points, k) for k in range(3)] == [False, True, True]
