import numpy as np
import pytest
from gymnasium.error import ResetNeeded
from gymnasium.vector import AutoresetMode

from recap_bench.errors import ActionError, ConfigurationError, UnknownNameError


def home(env):
    return np.repeat(env.task.rig.home()[None].astype(np.float32), env.num_envs, axis=0)


def let_first_time_out(env):
    """Put simulation 0 one step before its time limit."""
    env._steps[0] = env.spec_of_task.max_episode_steps - 1


def test_observations_lie_in_the_space_and_have_its_dtype(make_push):
    env = make_push(3)
    observation, _ = env.reset(seed=0)
    assert observation in env.observation_space
    assert {part.dtype for part in observation.values()} == {np.dtype(np.float32)}
    assert env.step(home(env))[0] in env.observation_space


def test_returned_arrays_are_never_written_again(make_push):
    env = make_push(3)
    env.reset(seed=0)
    first = env.step(home(env))
    kept = {name: part.copy() for name, part in first[0].items()}
    infos = {name: part.copy() for name, part in first[4].items()}
    for _ in range(5):
        env.step(env.action_space.sample())
    assert all(np.array_equal(kept[name], first[0][name]) for name in kept)
    assert all(np.array_equal(infos[name], first[4][name]) for name in infos)


def test_info_says_where_the_episode_stands(make_push):
    env = make_push(3)
    _, info = env.reset(seed=5)
    assert info["seed"].tolist() == [5, 6, 7]
    assert info["step"].tolist() == [0, 0, 0]
    assert info["failure_mode"].tolist() == ["none"] * 3
    assert info["stages"].shape == (3, 2)
    info = env.step(home(env))[4]
    assert info["step"].tolist() == [1, 1, 1]
    assert info["stage"].tolist() == info["stages_done"].tolist() == [0, 0, 0]
    assert not info["is_success"].any()


def test_the_oracle_succeeds_and_the_last_step_is_free(make_push):
    env = make_push(4, autoreset_mode=AutoresetMode.DISABLED)
    env.reset(seed=0)
    oracle, ids = env.make_oracle(), np.arange(4)
    oracle.begin(ids, [], [])
    rewards = []
    for _ in range(env.spec_of_task.max_episode_steps):
        _, reward, terminated, truncated, info = env.step(oracle.act(ids))
        rewards.append(reward)
        if terminated.all():
            break
    assert info["is_success"].all()
    assert not truncated.any()
    assert info["stage"].tolist() == info["stages_done"].tolist() == [2] * 4
    returns = np.sum(rewards, axis=0)
    assert np.array_equal(returns, 1 - info["step"])  # -1 for each step but the last


def test_frozen_simulations_are_neither_stepped_nor_charged(make_push):
    env = make_push(2, autoreset_mode=AutoresetMode.DISABLED)
    env.reset(seed=0)
    let_first_time_out(env)
    *_, truncated, info = env.step(home(env))
    assert truncated.tolist() == [True, False]
    assert info["failure_mode"].tolist() == ["time_out", "none"]
    before = env.state_hash(0), env.state_hash(1)
    _, reward, terminated, truncated, info = env.step(home(env))
    assert reward.tolist() == [0.0, -1.0]
    assert truncated.tolist() == [True, False]
    assert not terminated.any()
    assert env.state_hash(0) == before[0]
    assert env.state_hash(1) != before[1]
    _, info = env.reset(seed=[9, None], options={"reset_mask": np.array([True, False])})
    assert info["step"].tolist() == [0, 2]
    assert info["seed"].tolist() == [9, 1]
    assert env.step(home(env))[1].tolist() == [-1.0, -1.0]


def test_next_step_autoreset_ignores_the_action_after_the_end(make_push):
    env = make_push(2)
    env.reset(seed=0)
    let_first_time_out(env)
    assert env.step(home(env))[3].tolist() == [True, False]
    _, reward, terminated, truncated, info = env.step(home(env))
    assert reward.tolist() == [0.0, -1.0]
    assert not (terminated | truncated).any()
    assert info["step"].tolist() == [0, 2]
    assert info["failure_mode"][0] == "none"
    fresh = make_push(1)
    fresh.reset(seed=int(info["seed"][0]))
    assert fresh.state_hash(0) == env.state_hash(0)


