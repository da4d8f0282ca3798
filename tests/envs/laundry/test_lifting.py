"""How the launderer shakes out what hangs tangled between the hands."""

import numpy as np
import pytest

from recap_bench.envs.laundry.gripping import Gripping
from recap_bench.envs.laundry.hands import LEFT, RIGHT, hanging
from recap_bench.envs.laundry.lifting import HOLD_M, SHAKE_M, SHAKES, Lifting
from recap_bench.envs.laundry.oracle import Launderer
from recap_bench.envs.operators import PROFILES, profile
from recap_bench.envs.scripting import Hand, Operator
from recap_bench.envs.simulation import CONTROL_HZ

HELD = {LEFT: 0, RIGHT: 1}


@pytest.fixture(params=sorted(PROFILES))
def shaken(request, view, monkeypatch):
    """Return the heights of both hands while an operator shakes what they hold, (T, 2) [m]."""
    operator = Operator(profile(request.param), np.random.default_rng(0))
    launderer = Launderer(view, operator)
    launderer.hands = [Hand(HOLD_M[side].copy(), hanging(side, HOLD_M[side]), 0.0, operator) for side in HELD]
    monkeypatch.setattr(view, "vertices", lambda: np.array(HOLD_M))
    heights = [[hand.position[2] for hand in launderer.hands]]
    heights += [[h.position[2] for h in launderer.hands] for _ in Lifting(launderer, Gripping(launderer)).shake(HELD)]
    return np.array(heights)


def test_it_jerks_upwards_at_more_than_gravity_whoever_does_it(shaken):
    acceleration = np.diff(shaken, n=2, axis=0) * CONTROL_HZ**2
    jerked = (acceleration > 2 * 9.81).all(1)
    assert np.sum(jerked[1:] & ~jerked[:-1]) + jerked[0] == SHAKES
    np.testing.assert_allclose(np.ptp(shaken, axis=0), SHAKE_M, atol=1e-6)


def test_hands_end_as_high_as_they_began(shaken):
    np.testing.assert_allclose(shaken[-1], shaken[0], atol=1e-6)
