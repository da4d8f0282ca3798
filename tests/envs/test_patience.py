"""An operator who watches lets a skilled one work: the patience of every task is longer than good work ever stalls."""

import numpy as np
import pytest
from exam import MakePilot, Pilot, Subject, operated_by, play

from recap_bench.envs import task_spec
from recap_bench.envs.simulation import CONTROL_HZ
from recap_bench.envs.vector_env import TaskVectorEnv
from recap_bench.loop.intervention import GateConfig, InterventionGate, Scene

SEED, EPISODES = 960_000, 2
SHARPEST = GateConfig(miss_probability=0.0, false_alarm_rate_hz=0.0, reaction_delay_s=0.0)


def watched(make_pilot: MakePilot, taken: list[int]) -> MakePilot:
    """Return a pilot that acts as `make_pilot`'s, and appends to `taken` where a gate would have taken over."""

    def make(env: TaskVectorEnv) -> Pilot:
        pilot = make_pilot(env)
        gate = InterventionGate(SHARPEST, env.num_envs, CONTROL_HZ, env.spec_of_task.patience_s)
        for slot in range(env.num_envs):
            gate.begin(slot, np.random.default_rng(slot))

        def act(ids: np.ndarray) -> np.ndarray:
            hazards = {name: values[ids] for name, values in env.hazards().items()}
            scene = Scene(env.progress()[ids], hazards, env.task.stages[ids].sum(1))
            taken.extend(gate.update(ids, scene).taken.tolist())
            return pilot(ids)

        return act

    return make


@pytest.mark.parametrize("task", ["Espresso-v0", "BoxAssembly-v0", "LaundryStrictTshirt-v0"])
def test_a_skilled_operator_is_left_alone(task):
    taken: list[int] = []
    result = play(Subject(task), watched(operated_by(*["skilled"] * EPISODES), taken), range(SEED, SEED + EPISODES))
    assert result.success.all(), result.failures()
    assert not taken, f"taken over within {task_spec(task).patience_s} s: {taken}"
