"""What the packer does about single mishaps."""

import numpy as np
import pytest
from acting import ONE, act_until, carry_on, make_env

from recap_bench.envs.box import parameters as p
from recap_bench.envs.box.feeding import WAIT_X_M
from recap_bench.envs.box.folding import WALL_UP_RAD


def test_a_label_that_came_off_is_stuck_on_again():
    env = make_env("jig", seed=2)
    oracle = env.make_oracle()
    assert act_until(env, oracle, lambda: bool(env.task.stages[0, 2]))
    env.task.process["stuck"][0] = 0
    assert act_until(env, oracle, lambda: bool(env.task.success[0]))
    assert env.task.process["stuck"][0] == 1


def test_a_short_wall_that_came_up_too_early_is_pressed_down():
    env = make_env("jig", seed=6)
    oracle = env.make_oracle()
    assert act_until(env, oracle, lambda: oracle.phase(0) == "fold_tabs")
    joint = env.simulation.model.joint("wall_front")
    env.simulation.batch.qpos[0, joint.qposadr[0]] = 0.8
    for _ in range(25):
        env.step(env.task.rig.targets(ONE))
    assert env.task.world(ONE).angles[0, 2] > WALL_UP_RAD
    assert act_until(env, oracle, lambda: oracle.phase(0) == "flatten_walls")
    assert act_until(env, oracle, lambda: oracle.phase(0) == "fold_tabs")
    assert env.task.world(ONE).angles[0, 2] < WALL_UP_RAD


def test_a_dropped_tab_pull_is_gripped_again():
    env = make_env("jig", seed=4)
    oracle = env.make_oracle()
    assert act_until(env, oracle, lambda: oracle.phase(0) == "take_label" and env.task.world(ONE).label[0, 2] > 0.035)
    action = env.task.rig.targets(ONE)
    action[0, 13] = 1.0
    for _ in range(25):
        env.step(action)
    assert env.task.world(ONE).label[0, 2] < 0.035
    assert act_until(env, oracle, lambda: bool(env.task.success[0]))


def test_a_sheet_off_its_lane_waits_before_the_guides():
    env = make_env("stack", seed=12)
    oracle = env.make_oracle()
    assert act_until(env, oracle, lambda: env.task.world(ONE).carton[0, 0] < 0.32)
    at = env.task.start.address["carton"]
    env.simulation.batch.qpos[0, at + 1] += 0.015
    nearest = []

    def aligned():
        carton = env.task.world(ONE).carton[0]
        nearest.append(carton[0])
        return abs(carton[1] - p.JIG_M[1]) < 0.005

    assert act_until(env, oracle, aligned)
    assert min(nearest) > WAIT_X_M - 0.01
    assert act_until(env, oracle, lambda: bool(env.task.success[0]))
    assert np.all(env.task.process["latched"][0])


@pytest.mark.parametrize(("phase", "joint", "push_rad"), [("push_long_walls", 0, 0.1), ("take_label", 7, 0.2)])
def test_a_hand_pushed_aside_on_its_way_comes_back(phase, joint, push_rad):
    env = make_env("jig", seed=3)
    oracle = env.make_oracle()
    assert act_until(env, oracle, lambda: oracle.phase(0) == phase)
    hand = joint // 7
    assert carry_on(env, oracle, lambda: env.task.world(ONE).hands[0, hand, 2] < 0.13), "it never came down"
    for _ in range(20):
        action = oracle.act(ONE)
        action[0, joint] += push_rad
        env.step(action)
    assert carry_on(env, oracle, lambda: bool(env.task.success[0]))
