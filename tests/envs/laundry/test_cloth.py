"""The cloth and the pinch, on the physics: what is held, what is not, what slips, what the verdict sees."""

import numpy as np
import pytest

from recap_bench.envs import make_vec
from recap_bench.envs.laundry import parameters as p
from recap_bench.envs.laundry import verdict
from recap_bench.envs.laundry.hands import grip_at
from recap_bench.envs.laundry.wardrobe import WARDROBE
from recap_bench.envs.rig import solve_hands

TSHIRT = WARDROBE["tshirt"]
CUFF = TSHIRT.vertex(TSHIRT.key_points["cuff_left"])
LEFT, RIGHT = 0, 1
UP = np.array([0.0, 0.0, 1.0])


class Table:
    """One strict T-shirt, the left hand driven through poses of its grasp point."""

    def __init__(self):
        self.env = make_vec("LaundryStrictTshirt-v0", 1, threads=1, randomization="none")
        self.env.reset(seed=0)
        self.bench = self.env.task.bench_of(0)
        self.ids = np.array([0])
        self.action = self.env.task.rig.home()

    def vertices(self):
        return self.bench.reader.read(self.ids).vertices[0]

    def held(self):
        held = self.bench.pinch.held(self.ids)[0, LEFT]
        return held[held >= 0].tolist()

    def go(self, position, rotation, jaw, steps=50):
        near = self.action.reshape(1, 2, 7)[:, :, :6]
        place, turn = np.zeros((1, 2, 3)), np.tile(np.eye(3), (1, 2, 1, 1))
        place[0, LEFT], turn[0, LEFT] = position, rotation
        place[0, RIGHT], turn[0, RIGHT] = (0.14, -0.22, 0.24), rotation
        goal = self.action.copy()
        goal[:6], goal[6] = solve_hands(place, turn, near)[0][0, LEFT], jaw
        start = self.action.copy()
        for k in range(1, steps + 1):
            self.action = start + (goal - start) * k / steps
            self.env.step(self.action[None])
        for _ in range(10):
            self.env.step(self.action[None])

    def pinch(self, point, offset=(0.0, 0.0, 0.0)):
        position, rotation = grip_at(LEFT, point)
        position = position + offset
        self.go(position + 0.06 * UP, rotation, 0.35)
        self.go(position, rotation, 0.35, steps=20)
        self.go(position, rotation, 0.0, steps=20)
        return position, rotation


@pytest.fixture
def table():
    return Table()


def test_closing_on_a_vertex_holds_it_and_opening_lets_go(table):
    position, rotation = table.pinch(table.vertices()[CUFF])
    assert CUFF in table.held()
    table.go(position + 0.12 * UP, rotation, 0.0)
    assert table.vertices()[CUFF, 2] > 0.10
    table.go(position + 0.12 * UP, rotation, 0.35, steps=20)
    assert table.held() == []


def test_closing_above_the_cloth_holds_nothing(table):
    point = table.vertices()[CUFF]
    table.pinch(point, offset=(0.0, 0.0, 0.012))
    assert table.held() == []


def test_a_pull_that_is_too_strong_slips(table):
    table.pinch(table.vertices()[CUFF])
    grip = table.bench.pinch
    data = grip._data[0, grip._grips[LEFT, 0]]
    data[0] += 1.5 * p.PULL_OFF_M  # as if the cloth were held back by this much
    table.env.step(table.action[None])
    assert CUFF not in table.held()


def test_idle_cloth_lies_still_and_flat(table):
    for _ in range(50):
        table.env.step(table.action[None])
    measured = table.env.task.measure(table.ids)
    assert measured.errors[0, 0] < 0.001
    assert measured.heights[0, 2] < 0.006
    assert measured.speed[0] < 0.005
    assert measured.visible.all()


def laid(table, ideal, layers):
    """Put the cloth down by hand as `ideal` (V, 2), `layers` above the table, and return how it measures."""
    vertices = np.column_stack([ideal + np.array([0.22, 0.0]), 0.002 + 0.004 * layers])
    bench = table.bench
    bench.start._qpos[0, bench.start._cloth] = (vertices - bench.start._rest).ravel()
    table.env.simulation.forward(table.ids)
    return table.env.task.measure(table.ids)


def test_the_verdict_accepts_the_ideal_fold_and_nothing_else(table):
    folded, layers = TSHIRT.folded(3)
    assert verdict.folded(laid(table, folded, layers))[0]
    mirrored = laid(table, folded * [1, -1], layers.max() - layers)
    assert not verdict.right_side_up(mirrored)[0]
    half, half_layers = TSHIRT.folded(2)
    assert not verdict.aligned(laid(table, half, half_layers))[0]
    heap = np.random.default_rng(0).uniform(-0.08, 0.08, folded.shape)
    assert not verdict.folded(laid(table, heap, 5 * layers))[0]


def test_layers_hide_the_key_points_below_them(table):
    flat = laid(table, *TSHIRT.folded(0))
    folded = laid(table, *TSHIRT.folded(3))
    assert flat.visible.all()
    assert 0 < folded.visible.sum() < folded.visible.size
    assert folded.collar_shows[0]
