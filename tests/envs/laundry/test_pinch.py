"""What closing pads find of the cloth: pure geometry, in the frame of a hand (approach, jaw, third axis)."""

import numpy as np
import pytest

from recap_bench.envs.laundry import parameters as p
from recap_bench.envs.laundry.grasping import Cloth
from recap_bench.envs.laundry.wardrobe import WARDROBE

TOWEL = WARDROBE["towel"]
MIDDLE = int(np.argmin(np.abs(TOWEL.flat).sum(1)))
"""A vertex with cloth all around."""
GAP, OPENING = 0.008, 0.031


@pytest.fixture
def cloth():
    return Cloth(TOWEL)


def seen(at, depth=0.015):
    """Vertices (V, 3) of a towel that lies flat below a hand pointing down, MIDDLE at `at` (jaw, third axis) [m]."""
    plan = TOWEL.flat - TOWEL.flat[MIDDLE] + np.asarray(at)
    return np.column_stack([np.full(len(plan), depth), plan])


def test_a_vertex_between_the_pads_is_found_alone(cloth):
    vertices, drawn = cloth.gathered(seen((0.0, 0.0)), GAP, OPENING)
    assert vertices.tolist() == [MIDDLE]
    assert drawn.tolist() == [0.0]


def test_cloth_beside_the_closed_pads_is_drawn_between_them(cloth):
    vertices, drawn = cloth.gathered(seen((0.014, 0.0)), GAP, OPENING)
    assert vertices[0] == MIDDLE
    assert drawn[0] == pytest.approx(GAP / 2 - 0.014)


def test_a_hand_in_the_middle_of_a_cell_holds_what_lies_nearest(cloth):
    step = 0.5 * p.SPACING_M
    vertices, _ = cloth.gathered(seen((0.0, step)), GAP, OPENING)
    assert MIDDLE in vertices
    assert 2 <= len(vertices) <= 4


@pytest.mark.parametrize("at", np.random.default_rng(0).uniform(-0.5, 0.5, (40, 2)) * p.SPACING_M)
def test_wherever_jaws_close_on_a_sheet_they_hold_it(cloth, at):
    vertices, drawn = cloth.gathered(seen(at), GAP, OPENING)
    assert len(vertices) > 0
    assert np.abs(drawn).max() < p.PULL_OFF_M
    assert len(set(vertices.tolist())) == len(vertices)


@pytest.mark.parametrize("depth", [p.PAD_FORWARD_M + p.PINCH_SLACK_M + 0.001, -p.PAD_BACK_M - 0.001])
def test_cloth_beyond_the_tips_or_behind_the_pads_is_not_found(cloth, depth):
    vertices, _ = cloth.gathered(seen((0.0, 0.0), depth), GAP, OPENING)
    assert len(vertices) == 0


def test_no_cloth_is_found_beside_its_edge(cloth):
    edge = TOWEL.flat[:, 0].max() - TOWEL.flat[MIDDLE, 0]
    vertices, _ = cloth.gathered(seen((-edge - 0.017, 0.0)), GAP, OPENING)
    assert len(vertices) == 0
