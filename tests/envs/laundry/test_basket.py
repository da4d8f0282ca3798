"""The start in which the garment lies in a basket, and the launderer who takes it out."""

import numpy as np
import pytest

from recap_bench.envs import make_vec
from recap_bench.envs.laundry import parameters as p
from recap_bench.envs.laundry.tshirts_shorts import TshirtsShortsTask
from recap_bench.envs.operators import profile
from recap_bench.envs.simulation import CONTROL_HZ

SEEDS = [0, 1, 2, 3]
OUTSIDE_M = p.BASKET_HALF_M + 2 * p.BASKET_WALL_M
TASK = "LaundryTshirtsShorts-v0"


def vertices(env, i):
    return env.task.bench_of(i).reader.read(np.array([i])).vertices[0]


@pytest.fixture(scope="module")
def env():
    env = make_vec(TASK, len(SEEDS), threads=1, start="basket")
    env.reset(seed=SEEDS)
    return env


def test_the_garment_lies_at_rest_in_the_basket(env):
    heap = env.task.measure(np.arange(env.num_envs))
    assert (heap.speed < 0.05).all()
    assert (heap.heights[:, 0] > -0.006).all()  # nothing in the table
    assert (heap.heights[:, 2] < 0.15).all()
    for i in range(env.num_envs):
        away = np.abs(vertices(env, i)[:, :2] - p.BASKET_CENTRE_M[:2]).max(1)
        assert np.mean(away < OUTSIDE_M) > 0.9  # a corner may hang over the rim
        assert (away.mean() < p.BASKET_HALF_M).all()


def test_where_it_lies_follows_from_the_seed_alone(env):
    alone = make_vec(TASK, 1, threads=1, start="basket")
    alone.reset(seed=SEEDS[2])
    np.testing.assert_array_equal(vertices(alone, 0), vertices(env, 2))


def test_its_walls_hold_the_garment(env):
    """Pushed sideways by a third of gravity for a second, it stays inside; without a basket it slides away."""
    moved = {}
    for start in ("basket", "crumpled"):
        pushed = make_vec(TASK, 1, threads=1, start=start)
        pushed.reset(seed=SEEDS[0])
        simulation = pushed.task.bench_of(0).simulation
        before = vertices(pushed, 0).mean(0)
        simulation.batch.expand("opt.gravity")[0] = (12.0, 0.0, -9.81)
        for _ in range(50):
            simulation.step(np.array([0]))
        moved[start] = float(np.linalg.norm((vertices(pushed, 0).mean(0) - before)[:2]))
    assert moved["basket"] < 0.10
    assert moved["crumpled"] > 2 * moved["basket"]


def test_the_launderer_takes_it_out(env):
    env.reset(seed=SEEDS)
    oracle, ids = env.make_oracle(), np.arange(env.num_envs)
    oracle.begin(ids, [profile("skilled")] * len(ids), [np.random.default_rng([1, i]) for i in ids])
    nearest = np.full(len(ids), np.inf)
    for _ in range(12 * CONTROL_HZ):
        env.step(oracle.act(ids))
        middle = env.task.measure(ids).middle[:, :2]
        nearest = np.minimum(nearest, np.linalg.norm(middle - env.task.layout.middle, axis=1))
    assert (nearest < 0.15).sum() >= len(ids) - 1  # one may slip out of the pads


def test_other_starts_have_no_basket_and_are_as_without_one():
    class WithoutBasket(TshirtsShortsTask):
        basket = False

    ids, states = np.arange(2), []
    for kind in (TshirtsShortsTask, WithoutBasket):
        task = kind(kind.make_simulation(2, 1), "standard", "light")
        task.reset(ids, [np.random.default_rng(seed) for seed in SEEDS[:2]])
        assert np.isnan(task.bench_of(0).reader.read(np.array([0])).basket).all()
        for _ in range(30):
            task.apply(ids, task.agent_pos(ids))
            task.simulation.step(ids)
            task.advance(ids)
        states.append(task.environment_state(ids))
    np.testing.assert_array_equal(*states)
