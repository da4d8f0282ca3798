"""The diverse laundry: which garment lies there, and where policies are tried."""

import numpy as np

from recap_bench.envs import make_vec, task_spec
from recap_bench.envs.laundry.diverse import EVALUATED, GARMENTS, DiverseTask
from recap_bench.envs.laundry.wardrobe import WARDROBE

SPEC = task_spec("LaundryDiverse-v0")


def types_drawn(start, n=12):
    env = make_vec("LaundryDiverse-v0", n, threads=1, start=start)
    observation, _ = env.reset(seed=0)
    assert SPEC.state_names[-len(GARMENTS) :] == tuple(f"is_{name}" for name in GARMENTS)
    one_hot = observation["environment_state"][:, -len(GARMENTS) :]
    assert (one_hot.sum(1) == 1).all()
    names = [GARMENTS[k] for k in one_hot.argmax(1)]
    assert names == [env.task.bench_of(i).garment.name for i in range(n)]
    return names


def test_demonstrations_are_of_all_types_and_policies_meet_button_up_shirts():
    assert set(GARMENTS) == set(WARDROBE)
    assert SPEC.start_of("demonstration") is None
    assert len(set(types_drawn(None))) > 4
    for source in ("rollout", "evaluation"):
        assert set(types_drawn(SPEC.start_of(source), n=2)) == {EVALUATED}


def test_every_start_of_one_type_draws_that_type():
    starts = [start for start in DiverseTask.starts if start.endswith("_light")]
    assert len(starts) == len(WARDROBE)
    for start in starts:
        assert f"{types_drawn(start, n=1)[0]}_light" == start


def test_a_type_that_an_environment_has_not_had_is_observed_right_after_a_restore():
    envs = [make_vec("LaundryDiverse-v0", 1, threads=1, start=f"{name}_flat") for name in ("towel", "socks")]
    observations = [env.reset(seed=2)[0] for env in envs]
    envs[1].restore(0, envs[0].snapshot(0))
    state = envs[1].task.environment_state(np.arange(1)).astype(np.float32)
    np.testing.assert_array_equal(state, observations[0]["environment_state"])


def test_the_hands_of_slots_of_different_types_are_those_of_their_own_arms():
    env = make_vec("LaundryDiverse-v0", 6, threads=1)
    env.reset(seed=0)
    ids = np.arange(6)
    points, rotations = env.task.rig.hands(ids)
    measured = env.task.measure(ids)
    np.testing.assert_array_equal(points, measured.hands)
    np.testing.assert_array_equal(rotations, measured.hand_rotations)


def test_slots_of_different_types_are_observed_alike():
    env = make_vec("LaundryDiverse-v0", 6, threads=1)
    observation, _ = env.reset(seed=0)
    assert observation["environment_state"].shape == (6, len(SPEC.state_names))
    assert np.isfinite(observation["environment_state"]).all()


def test_sizes_vary_and_the_cloth_keeps_its_size():
    env, ids = make_vec("LaundryDiverse-v0", 3, threads=1, start="socks_flat", randomization="wide"), np.arange(3)
    observation, _ = env.reset(seed=0)
    sizes = env.task.process["size"]
    assert np.ptp(sizes) > 0.02
    for _ in range(25):
        env.step(observation["agent_pos"])
    measured = env.task.measure(ids)
    assert (measured.errors[:, 0] < 1e-3).all()
    for i in ids:
        assert np.allclose(env.task.garment_of(i).flat, sizes[i] * env.task.bench_of(i).garment.flat)


def test_stiffness_varies_as_if_the_model_were_compiled_for_the_size():
    env = make_vec("LaundryDiverse-v0", 2, threads=1, start="socks_flat")
    env.reset(seed=0)
    bench, sizes = env.task.bench_of(0), env.task.process["size"]
    for name in ("flex_stiffness", "flex_bending"):
        share = bench.start.field[name] / np.where((base := getattr(bench.simulation.model, name)) == 0, np.inf, base)
        factor = share.max(1) * sizes**2
        assert ((factor > 0.8) & (factor < 1.2)).all()
        assert factor[0] != factor[1]
