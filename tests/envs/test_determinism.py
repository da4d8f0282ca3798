"""Equality of state hashes: slots, threads, subsets, history, snapshots. Bit for bit."""

import numpy as np
import pytest

STEPS = 25


def actions_of(env, seed, steps=STEPS):
    """Random actions around the resting pose for one simulation, (T, 14)."""
    noise = np.random.default_rng(seed).uniform(-0.4, 0.4, (steps, 14))
    space = env.single_action_space
    return np.clip(env.task.rig.home() + noise, space.low, space.high).astype(np.float32)


def run(env, seeds, steps=STEPS):
    """Reset to `seeds`, play each seed's own random actions, return the hashes."""
    env.reset(seed=list(seeds))
    actions = np.stack([actions_of(env, seed, steps) for seed in seeds], axis=1)
    for row in actions:
        env.step(row)
    return [env.state_hash(i) for i in range(env.num_envs)]


def test_slot_k_of_16_equals_a_lone_simulation(make_push):
    hashes = run(make_push(16), range(16))
    assert len(set(hashes)) == 16
    for k in (0, 7, 15):
        assert run(make_push(1), [k]) == [hashes[k]]


def test_one_and_two_threads_agree(make_push):
    assert run(make_push(6, threads=1), range(6)) == run(make_push(6, threads=2), range(6))


@pytest.mark.parametrize("order", [([0, 1], [2, 3]), ([2, 3], [0, 1]), ([3], [0, 2], [1])])
def test_the_order_in_which_subsets_are_stepped_does_not_matter(make_push, order):
    env, expected = make_push(4), run(make_push(4), range(4), steps=10)
    env.reset(seed=0)
    actions = np.stack([actions_of(env, seed, 10) for seed in range(4)], axis=1)
    for row in actions:
        for subset in map(np.array, order):
            env.task.apply(subset, row[subset].astype(float))
            env.simulation.step(subset)
            env.task.advance(subset)
            env._steps[subset] += 1
    assert [env.state_hash(i) for i in range(4)] == expected


def test_a_start_state_does_not_depend_on_history(make_push):
    env, fresh = make_push(2), make_push(2)
    fresh.reset(seed=[40, 41])
    run(env, [1, 2])
    env.task.refresh_visuals(np.arange(2))
    env.reset(seed=[40, 41])
    assert [env.state_hash(i) for i in range(2)] == [fresh.state_hash(i) for i in range(2)]
    assert run(env, [40, 41]) == run(fresh, [40, 41])


def test_a_start_state_does_not_depend_on_the_other_slots_or_their_order(make_push):
    env, other = make_push(3), make_push(3)
    env.reset(seed=[5, 6, 7])
    other.reset(seed=[1, 2, 5])
    assert env.state_hash(0) == other.state_hash(2)
    other.reset(seed=[6, None, None], options={"reset_mask": np.array([True, False, False])})
    assert env.state_hash(1) == other.state_hash(0)


def test_different_seeds_give_different_start_states(make_push):
    env = make_push(8)
    env.reset(seed=0)
    assert len({env.state_hash(i) for i in range(8)}) == 8


def test_a_snapshot_replays_bit_for_bit_in_any_slot(make_push):
    env = make_push(3)
    run(env, [1, 2, 3])
    taken = env.snapshot(1)
    tail = actions_of(env, 99)
    rows = [env.step(np.stack([action] * 3)) for action in tail]
    expected = env.state_hash(1)

    other = make_push(2)
    run(other, [8, 9])
    other.restore(0, taken)
    assert other.snapshot(0).digest() == taken.digest()
    for action, row in zip(tail, rows, strict=True):
        observation, reward, *_, info = other.step(np.stack([action] * 2))
        for name, value in observation.items():
            assert np.array_equal(value[0], row[0][name][1])
        assert reward[0] == row[1][1]
        assert info["step"][0] == row[4]["step"][1]
        assert info["seed"][0] == 2
    assert other.state_hash(0) == expected


def test_restoring_at_once_shows_the_same_derived_fields(make_push):
    env = make_push(2)
    contact_force = env.simulation.batch.bind("cfrc_ext")
    run(env, [1, 2])
    taken, forces = env.snapshot(0), contact_force[0].copy()
    env.step(env.action_space.sample())
    env.restore(1, taken)
    assert np.array_equal(contact_force[1], forces)


def test_a_snapshot_is_a_copy(make_push):
    env = make_push(1)
    env.reset(seed=0)
    taken = env.snapshot(0)
    digest = taken.digest()
    env.step(env.action_space.sample())
    assert taken.digest() == digest


def test_the_hash_covers_every_part_of_the_state(make_push):
    env = make_push(1)
    env.reset(seed=0)
    batch = env.simulation.batch
    seen = {env.state_hash(0)}
    for change in (
        lambda: batch.qpos.__setitem__((0, 0), 0.1),
        lambda: batch.qacc_warmstart.__setitem__((0, 0), 1.0),
        lambda: batch.expand("geom_friction").__setitem__((0, 0, 0), 0.7),
        lambda: env.task.process["touched_s"].__setitem__(0, 3.0),
        lambda: env.task.stages.__setitem__((0, 0), True),
        lambda: env.task.success.__setitem__(0, True),
        lambda: env._steps.__setitem__(0, 5),
    ):
        change()
        seen.add(env.state_hash(0))
    assert len(seen) == 8
