"""Garments as data: meshes, key points, fold plans, ideals; every type of the wardrobe."""

import mujoco
import numpy as np
import pytest

from recap_bench.envs.laundry.measuring import Yardstick, fit
from recap_bench.envs.laundry.patterns import KEY_POINTS
from recap_bench.envs.laundry.wardrobe import WARDROBE
from recap_bench.envs.laundry.world import build_model

PAPERS_TYPES = {
    "towel", "button_up_shirt", "sweater", "jeans", "tshirt", "shorts", "polo", "skirt", "long_sleeve_shirt", "socks",
    "underwear",
}  # fmt: skip


@pytest.fixture(params=WARDROBE)
def garment(request):
    return WARDROBE[request.param]


def test_the_wardrobe_holds_the_papers_eleven_types():
    assert set(WARDROBE) == PAPERS_TYPES


def test_every_triangle_faces_up_and_none_is_degenerate(garment):
    (a, b, c) = (garment.flat[garment.triangles[:, k]] for k in range(3))
    doubled = (b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]
    assert (doubled > 1e-5).all()
    assert set(garment.triangles.ravel()) == set(range(len(garment.flat)))


def test_key_points_and_grips_lie_on_the_cloth(garment):
    assert set(garment.key_points) == set(KEY_POINTS)
    assert len(garment.key_vertices) == len(KEY_POINTS)
    for fold in garment.folds:
        assert {garment.vertex(fold.far), garment.vertex(fold.near)} <= set(garment.outline) | set(
            np.flatnonzero(garment.moving(garment.folds.index(fold)))
        )


def test_folds_lie_on_vertices_and_move_some_cloth_without_stretching_it(garment):
    for index, fold in enumerate(garment.folds):
        axis = 0 if fold.axis == "v" else 1
        before, after = garment.folded(index)[0], garment.folded(index + 1)[0]
        moved = garment.moving(index)
        assert 0 < moved.sum() < len(moved)
        assert np.allclose(before[~moved], after[~moved])
        assert np.allclose(before[moved, axis] + after[moved, axis], 2 * garment.line_of(fold))
    edges = garment.triangles[:, [0, 1]]
    flat, folded = garment.flat, garment.folded(len(garment.folds))[0]
    length = [np.linalg.norm(p[edges[:, 0]] - p[edges[:, 1]], axis=1) for p in (flat, folded)]
    assert (length[1] <= length[0] + 1e-9).all()


def test_a_folded_garment_is_less_than_half_as_large(garment):
    folded, _ = garment.folded(len(garment.folds))
    assert np.prod(np.ptp(folded, axis=0)) < 0.6 * np.prod(np.ptp(garment.flat, axis=0))


def test_it_compiles_with_the_mass_it_says(garment):
    model = build_model(garment)
    cloth = [i for i in range(model.nbody) if model.body(i).name.startswith("cloth_")]
    assert model.body_mass[cloth].sum() == pytest.approx(garment.mass_kg)
    assert model.nflexvert == len(garment.flat)
    assert model.opt.integrator == mujoco.mjtIntegrator.mjINT_DISCRETE


def test_inside_and_collar_are_told_apart_by_their_colour(garment):
    model = build_model(garment)
    outside, inside, collar = model.flex_rgba[0], model.skin("inside").rgba, model.skin("collar").rgba
    for one, other in ((outside, inside), (outside, collar), (inside, collar)):
        assert np.abs(one - other)[:3].max() > 0.05


def test_a_larger_size_is_the_same_cut(garment):
    larger = garment.scaled(1.1)
    assert np.allclose(larger.flat, 1.1 * garment.flat)
    assert np.array_equal(larger.triangles, garment.triangles)
    assert np.allclose(larger.folded(len(garment.folds))[0], 1.1 * garment.folded(len(garment.folds))[0])


def test_a_fit_finds_the_motion_and_refuses_a_reflection():
    ideal = WARDROBE["socks"].flat
    turn, shift = np.exp(0.7j), 0.3 - 0.2j
    moved = shift + turn * (ideal[:, 0] + 1j * ideal[:, 1])
    points = np.stack([moved.real, moved.imag], axis=1)
    found = fit(points[None], ideal)
    assert found.turn[0] == pytest.approx(turn)
    assert found.shift[0] == pytest.approx(shift)
    assert found.distance.max() < 1e-12
    mirrored = fit((points * [1.0, -1.0])[None], ideal)
    assert mirrored.distance.mean() > 0.03


def test_the_yardstick_names_the_state_that_it_is_shown(garment):
    yardstick = Yardstick(garment)
    for column, count in enumerate((0, 1, len(garment.folds))):
        ideal, layers = garment.folded(count)
        vertices = np.column_stack([ideal, 0.004 * layers])[None]
        distances = [fit(vertices, each).distance.mean() for each in yardstick.ideals]
        assert distances[column] == pytest.approx(0, abs=1e-12)
