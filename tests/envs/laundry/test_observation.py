"""What the laundry's observation gives away, and how cloth that is lost is judged."""

from dataclasses import replace

import numpy as np
import pytest

from recap_bench.envs import make_vec, task_spec
from recap_bench.envs.laundry import parameters as p
from recap_bench.envs.laundry import verdict
from recap_bench.envs.laundry.patterns import KEY_POINTS

SPEC = task_spec("LaundryTshirtsShorts-v0")


def reported(observation):
    """Return where key points are said to be, (n, K, 3), and whether they are said to be visible, (n, K)."""
    column = SPEC.state_names.index(f"{KEY_POINTS[0]}_visible") - 3
    rows = observation["environment_state"][:, column : column + 4 * len(KEY_POINTS)].reshape(-1, len(KEY_POINTS), 4)
    return rows[..., :3], rows[..., 3] > 0


@pytest.mark.parametrize("start", ["light", "crumpled"])
def test_where_a_hidden_point_lies_is_not_told_before_it_was_seen(start):
    env = make_vec(SPEC.name, 6, threads=1, start=start)
    points, visible = reported(env.reset(seed=0)[0])
    truth = env.task.measure(np.arange(6)).key_points
    assert not visible.all()
    np.testing.assert_allclose(points[visible], truth[visible], atol=1e-6)
    assert (np.linalg.norm(points - truth, axis=2)[~visible] > 1e-3).all()
    for i in np.flatnonzero(~visible.all(1)):
        expected = truth[i, visible[i]].mean(0)
        np.testing.assert_allclose(points[i, ~visible[i]], np.broadcast_to(expected, (sum(~visible[i]), 3)), atol=1e-6)


@pytest.mark.parametrize("height", [p.LOST_BELOW_M - 0.01, p.LOST_ABOVE_M + 0.01])
def test_cloth_that_went_through_the_table_or_flew_off_is_off_the_table(height):
    env = make_vec(SPEC.name, 1, threads=1, start="flat")
    env.reset(seed=0)
    measured, no = env.task.measure(np.arange(1)), np.zeros(1, bool)
    assert verdict.failure(measured, no, stack=True) == [0]
    lost = replace(measured, middle=measured.middle * [1, 1, 0] + [0, 0, height])
    assert verdict.failure(lost, no, stack=True) == [1 + verdict.FAILURES.index("off_table")]
