import numpy as np
import pytest

from recap_bench.envs.divergence import SPEED_LIMIT, Dump


def home(env):
    return np.repeat(env.task.rig.home()[None].astype(np.float32), env.num_envs, axis=0)


def break_position(env, i):
    env.simulation.batch.qpos[i, 0] = np.nan


def break_velocity(env, i):
    spin = env.simulation.model.joint("cube").dofadr[0] + 5
    env.simulation.batch.qvel[i, spin] = 2 * SPEED_LIMIT


def break_huge(env, i):
    env.simulation.batch.qvel[i, 3] = 1e12


def break_model(env, i):
    """An equality of a type that does not exist makes mj_step raise."""
    env.simulation.batch.expand("eq_type")[i] = 99


@pytest.mark.parametrize("harm", [break_position, break_velocity, break_huge, break_model])
def test_a_divergence_ends_its_own_episode_only(make_push, harm):
    env, reference = make_push(3, autoreset_mode="Disabled"), make_push(3, autoreset_mode="Disabled")
    for each in (env, reference):
        each.reset(seed=0)
        each.step(home(each))
    harm(env, 1)
    observation, reward, terminated, truncated, info = env.step(home(env))
    reference.step(home(reference))
    assert terminated.tolist() == [False, True, False]
    assert not truncated.any()
    assert info["failure_mode"].tolist() == ["none", "diverged", "none"]
    assert not info["is_success"].any()
    assert reward.tolist() == [-1.0] * 3
    assert not observation["environment_state"][1].any()
    assert not observation["agent_pos"][1].any()
    for i in (0, 2):
        assert env.state_hash(i) == reference.state_hash(i)
    env.step(home(env))
    env.reset(seed=[None, 1, None], options={"reset_mask": np.array([False, True, False])})
    reference.reset(seed=[None, 1, None], options={"reset_mask": np.array([False, True, False])})
    assert env.state_hash(1) == reference.state_hash(1)
    assert not env.step(home(env))[2].any()


def test_a_process_that_breaks_down_counts_too(make_push):
    env = make_push(2, autoreset_mode="Disabled")
    env.reset(seed=0)
    env.task.process["touched_s"][0] = np.nan
    observation, _, terminated, _, info = env.step(home(env))
    assert terminated.tolist() == [True, False]
    assert info["failure_mode"][0] == "diverged"
    assert np.isfinite(observation["environment_state"]).all()


def test_autoreset_recovers_from_a_divergence(make_push):
    env = make_push(2)
    env.reset(seed=0)
    break_position(env, 0)
    assert env.step(home(env))[2].tolist() == [True, False]
    observation, _, terminated, _, info = env.step(home(env))
    assert not terminated.any()
    assert info["step"].tolist() == [0, 2]
    assert observation["environment_state"][0].any()


def test_the_dump_of_a_diverged_episode_replays_it(make_push, tmp_path):
    env = make_push(2, autoreset_mode="Disabled", dump_dir=tmp_path)
    env.reset(seed=4)
    generator = np.random.default_rng(0)
    low, high = env.single_action_space.low, env.single_action_space.high
    for _ in range(10):
        env.step(generator.uniform(low, high, (2, 14)))
    before = env.state_hash(1)
    break_velocity(env, 1)
    env.step(home(env))

    (path,) = tmp_path.iterdir()
    assert path.name == "Push-v0-seed5-step11.npz"
    dump = Dump.load(path)
    assert dump.task == "Push-v0"
    assert dump.randomization == "standard"
    assert "faster" in dump.reason
    assert dump.actions.shape == (11, 14)
    replay = make_push(1, autoreset_mode="Disabled")
    replay.reset(seed=0)
    replay.restore(0, dump.start)
    for action in dump.actions[:-1]:
        replay.step(action[None])
    assert replay.state_hash(0) == before


def test_without_a_dump_folder_nothing_is_written(make_push, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    env = make_push(1)
    env.reset(seed=0)
    break_velocity(env, 0)
    env.step(home(env))
    assert not list(tmp_path.glob("*.npz"))
