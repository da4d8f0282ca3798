"""Where the launderer moves a garment before folding it, and what it holds on to: geometry alone."""

import numpy as np
import pytest

from recap_bench.envs.laundry.folding import Folding
from recap_bench.envs.laundry.gripping import Gripping
from recap_bench.envs.laundry.hands import LEFT, RIGHT
from recap_bench.envs.laundry.launderer_view import Frame
from recap_bench.envs.laundry.mending import Mending
from recap_bench.envs.laundry.placing import LONGEST_PULL_M, MOST_TURN_RAD, Placing, pair_of
from recap_bench.envs.laundry.spreading import Spreading
from recap_bench.envs.laundry.wardrobe import WARDROBE

TSHIRT = WARDROBE["tshirt"]
PLEAT_M = 0.07


def lying(frame, positions=TSHIRT.flat):
    return np.array([frame.point(place, 0.002) for place in positions])


def straight(x=0.20, y=0.0, yaw=0.0):
    return Frame(complex(np.exp(1j * yaw)), complex(x, y))


@pytest.fixture
def phases(view, launderer, monkeypatch):
    """Return a function that lays the shirt out, vertices (V, 3), and returns what folds, places and spreads it."""
    gripping = Gripping(launderer)
    placing = Placing(launderer, gripping)

    def lay(points):
        monkeypatch.setattr(view, "vertices", lambda: points)
        return (
            Folding(launderer, gripping, Mending(launderer, gripping)),
            placing,
            Spreading(launderer, gripping, placing),
        )

    return lay


def test_a_frame_turns_about_the_middle_of_the_garment():
    moved = straight(0.3, 0.1, 0.5).moved(np.array([-0.1, 0.0]), -0.2)
    assert np.allclose(moved.origin, [0.2, 0.1])
    assert moved.skew == pytest.approx(0.3)


@pytest.mark.parametrize(("yaw", "skew"), [(0.4, 0.4), (-0.4, -0.4), (np.pi - 0.3, -0.3), (np.pi + 0.3, 0.3)])
def test_hem_first_and_collar_first_are_both_straight(yaw, skew):
    assert straight(yaw=yaw).skew == pytest.approx(skew)


def test_a_far_garment_is_pulled_and_turned_by_so_much_at_a_time(view, phases):
    _, placing, _ = phases(lying(straight()))
    frame = straight(0.20, 0.40, 1.2)
    goal, shifted = placing.goal(frame, straighten=True), placing.goal(frame, straighten=False)
    assert np.linalg.norm(goal.origin - frame.origin) == pytest.approx(LONGEST_PULL_M)
    assert np.linalg.norm(goal.origin - view.workplace) < np.linalg.norm(frame.origin - view.workplace)
    assert goal.skew == pytest.approx(1.2 - MOST_TURN_RAD)
    assert shifted.skew == pytest.approx(1.2)


def test_a_pair_leaves_each_hand_on_its_own_side():
    points = np.array([[0.2, -0.15, 0.0], [0.2, 0.15, 0.0], [0.2, 0.10, 0.0]])
    assert pair_of(0, [0, 1, 2], points, points) == {RIGHT: 0, LEFT: 1}
    assert pair_of(1, [1, 2], points, points) == {}
    assert pair_of(1, [1, 2], points, points, alone=True) == {LEFT: 1}


def test_folds_are_within_reach_in_the_middle_and_not_at_the_side(phases):
    folding, _, _ = phases(lying(straight(0.22, 0.0)))
    assert folding.within_reach(0)
    folding, _, _ = phases(lying(straight(0.22, 0.35)))
    assert not folding.within_reach(0)


def test_one_vertex_does_not_stand_in_for_both_grips(phases, view, monkeypatch):
    folding, _, _ = phases(lying(straight()))
    assert folding.has_grips(0, 0)
    monkeypatch.setattr(view, "stand_in", lambda vertex, folds: 9)
    assert not folding.has_grips(0, 0)


def test_what_lies_in_a_pleat_is_pulled_with_the_other_end_held(phases):
    """A shirt lies in its place, but for the hem: three rows are pushed inwards by PLEAT_M."""
    frame, points = straight(0.22, 0.0), lying(straight(0.22, 0.0))
    hem = TSHIRT.vertex(TSHIRT.key_points["hem_left"])
    rows = TSHIRT.flat[:, 0] < TSHIRT.flat[hem, 0] + 2.5 * 0.035
    points[rows, 0] += PLEAT_M
    points[rows, 2] += 0.004
    _, _, spreading = phases(points)
    moved, held = spreading.hold_on({LEFT: hem}, frame)
    (anchor,) = held.values()
    assert moved == {LEFT: hem}
    assert list(held) == [RIGHT]
    assert not rows[anchor]
    assert points[anchor, 0] > points[:, 0].max() - 0.05


@pytest.mark.parametrize("comes", [True, False])
def test_an_edge_that_did_not_come_to_its_place_counts_as_missed(phases, view, launderer, monkeypatch, comes):
    frame, flat = straight(0.22, 0.0), lying(straight(0.22, 0.0))
    hem = TSHIRT.vertex(TSHIRT.key_points["hem_left"])
    turned = flat.copy()
    turned[hem] += [PLEAT_M, 0.0, 0.004]
    _, _, spreading = phases(turned)

    def take(chosen, frame, anchor):
        yield
        return dict(chosen)

    def swing(*path):
        monkeypatch.setattr(view, "vertices", lambda: flat if comes else turned)
        yield

    monkeypatch.setattr(launderer, "hands", [None, None], raising=False)
    monkeypatch.setattr(spreading, "take", take)
    monkeypatch.setattr("recap_bench.envs.laundry.spreading.swing", swing)
    monkeypatch.setattr(spreading.gripping, "let_go", lambda sides: iter(()))
    for _ in spreading.move({LEFT: hem}, frame, {}):
        pass
    assert spreading.missed == (not comes)


@pytest.mark.parametrize(("missed", "hands", "anchored"), [(False, 2, False), (False, 1, True), (True, 2, True)])
def test_what_lies_right_is_held_by_an_idle_hand_and_after_a_miss(phases, monkeypatch, missed, hands, anchored):
    frame, points = straight(0.22, 0.0), lying(straight(0.22, 0.0))
    hems = {side: TSHIRT.vertex(TSHIRT.key_points[name]) for side, name in ((LEFT, "hem_left"), (RIGHT, "hem_right"))}
    points[list(hems.values()), 0] += PLEAT_M
    _, placing, spreading = phases(points)
    moved = []

    def do(*what):
        moved.append(what)
        yield
        return True

    def refuse(*where):
        yield
        return False

    monkeypatch.setattr(placing, "pull", refuse)
    monkeypatch.setattr(spreading, "frame", lambda: frame)
    monkeypatch.setattr(spreading, "choose", lambda frame: dict(list(hems.items())[:hands]))
    monkeypatch.setattr(spreading, "move", do)
    spreading.missed = missed
    for _ in spreading.spread():
        pass
    ((chosen, _, anchor),) = moved
    assert bool(anchor) == anchored
    assert len(chosen) == (1 if anchored else hands)
    assert not set(anchor) & set(chosen)
