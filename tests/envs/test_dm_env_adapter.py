import dm_env
import numpy as np
import pytest
from absl.testing import absltest
from dm_env import test_utils
from push_task import PushTask

from recap_bench.envs.config import EnvConfig
from recap_bench.envs.dm_env_adapter import DmEnvAdapter
from recap_bench.envs.single_env import TaskEnv


def adapter(seed=None):
    return DmEnvAdapter(TaskEnv(PushTask, EnvConfig()), seed)


class TestDmEnvInterface(test_utils.EnvironmentTestMixin, absltest.TestCase):
    """dm_env's own checks of an environment."""

    def make_object_under_test(self):
        return adapter()

    def make_action_sequence(self):
        for _ in range(PushTask.spec.max_episode_steps + 10):  # past the end of an episode
            yield self.make_action()


def home(env):
    return env._env.vector.task.rig.home().astype(np.float32)


def test_failure_discounts_to_zero_and_a_time_out_does_not():
    env = adapter(seed=1)
    env.reset()
    assert env.step(home(env)).mid()
    env._env.vector._steps[0] = 149
    last = env.step(home(env))
    assert last.last()
    assert last.discount == 1.0
    assert env.step(home(env)).first()
    env._env.vector.simulation.batch.qpos[0, 0] = np.nan
    last = env.step(home(env))
    assert last.last()
    assert last.discount == 0.0


def test_the_seed_decides_the_first_episode():
    first, second = adapter(seed=3).reset(), adapter(seed=3).reset()
    assert isinstance(first, dm_env.TimeStep)
    assert np.array_equal(first.observation["environment_state"], second.observation["environment_state"])


@pytest.mark.rendering
def test_the_parts_of_dm_controls_viewer_run_on_it(opengl, monkeypatch):
    monkeypatch.setenv("MUJOCO_GL", "egl")
    runtime = pytest.importorskip("dm_control.viewer.runtime")
    renderer = pytest.importorskip("dm_control.viewer.renderer")
    env = adapter(seed=1)
    simulator = runtime.Runtime(env)
    simulator.tick(0.1, False)
    simulator.tick(0.1, False)
    batch = env._env.vector.simulation.batch
    assert env.physics.data.time == pytest.approx(float(batch.time[0]))
    assert env.physics.data.time > 0.1
    assert np.array_equal(env.physics.data.qpos, batch.qpos[0])
    cube = env._env.vector.task._cube
    assert env.physics.model.body_mass[cube] == batch.expand("body_mass")[0, cube]
    assert renderer.SceneCamera(env.physics.model, env.physics.data, object()) is not None
