"""The diverse laundry: which garment lies there, and where policies are tried."""

import numpy as np

from recap_bench.envs import make_vec, task_spec
from recap_bench.envs.laundry.diverse import EVALUATED, GARMENTS, DiverseTask
from recap_bench.envs.laundry.wardrobe import WARDROBE

SPEC = task_spec("LaundryDiverse-v0")


def types_drawn(start, n=12):
    env = make_vec("LaundryDiverse-v0", n, threads=1, start=start)
    observation, _ = env.reset(seed=0)
    assert SPEC.state_names[-len(GARMENTS) :] == tuple(f"is_{name}" for name in GARMENTS)
    one_hot = observation["environment_state"][:, -len(GARMENTS) :]
    assert (one_hot.sum(1) == 1).all()
    names = [GARMENTS[k] for k in one_hot.argmax(1)]
    assert names == [env.task.bench_of(i).garment.name for i in range(n)]
    return names


def test_demonstrations_are_of_all_types_and_policies_meet_button_up_shirts():
    assert set(GARMENTS) == set(WARDROBE)
    assert SPEC.start_of("demonstration") is None
    assert len(set(types_drawn(None))) > 4
    for source in ("rollout", "evaluation"):
        assert set(types_drawn(SPEC.start_of(source), n=2)) == {EVALUATED}


def test_every_start_of_one_type_draws_that_type():
    starts = [start for start in DiverseTask.starts if start.endswith("_light")]
    assert len(starts) == len(WARDROBE)
    for start in starts:
        assert f"{types_drawn(start, n=1)[0]}_light" == start


def test_slots_of_different_types_are_observed_alike():
    env = make_vec("LaundryDiverse-v0", 6, threads=1)
    observation, _ = env.reset(seed=0)
    assert observation["environment_state"].shape == (6, len(SPEC.state_names))
    assert np.isfinite(observation["environment_state"]).all()
