"""What the observation of the box task shows at the moments when it decides what to do next."""

import numpy as np
import pytest
from acting import ONE, act_until, make_env

from recap_bench.envs.box.observation import STATE_NAMES
from recap_bench.envs.box.parameters import COMING_M


def shown(env, *names):
    return env.task.environment_state(ONE)[0, [STATE_NAMES.index(name) for name in names]]


@pytest.fixture
def stuck_env():
    for seed in range(16):
        env = make_env("stack", seed)
        if env.task.process["cling"][0] > 0:
            return env
    raise AssertionError("no sheet sticks in 16 seeds")


@pytest.mark.parametrize(("mark", "from_x_m"), [("far_mark", 0.5), ("near_mark", 0.245)])
def test_fingers_that_slide_the_sheet_are_seen_on_their_marks(mark, from_x_m):
    env = make_env("stack", seed=3)
    oracle = env.make_oracle()
    assert act_until(
        env, oracle, lambda: oracle.phase(0) == "slide_sheet" and env.task.world(ONE).carton[0, 0] < from_x_m
    )
    offsets = shown(env, *(f"near_{side}_{mark}_{axis}" for side in ("left", "right") for axis in "xyz"))
    assert np.abs(offsets).max() < np.tanh(0.25), "more than 5 mm off"


def test_a_sheet_that_sticks_is_seen_once_it_comes_along_and_until_it_is_shaken_off(stuck_env):
    env, oracle = stuck_env, stuck_env.make_oracle()
    assert shown(env, "second_sheet_comes_along") == 0
    assert act_until(env, oracle, lambda: oracle.phase(0) == "shake_sheets")
    while oracle.phase(0) == "shake_sheets":
        assert shown(env, "second_sheet_comes_along") == (env.task.process["cling"][0] > 0)
        env.step(oracle.act(ONE))
    shift = env.task.world(ONE).second - env.task.cell(ONE).pile
    assert np.linalg.norm(shift[0, :2]) > COMING_M
    assert shown(env, "second_sheet_comes_along") == 0


@pytest.mark.parametrize("level", ["guides", "ledge", "floor"])
def test_how_deep_the_sheet_lies_in_the_jig_is_seen(level):
    env = make_env("jig", seed=1)
    oracle = env.make_oracle()
    phase = {"guides": "push_long_walls", "ledge": "fold_tabs", "floor": "take_label"}[level]
    assert act_until(env, oracle, lambda: oracle.phase(0) == phase)
    over = {name: shown(env, f"near_sheet_over_{name}")[0] for name in ("guides", "ledge", "floor")}
    assert abs(over.pop(level)) < np.tanh(1.0), "more than 5 mm off"
    assert min(np.abs(list(over.values()))) > np.tanh(3.0)


def test_a_gripped_wall_and_a_placed_box_are_seen_where_they_belong():
    env = make_env("jig", seed=1)
    oracle = env.make_oracle()
    assert act_until(env, oracle, lambda: oracle.phase(0) == "carry_box")
    grip = shown(env, *(f"near_left_wall_grip_{axis}" for axis in "xyz"), "left_hand_turn_to_wall")
    assert np.abs(grip).max() < np.tanh(0.5)
    assert act_until(env, oracle, lambda: bool(env.task.success[0]))
    assert np.abs(shown(env, *(f"near_carton_to_slot_{axis}" for axis in "xyz"))).max() < np.tanh(0.5)
    assert abs(shown(env, "carton_turn_in_slot")[0]) < np.tanh(0.5)
