"""How hands reach for cloth: pure geometry."""

import numpy as np
import pytest

from recap_bench.envs.laundry.hands import (
    LEFT,
    RIGHT,
    along,
    between,
    hanging,
    posture,
    strain,
    swing,
    uncovered,
)
from recap_bench.envs.operators import profile
from recap_bench.envs.scripting import Hand, Operator, rotation_matrices

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


def test_the_shortest_turn_takes_one_direction_to_another():
    first, second = posture(LEFT, np.array([0.0, 0.1, 0.0]))[:, 0], posture(LEFT, np.array([0.5, 0.2, 0.0]))[:, 0]
    assert np.allclose(rotation_matrices(between(first, second)[None])[0] @ first, second)
    assert np.allclose(between(first, first), 0.0)


@pytest.mark.parametrize("side", [LEFT, RIGHT])
def test_a_hand_that_carries_cloth_leans_but_does_not_turn_about_its_approach(side):
    grip, goal = np.array([-0.01, 0.08, 0.003]), np.array([0.50, 0.10, 0.03])
    start = posture(side, grip)
    hand = Hand(grip.copy(), start, 0.0, Operator(profile("skilled"), np.random.default_rng(0)))
    for _ in swing(hand, side, along(np.array([grip, goal])), grip, 1.6):
        pass
    assert np.allclose(hand.position, goal)
    assert np.allclose(hand.rotation[:, 0], posture(side, goal)[:, 0])
    turn = hand.rotation @ start.T
    axis = np.array([turn[2, 1] - turn[1, 2], turn[0, 2] - turn[2, 0], turn[1, 0] - turn[0, 1]])
    assert axis @ start[:, 0] == pytest.approx(0.0, abs=1e-9)
