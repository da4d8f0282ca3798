"""Gymnasium, LeRobot's conventions, RecordVideo, Stable-Baselines3."""

import subprocess
import sys
import warnings

import gymnasium
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from gymnasium.wrappers.vector import DictInfoToList, RecordEpisodeStatistics
from push_task import PushTask

import recap_bench
from recap_bench.envs import catalog, make, make_vec
from recap_bench.envs.config import EnvConfig
from recap_bench.envs.single_env import TaskEnv
from recap_bench.errors import UnknownNameError

pytestmark = pytest.mark.filterwarnings("ignore:.*:UserWarning")


@pytest.fixture
def push():
    env = TaskEnv(PushTask, EnvConfig(render_mode="rgb_array", render_size=(48, 64)))
    yield env
    env.close()


def home(env):
    return env.unwrapped.vector.task.rig.home().astype(np.float32)


def test_importing_the_package_loads_neither_mujoco_nor_torch():
    code = (
        "import sys, recap_bench, recap_bench.envs, gymnasium\n"
        "assert 'recap_bench/Espresso-v0' in gymnasium.registry\n"
        "assert not {'mujoco', 'torch'} & set(sys.modules), 'heavy imports'"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_task_names_work_with_and_without_the_prefix():
    assert recap_bench.__doc__
    for name in catalog.task_names():
        assert catalog.normalise_task_name(name) == name
        assert catalog.normalise_task_name(f"recap_bench/{name}") == name
        assert catalog.task_spec(name).name == name
        assert catalog.task_spec(name).id in gymnasium.registry
    with pytest.raises(UnknownNameError, match="Known: Espresso-v0"):
        catalog.normalise_task_name("Tea-v0")
    with pytest.raises(UnknownNameError):
        make_vec("Tea-v0")


@pytest.mark.parametrize("maker", [gymnasium.make, gymnasium.make_vec])
def test_an_unknown_option_is_refused_with_the_known_ones(maker):
    with pytest.raises(UnknownNameError, match=r"Unknown option of an environment 'foo'\. Known: threads, .*dump_dir"):
        maker("recap_bench/Espresso-v0", foo=1)


def test_options_reach_the_environment_through_gymnasium():
    env = gymnasium.make("recap_bench/Espresso-v0", randomization="wide")
    assert env.unwrapped.vector.config.randomization == "wide"
    vector = gymnasium.make_vec("recap_bench/Espresso-v0", num_envs=2, autoreset_mode=AutoresetMode.DISABLED)
    assert vector.num_envs == 2
    assert vector.metadata["autoreset_mode"] is AutoresetMode.DISABLED


def test_lerobots_evaluation_finds_what_it_asks_for(push):
    envs = SyncVectorEnv([lambda: TaskEnv(PushTask)] * 2)
    assert envs.call("task_description") == ("push the cube to the line",) * 2
    assert envs.call("task") == ("Push-v0",) * 2
    assert envs.call("_max_episode_steps") == (150, 150)
    observation, _ = envs.reset(seed=0)
    assert observation["agent_pos"].shape == (2, 14)
    *_, info = envs.step(np.stack([home(push)] * 2))
    assert info["is_success"].tolist() == [False, False]


def test_single_info_holds_python_scalars(push):
    push.reset(seed=0)
    observation, reward, terminated, truncated, info = push.step(home(push))
    assert type(reward) is float
    assert type(terminated) is type(truncated) is type(info["is_success"]) is bool
    assert type(info["failure_mode"]) is str
    assert type(info["step"]) is type(info["stage"]) is int
    assert info["stages"].shape == (2,)
    assert observation in push.observation_space


def test_the_single_environment_is_the_vector_environment_with_one_slot(make_push):
    single, vector = make("Espresso-v0"), make_vec("Espresso-v0", num_envs=3, threads=1)
    single.reset(seed=11)
    vector.reset(seed=[10, 11, 12])
    for _ in range(3):
        action = single.action_space.sample()
        single.step(action)
        vector.step(np.stack([action] * 3))
    assert single.vector.state_hash(0) == vector.state_hash(1)


def test_vector_wrappers_of_gymnasium_run(make_push):
    env = DictInfoToList(RecordEpisodeStatistics(make_push(2)))
    env.reset(seed=0)
    env.unwrapped._steps[0] = 149
    *_, infos = env.step(env.action_space.sample())
    assert infos[0]["failure_mode"] == "time_out"
    assert "episode" in infos[0]
    assert "episode" not in infos[1]


@pytest.mark.rendering
@pytest.mark.rendering
def test_gymnasium_collects_a_list_of_frames(opengl):
    assert make.metadata == TaskEnv.metadata
    env = gymnasium.make("recap_bench/Espresso-v0", render_mode="rgb_array_list", render_size=(24, 32))
    env.reset(seed=0)
    env.step(env.action_space.sample())
    assert [frame.shape for frame in env.render()] == [(24, 32, 3)] * 2
    env.close()


def test_record_video_writes_a_file(push, opengl, tmp_path):
    pytest.importorskip("moviepy", reason="NOT TESTED: RecordVideo needs moviepy (pip install moviepy)")
    env = gymnasium.wrappers.RecordVideo(push, str(tmp_path))
    env.reset(seed=0)
    for _ in range(5):
        env.step(home(env))
    env.close()
    (video,) = tmp_path.glob("*.mp4")
    assert video.stat().st_size > 500


def test_stable_baselines3_accepts_it(push):
    reason = "NOT TESTED: needs stable-baselines3 (pip install --no-deps stable-baselines3)"
    checker = pytest.importorskip("stable_baselines3.common.env_checker", reason=reason)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it recommends actions normalised to [-1, 1]
        checker.check_env(push, warn=True, skip_render_check=True)
