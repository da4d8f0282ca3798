"""A strict T-shirt without randomisation, and the launderer that looks at it."""

import numpy as np
import pytest

from recap_bench.envs import make_vec
from recap_bench.envs.laundry.launderer_view import View
from recap_bench.envs.laundry.oracle import Launderer
from recap_bench.envs.operators import profile
from recap_bench.envs.scripting import Operator


@pytest.fixture(scope="module")
def view():
    env = make_vec("LaundryStrictTshirt-v0", 1, threads=1, randomization="none")
    env.reset(seed=0)
    return View(env.task, 0)


@pytest.fixture
def launderer(view):
    """A skilled one who has not begun."""
    return Launderer(view, Operator(profile("skilled"), np.random.default_rng(0)))
