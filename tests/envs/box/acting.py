"""One simulation of the box task with a scripted operator at work in it."""

import numpy as np

from recap_bench.envs import make_vec
from recap_bench.envs.box.oracle import BoxOracle, Packer
from recap_bench.envs.box.packer_view import View
from recap_bench.envs.operators import profile

ONE = np.array([0])


def make_env(start, seed, randomization="standard"):
    env = make_vec("BoxAssembly-v0", 1, threads=1, start=start, randomization=randomization, autoreset_mode="Disabled")
    env.reset(seed=seed)
    return env


def act_until(env, oracle, reached, limit_s=40.0):
    """Let a skilled operator work until `reached()`; return whether it came to that."""
    oracle.begin(ONE, [profile("skilled")], [np.random.default_rng(0)])
    return carry_on(env, oracle, reached, limit_s)


def carry_on(env, oracle, reached, limit_s=40.0):
    """Let the operator who is at work go on until `reached()`; return whether it came to that."""
    for _ in range(round(50 * limit_s)):
        if reached():
            return True
        *_, terminated, truncated, _ = env.step(oracle.act(ONE))
        if terminated[0] or truncated[0]:
            break
    return reached()


def with_script(env, run):
    """Return an oracle whose operator does what `run(script)` yields."""

    class Other(Packer):
        def run(self):
            return run(self)

    class OtherOracle(BoxOracle):
        def make_script(self, simulation, operator):
            return Other(View(self.task, simulation), operator)

    return OtherOracle(env.task)
