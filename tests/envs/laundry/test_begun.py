"""The start with the folding begun: all folds but the last are made."""

import numpy as np
import pytest
from exam import Subject, operated_by, play

from recap_bench.envs import make_vec
from recap_bench.envs.laundry.measuring import fit
from recap_bench.envs.laundry.wardrobe import WARDROBE


@pytest.mark.parametrize("name", ["LaundryStrictTshirt-v0", "LaundryTshirtsShorts-v0"])
def test_all_folds_but_the_last_are_made_and_the_garment_comes_to_rest(name):
    env = make_vec(name, 4, threads=1, start="begun")
    observation, info = env.reset(seed=2)
    folds = [len(env.task.garment_of(i).folds) for i in range(4)]
    assert info["stages_done"].tolist() == [int(count > 1) for count in folds]
    for _ in range(60):
        observation, _, terminated, _, info = env.step(observation["agent_pos"])
    assert not terminated.any()
    assert not info["is_success"].any()
    assert (env.task.measure(np.arange(4)).heights[:, 2] < 0.03).all()
    for i in range(4):
        garment = env.task.garment_of(i)
        ideal, _ = garment.folded(len(garment.folds) - 1)
        vertices = env.task.bench_of(i).reader.read(np.array([i])).vertices
        assert fit(vertices, ideal).distance.mean() < 0.005


def test_a_garment_with_one_fold_lies_flat():
    env = make_vec("LaundryDiverse-v0", 2, threads=1, start="jeans_begun")
    _, info = env.reset(seed=2)
    assert len(WARDROBE["jeans"].folds) == 1
    assert not info["stages"].any()
    assert (env.task.measure(np.arange(2)).errors[:, 0] < 0.01).all()


def test_the_skilled_operator_finishes_a_fold_that_is_begun():
    result = play(Subject("LaundryStrictTshirt-v0", "begun"), operated_by(*["skilled"] * 4), range(412_000, 412_004))
    assert result.success.sum() >= 3, result.failures()
    assert np.median(result.time_s) < 8
