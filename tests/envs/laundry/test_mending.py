"""What the launderer puts right on a folded package: geometry, and one package with a crease that stands up."""

from types import SimpleNamespace

import numpy as np
import pytest

from recap_bench.envs import make_vec
from recap_bench.envs.laundry.gripping import Gripping
from recap_bench.envs.laundry.hands import LEFT, RIGHT
from recap_bench.envs.laundry.launderer_view import Frame, View
from recap_bench.envs.laundry.mending import BEYOND_M, CREASE_M, EDGE_M, Mending
from recap_bench.envs.laundry.oracle import MENDS, Launderer
from recap_bench.envs.laundry.wardrobe import WARDROBE
from recap_bench.envs.operators import profile
from recap_bench.envs.scripting import Operator

TSHIRT = WARDROBE["tshirt"]
LAST = len(TSHIRT.folds) - 1
PLACE = Frame(1.0 + 0.0j, 0.2 + 0.0j)


def package(short_m=0.0):
    """The shirt folded as planned, its hem `short_m` too near to the crease, (V, 3)."""
    points = PLACE.places(TSHIRT.folded(LAST + 1)[0], 0.004)
    hem = [TSHIRT.vertex(point) for point in (TSHIRT.folds[LAST].far, TSHIRT.folds[LAST].near)]
    points[hem, 0] -= short_m
    return points


@pytest.fixture(scope="module")
def view():
    env = make_vec("LaundryStrictTshirt-v0", 1, threads=1, randomization="none")
    env.reset(seed=0)
    return View(env.task, 0)


@pytest.fixture
def mending(view, monkeypatch):
    """Return a function that lays the shirt out, vertices (V, 3), and returns what mends it and what it would lay."""
    script = Launderer(view, Operator(profile("skilled"), np.random.default_rng(0)))
    phase, laid = Mending(script, Gripping(script)), []

    def lay(index, vertices, height_m, beyond_m, skim):
        laid.append((sorted(vertices.values()), height_m, beyond_m, skim))
        yield
        return True

    def put(points):
        monkeypatch.setattr(view, "vertices", lambda: points)
        monkeypatch.setattr(phase, "lay", lay)
        return phase, laid

    return put


def run(motion):
    """Run a motion to its end and return what it returns."""
    while True:
        try:
            next(motion)
        except StopIteration as end:
            return end.value


@pytest.mark.parametrize("name", sorted(WARDROBE))
def test_a_crease_has_two_ends_in_the_cloth(name):
    garment = WARDROBE[name]
    fold = garment.folds[-1]
    ends = [garment.on_line(fold, grip) for grip in (fold.far, fold.near)]
    assert len(set(ends)) == 2
    assert all(end in garment.grid and end[fold.axis == "v"] == fold.line for end in ends)


def test_an_edge_that_lies_short_is_drawn_on(mending):
    phase, laid = mending(package(short_m=0.03))
    hem = sorted(TSHIRT.vertex(point) for point in (TSHIRT.folds[LAST].far, TSHIRT.folds[LAST].near))
    assert phase.lack(LAST, hem[0]) == pytest.approx(0.03)
    assert run(phase.mend(LAST))
    assert laid == [(hem, EDGE_M, 0.0, True)]


def test_a_crease_is_laid_down_where_the_edge_lies_right(mending):
    phase, laid = mending(package())
    line = TSHIRT.folds[LAST].line
    crease = sorted(TSHIRT.vertex((column, line)) for column in (8, 4))
    assert run(phase.mend(LAST))
    assert laid == [(crease, CREASE_M, BEYOND_M, False)]


def test_each_hand_takes_the_near_end_and_leaves_what_it_does_not_reach(mending):
    phase, _ = mending(package())
    fold = TSHIRT.folds[LAST]
    assert phase.hands_for(fold.far, fold.near) == {LEFT: TSHIRT.vertex(fold.far), RIGHT: TSHIRT.vertex(fold.near)}
    far_right = package() + np.array([0.0, -0.33, 0.0])
    phase, _ = mending(far_right)
    assert phase.hands_for(fold.far, fold.near) == {RIGHT: TSHIRT.vertex(fold.near)}


def test_a_package_is_mended_a_few_times_before_it_is_undone(view):
    script = Launderer(view, Operator(profile("skilled"), np.random.default_rng(0)))

    def mend(index):
        yield
        return True

    script.mending = SimpleNamespace(mend=mend)
    assert [run(script.mends(LAST)) for _ in range(MENDS + 1)] == [True] * MENDS + [False]