def test_same_step_autoreset_hands_over_the_final_observation(make_push):
    env, reference = make_push(2, autoreset_mode="SameStep"), make_push(2, autoreset_mode="Disabled")
    for each in (env, reference):
        each.reset(seed=0)
        let_first_time_out(each)
    observation, reward, _, truncated, info = env.step(home(env))
    last = reference.step(home(reference))[0]
    assert truncated.tolist() == [True, False]
    assert reward.tolist() == [-1.0, -1.0]
    assert info["_final_obs"].tolist() == info["_final_info"].tolist() == [True, False]
    assert info["final_obs"][1] is None
    for name, value in info["final_obs"][0].items():
        assert np.array_equal(value, last[name][0])
    assert info["final_info"]["failure_mode"][0] == "time_out"
    assert info["step"].tolist() == [0, 1]
    assert not np.array_equal(observation["environment_state"][0], last["environment_state"][0])
    assert "final_obs" not in env.step(home(env))[4]


def test_the_autoreset_mode_is_in_the_metadata(make_push):
    for mode in AutoresetMode:
        assert make_push(1, autoreset_mode=mode).metadata["autoreset_mode"] is mode


def test_unseeded_resets_follow_the_simulations_own_stream(make_push):
    env = make_push(2)
    env.reset(seed=3)
    seeds = [env.reset()[1]["seed"].tolist() for _ in range(3)]
    assert len({seed for pair in seeds for seed in pair}) == 6
    other = make_push(2)
    other.reset(seed=[100, 4])
    assert other.reset()[1]["seed"][1] == seeds[0][1]


def test_unseeded_environments_differ(make_push):
    first, second = make_push(1).reset()[1]["seed"], make_push(1).reset()[1]["seed"]
    assert first != second


@pytest.mark.parametrize("actions", [np.zeros((2, 13)), np.zeros(14), np.zeros((3, 14))])
def test_actions_of_the_wrong_shape_are_refused(make_push, actions):
    env = make_push(2)
    env.reset(seed=0)
    with pytest.raises(ActionError, match=r"\(2, 14\)"):
        env.step(actions)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_actions_that_are_not_finite_are_refused_and_located(make_push, value):
    env = make_push(2)
    env.reset(seed=0)
    actions = home(env)
    actions[1, 4] = value
    before = env.state_hash(0)
    with pytest.raises(ActionError, match="simulation 1, entry 4"):
        env.step(actions)
    assert env.state_hash(0) == before


def test_actions_out_of_bounds_act_like_the_bound(make_push):
    env, reference = make_push(2), make_push(2)
    env.reset(seed=0)
    reference.reset(seed=0)
    env.step(np.full((2, 14), 1e6))
    reference.step(np.repeat(reference.single_action_space.high[None], 2, axis=0))
    assert env.state_hash(1) == reference.state_hash(1)


def test_a_step_before_the_first_reset_is_refused(make_push):
    env = make_push(2)
    with pytest.raises(ResetNeeded):
        env.step(home(env))
    env.reset(options={"reset_mask": np.array([True, False])})
    with pytest.raises(ResetNeeded):
        env.step(home(env))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"seed": [1]}, "one for each of 2"),
        ({"seed": -1}, "Seeds must lie"),
        ({"options": {"mask": 1}}, "Known: reset_mask"),
        ({"options": {"reset_mask": np.array([1, 0])}}, "bool array"),
        ({"options": {"reset_mask": np.array([False, False])}}, "at least one True"),
    ],
)
def test_reset_arguments_that_cannot_be_used_are_refused(make_push, arguments, message):
    with pytest.raises(ConfigurationError, match=message):
        make_push(2).reset(**arguments)


@pytest.mark.parametrize(
    "options",
    [{"obs_mode": "depth"}, {"randomization": "some"}, {"render_mode": "human"}],
)
def test_unknown_option_values_are_answered_with_the_known_ones(make_push, options):
    with pytest.raises(UnknownNameError, match="Known: "):
        make_push(2, **options)


@pytest.mark.parametrize("options", [{"num_envs": 0}, {"threads": -1}, {"image_size": 0}, {"image_size": (1, 2, 3)}])
def test_impossible_sizes_are_refused(make_push, options):
    with pytest.raises(ConfigurationError):
        make_push(**options)
