"""Where episodes of the box task start."""

import numpy as np
import pytest
from exam import Subject, operated_by, play

from recap_bench.envs import make_vec
from recap_bench.envs.box import parameters as p
from recap_bench.errors import UnknownNameError


def test_the_stack_is_the_default_and_the_jig_the_short_cut():
    default, stack, jig = (make_vec("BoxAssembly-v0", 4, threads=1, start=start) for start in (None, "stack", "jig"))
    for env in (default, stack, jig):
        env.reset(seed=3)
    ids = np.arange(4)
    assert [default.state_hash(i) for i in ids] == [stack.state_hash(i) for i in ids]
    assert (np.linalg.norm(jig.task.world(ids).carton[:, :2] - p.JIG_M[:2], axis=1) < 0.01).all()
    assert (stack.task.world(ids).carton[:, 0] > 0.4).all()


def test_an_unknown_start_is_refused_with_the_known_ones():
    with pytest.raises(UnknownNameError, match="stack"):
        make_vec("BoxAssembly-v0", 1, threads=1, start="floor")


def test_carton_and_jig_fit_each_other_at_every_size():
    env = make_vec("BoxAssembly-v0", 8, threads=1, randomization="wide")
    env.reset(seed=0)
    position, model = env.task.start.field["body_pos"], env.simulation.model
    guide, wall = (position[:, model.body(name).id, 1] for name in ("guide_left", "wall_left"))
    assert np.ptp(wall) > 0.002
    assert np.allclose(guide - wall, p.LONG_GUIDE_M - p.LONG_HINGE_M)


def test_the_pile_varies_and_the_feeder_keeps_its_top_in_place():
    env = make_vec("BoxAssembly-v0", 8, threads=1)
    env.reset(seed=0)
    model, field = env.simulation.model, env.task.start.field
    half, middle = (
        field["geom_size"][:, model.geom("pile").id, 2],
        field["body_pos"][:, model.body("pile").id, 2],
    )
    platform = field["geom_size"][:, model.geom("platform").id, 2]
    assert np.ptp(np.round(2 * half / p.PANEL_M)) > 4
    assert np.allclose(middle + half, p.PILE_TOP_M)
    assert np.allclose(middle - half, 2 * platform), "the pile floats or sinks in"


def test_the_built_box_stays_latched_in_the_jig():
    env = make_vec("BoxAssembly-v0", 4, threads=1, start="built")
    observation, info = env.reset(seed=3)
    assert (info["stages"] == [1, 1, 0, 0]).all()
    ids = np.arange(4)
    for _ in range(50):
        observation, _, terminated, _, info = env.step(observation["agent_pos"])
    assert not terminated.any()
    assert (info["stages"] == [1, 1, 0, 0]).all()
    assert env.task.process["latched"].all()
    assert (np.linalg.norm(env.task.world(ids).carton[:, :2] - p.JIG_M[:2], axis=1) < 0.005).all()
    np.testing.assert_allclose(env.task.world(ids).angles, p.RIGHT_ANGLE, atol=p.LATCH_TAB_RAD)


def test_the_skilled_operator_labels_and_places_a_built_box():
    result = play(Subject("BoxAssembly-v0", "built"), operated_by(*["skilled"] * 6), range(411_000, 411_006))
    assert result.success.all(), result.failures()
    assert (result.time_s < 13).all()
