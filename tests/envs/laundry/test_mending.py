"""What the launderer puts right on a folded package: geometry alone."""

from types import SimpleNamespace

import numpy as np
import pytest

from recap_bench.envs.laundry.gripping import Gripping
from recap_bench.envs.laundry.hands import LEFT, RIGHT
from recap_bench.envs.laundry.launderer_view import Frame
from recap_bench.envs.laundry.mending import BEYOND_M, CREASE_M, EDGE_M, LATE_M, OUTWARDS_M, STANDING_M, TAUT_M, Mending
from recap_bench.envs.laundry.oracle import MENDS
from recap_bench.envs.laundry.wardrobe import WARDROBE

TSHIRT = WARDROBE["tshirt"]
LAST = len(TSHIRT.folds) - 1
PLACE = Frame(1.0 + 0.0j, 0.2 + 0.0j)


def package(short_m=0.0):
    """The shirt folded as planned, its hem `short_m` too near to the crease, (V, 3)."""
    points = PLACE.places(TSHIRT.folded(LAST + 1)[0], 0.004)
    hem = [TSHIRT.vertex(point) for point in (TSHIRT.folds[LAST].far, TSHIRT.folds[LAST].near)]
    points[hem, 0] -= short_m
    return points


@pytest.fixture
def mending(view, launderer, monkeypatch):
    """Return a function that lays the shirt out, vertices (V, 3), and returns what mends it and what it would lay."""
    phase, laid = Mending(launderer, Gripping(launderer)), []

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


@pytest.mark.parametrize(("short_m", "beyond_m"), [(0.03, 0.0), (0.0, -TAUT_M)])
def test_an_edge_that_lies_short_is_drawn_on_and_any_other_taut(mending, short_m, beyond_m):
    phase, laid = mending(package(short_m))
    hem = sorted(TSHIRT.vertex(point) for point in (TSHIRT.folds[LAST].far, TSHIRT.folds[LAST].near))
    assert phase.lack(LAST, hem[0]) == pytest.approx(short_m)
    assert run(phase.mend(LAST, crease=False))
    assert laid == [(hem, EDGE_M, beyond_m, True)]


def test_a_crease_is_laid_down_outside_its_line(mending):
    phase, laid = mending(package())
    line = TSHIRT.folds[LAST].line
    crease = sorted(TSHIRT.vertex((column, line)) for column in (8, 4))
    assert run(phase.mend(LAST, crease=True))
    assert laid == [(crease, CREASE_M, BEYOND_M, False)]


@pytest.mark.parametrize("holding", [[LEFT, RIGHT], [RIGHT], []])
def test_what_a_hand_holds_is_drawn_though_the_other_missed(launderer, monkeypatch, holding):
    phase, drawn = Mending(launderer, Gripping(launderer)), []
    fold = TSHIRT.folds[LAST]
    wanted = {LEFT: TSHIRT.vertex(fold.far), RIGHT: TSHIRT.vertex(fold.near)}

    def close_on(vertices, skim):
        yield
        return {side: vertex for side, vertex in vertices.items() if side in holding}

    monkeypatch.setattr(phase.gripping, "close_on", close_on)
    monkeypatch.setattr(phase.gripping, "let_go", lambda sides: iter(()))
    monkeypatch.setattr(phase, "draw", lambda index, vertices, *places: drawn.extend(vertices) or iter(()))
    assert run(phase.lay(LAST, wanted, EDGE_M, beyond_m=0.0, skim=True)) == bool(holding)
    assert drawn == holding


@pytest.mark.parametrize(("short_m", "drawn"), [(LATE_M - 0.005, False), (LATE_M + 0.005, True)])
def test_a_held_edge_is_drawn_on_only_where_it_is_late(mending, monkeypatch, short_m, drawn):
    phase, _ = mending(package(short_m))
    fold, moved = TSHIRT.folds[LAST], []
    monkeypatch.setattr(phase, "draw", lambda *args, **options: moved.append(args) or iter(()))
    run(phase.catch_up(LAST, {LEFT: TSHIRT.vertex(fold.far), RIGHT: TSHIRT.vertex(fold.near)}))
    assert bool(moved) == drawn


def test_what_a_grip_takes_includes_the_layers_of_earlier_folds():
    """The second fold of shorts takes both legs, one laid over the other, at each of its two grips."""
    shorts = WARDROBE["shorts"]
    columns = {point[0] for point, vertex in shorts.grid.items() if vertex in shorts.grips and point[1] == 0}
    assert columns == {0, 4, 6, 10}


def test_each_hand_takes_the_near_end_and_leaves_what_it_does_not_reach(mending):
    phase, _ = mending(package())
    fold = TSHIRT.folds[LAST]
    assert phase.hands_for(fold.far, fold.near) == {LEFT: TSHIRT.vertex(fold.far), RIGHT: TSHIRT.vertex(fold.near)}
    far_right = package() + np.array([0.0, -0.33, 0.0])
    phase, _ = mending(far_right)
    assert phase.hands_for(fold.far, fold.near) == {RIGHT: TSHIRT.vertex(fold.near)}


def test_edge_and_crease_are_mended_in_turn_a_few_times_before_the_package_is_undone(launderer):
    creases = []

    def mend(index, crease):
        creases.append(crease)
        yield
        return not crease

    def lay_down(index):
        yield
        return False

    launderer.mending = SimpleNamespace(mend=mend, lay_down=lay_down)
    assert [run(launderer.mends(LAST)) for _ in range(MENDS)] == [True] * (MENDS // 2) + [False] * (MENDS // 2)
    assert creases == [False, True] * (MENDS // 2)


RIDGE = TSHIRT.vertex((8, 4))


def standing(height_m):
    """The folded shirt with the double edge of its left side standing up, 20 mm inside its place."""
    points = package()
    points[RIDGE] += [0.0, -0.020, 0.0]
    points[RIDGE, 2] = height_m
    return points


def test_what_stands_up_is_laid_down_a_little_beyond_its_place(mending, monkeypatch):
    phase, _ = mending(standing(STANDING_M + 0.02))
    taken, ends = [], []

    def close_on(vertices, skim):
        taken.append((dict(vertices), skim))
        yield
        return dict(vertices)

    def swing(_hand, side, path, _grip, _seconds):
        ends.append((side, path(1.0)))
        yield

    monkeypatch.setattr(phase.script, "hands", (None, None), raising=False)
    monkeypatch.setattr(phase.gripping, "close_on", close_on)
    monkeypatch.setattr(phase.gripping, "let_go", lambda _sides: iter(()))
    monkeypatch.setattr("recap_bench.envs.laundry.mending.swing", swing)
    assert run(phase.lay_down(LAST))
    side = LEFT if standing(0.0)[RIDGE, 1] > 0 else RIGHT
    assert taken == [({side: RIDGE}, True)]
    assert ends[0][0] == side
    assert np.allclose(ends[0][1], [*package()[RIDGE, :2] + [0.0, OUTWARDS_M], EDGE_M], atol=2e-3)


def test_what_lies_is_not_laid_down(mending):
    phase, _ = mending(standing(STANDING_M - 0.01))
    assert run(phase.lay_down(LAST)) is False


def test_what_stands_up_is_laid_down_before_edge_and_crease_are_mended(launderer):
    def lay_down(index):
        yield
        return True

    launderer.mending = SimpleNamespace(lay_down=lay_down)
    assert run(launderer.mends(LAST)) is True
