"""The strict T-shirt's one start, and the many that it is demonstrated from."""

import numpy as np
import pytest

from recap_bench.envs import make_vec, task_spec
from recap_bench.envs.laundry.measuring import fit
from recap_bench.envs.laundry.start import TURNED_M, TURNED_RAD
from recap_bench.envs.laundry.strict_tshirt import ASKEW_RAD, MIDDLE_M

N = 24
SPEC = task_spec("LaundryStrictTshirt-v0")


def poses(start, randomization="standard"):
    """Return how the shirts are turned (N,) [rad] and where their middles lie (N, 2) [m]."""
    env = make_vec(SPEC.name, N, threads=1, start=start, randomization=randomization)
    env.reset(seed=list(range(N)))
    bench = env.task.bench_of(0)
    fitted = fit(bench.reader.read(np.arange(N)).vertices, bench.garment.flat)
    return np.angle(fitted.turn), np.stack([fitted.shift.real, fitted.shift.imag], axis=1)


def test_it_is_judged_from_one_start_and_demonstrated_from_many():
    assert SPEC.start_of("demonstration") == "turned"
    assert SPEC.start_of("autonomous") is SPEC.start_of("evaluation") is None


@pytest.mark.parametrize("start", [None, "flat"])
def test_its_own_start_hardly_varies(start):
    turns, middles = poses(start)
    np.testing.assert_allclose(turns, ASKEW_RAD, atol=0.03)
    np.testing.assert_allclose(middles, [MIDDLE_M] * N, atol=0.006)


def test_demonstrations_start_turned_to_either_side_of_it():
    turns, middles = poses("turned")
    assert np.abs(turns - ASKEW_RAD).max() <= TURNED_RAD + 0.02
    assert np.abs(middles - MIDDLE_M).max() <= TURNED_M + 0.003
    assert turns.min() < ASKEW_RAD - 0.6 * TURNED_RAD
    assert turns.max() > ASKEW_RAD + 0.6 * TURNED_RAD


def test_without_randomisation_turned_is_one_pose():
    turns, middles = poses("turned", randomization="none")
    np.testing.assert_allclose(turns, ASKEW_RAD, atol=1e-6)
    assert np.ptp(middles, axis=0).max() < 1e-9
