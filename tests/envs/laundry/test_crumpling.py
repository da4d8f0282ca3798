"""The crumpled start: a heap that lies at rest when the episode begins."""

import numpy as np
import pytest

from recap_bench.envs import make_vec

SEEDS = [3, 4, 5, 6]


@pytest.fixture(scope="module")
def env():
    env = make_vec("LaundryTshirtsShorts-v0", len(SEEDS), threads=1, start="crumpled")
    env.reset(seed=SEEDS)
    return env


def test_the_heap_lies_at_rest_in_the_middle_of_the_table(env):
    heap = env.task.measure(np.arange(env.num_envs))
    assert (heap.speed < 0.05).all()
    assert (heap.heights[:, 0] > -0.005).all()  # nothing in the table
    assert (heap.heights[:, 2] < 0.15).all()  # nor in the air
    np.testing.assert_allclose(heap.middle[:, :2], [[0.22, 0.03]] * env.num_envs, atol=0.05)


def test_it_is_crumpled(env):
    for i in range(env.num_envs):
        flat = env.task.garment_of(i).flat
        heap = env.task.bench_of(i).reader.read(np.array([i])).vertices[0]
        apart = [np.linalg.norm(points[:, None, :2] - points[None, :, :2], axis=2).mean() for points in (heap, flat)]
        assert apart[0] < 0.75 * apart[1]


def test_what_held_it_up_is_gone(env):
    for i in range(env.num_envs):
        bench = env.task.bench_of(i)
        masses = bench.simulation.model_fields(i)["body_mass"]
        assert masses[bench.start._bodies].max() < 0.01


def test_a_heap_follows_from_its_seed_alone(env):
    """Its physics runs in one simulation of a batch."""
    alone = make_vec("LaundryTshirtsShorts-v0", 1, threads=1, start="crumpled")
    alone.reset(seed=SEEDS[2])
    heaps = [each.task.bench_of(i).reader.read(np.array([i])).vertices[0] for each, i in ((alone, 0), (env, 2))]
    np.testing.assert_array_equal(*heaps)
