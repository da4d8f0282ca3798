"""Where episodes of the espresso task start."""

import numpy as np
import pytest
from exam import Subject, operated_by, play

from recap_bench.envs import make_vec
from recap_bench.envs.espresso.processes import good_puck
from recap_bench.errors import UnknownNameError

IDS = np.arange(4)


def test_the_table_is_the_default():
    default, table = (make_vec("Espresso-v0", 4, threads=1, start=start) for start in (None, "table"))
    for env in (default, table):
        env.reset(seed=3)
    assert [default.state_hash(i) for i in IDS] == [table.state_hash(i) for i in IDS]


def test_an_unknown_start_is_refused_with_the_known_ones():
    with pytest.raises(UnknownNameError, match="table, locked"):
        make_vec("Espresso-v0", 1, threads=1, start="served")


def test_the_locked_portafilter_holds_a_good_puck_and_stays_in_the_group():
    env = make_vec("Espresso-v0", 4, threads=1, start="locked")
    observation, info = env.reset(seed=3)
    assert (info["stages"] == [1, 1, 1, 1, 0, 0, 0]).all()
    before = env.task.world(IDS).portafilter
    np.testing.assert_allclose(before, np.tile(env.task.points["seat"], (4, 1)), atol=0.001)
    for _ in range(50):
        _, _, terminated, _, info = env.step(observation["agent_pos"])
    assert not terminated.any()
    assert good_puck(env.task.brew(IDS)).all()
    np.testing.assert_allclose(env.task.world(IDS).portafilter, before, atol=0.002)
    assert (info["stages"] == [1, 1, 1, 1, 0, 0, 0]).all()


def test_a_slot_that_was_locked_can_be_locked_again_and_hash_equal():
    env = make_vec("Espresso-v0", 2, threads=1, start="locked")
    env.reset(seed=5)
    first = [env.state_hash(i) for i in range(2)]
    for _ in range(20):
        env.step(env.action_space.low)
    env.reset(seed=5)
    assert [env.state_hash(i) for i in range(2)] == first


def test_the_skilled_operator_succeeds_from_the_locked_portafilter():
    result = play(Subject("Espresso-v0", "locked"), operated_by(*["skilled"] * 6), range(410_000, 410_006))
    assert result.success.all(), result.failures()
    assert (result.time_s < 15).all()
