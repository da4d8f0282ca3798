import numpy as np
import pytest
from gymnasium.vector import AutoresetMode

from recap_bench.data.episode import ACTOR_CORRECTION, ACTOR_DEMONSTRATOR, ACTOR_POLICY, DIVERGED, Episode
from recap_bench.envs import task as task_facts
from recap_bench.errors import ConfigurationError
from recap_bench.loop.intervention import NO_PROGRESS, GateConfig
from recap_bench.loop.pilots import Controllers
from recap_bench.loop.recorder import Origin
from recap_bench.loop.replay import replay
from recap_bench.loop.rollout import collect
from tests.toy_env import SPEC, SteadyPolicy, ToyVectorEnv

GATE = GateConfig(no_progress_s=0.4, reaction_delay_s=0.04, false_alarm_rate_hz=0.5, miss_probability=0.3)
MIX = {"skilled": 0.3, "average": 0.3, "hurried": 0.2, "novice": 0.2}


def roll(controllers: Controllers, seeds=range(12), num_envs=4, run_seed=0, **env_options) -> dict[int, Episode]:
    source = "demonstration" if controllers.profiles else "rollout"
    env = ToyVectorEnv(num_envs, **env_options)
    return {episode.seed: episode for episode in collect(env, controllers, seeds, Origin(run_seed, source, 1))}


def assert_same(a: dict[int, Episode], b: dict[int, Episode]) -> None:
    assert a.keys() == b.keys()
    for seed, episode in a.items():
        for name, value in vars(episode).items():
            np.testing.assert_array_equal(value, getattr(b[seed], name), err_msg=f"{name} of seed {seed}")


CONTROLLERS = {
    "policy": Controllers(SteadyPolicy()),
    "operators": Controllers(profiles=MIX),
    "corrected": Controllers(SteadyPolicy(reach=0.5), gate=GATE),
}


@pytest.mark.parametrize("name", CONTROLLERS)
def test_episodes_do_not_depend_on_slots_order_or_number_of_simulations(name):
    expected = roll(CONTROLLERS[name])
    assert len(expected) == 12
    assert_same(expected, roll(CONTROLLERS[name], num_envs=1))
    assert_same(expected, roll(CONTROLLERS[name], num_envs=20))
    assert_same(expected, roll(CONTROLLERS[name], seeds=range(11, -1, -1), num_envs=5))


def test_one_environment_serves_several_collections():
    env, origin = ToyVectorEnv(6), Origin(0, "rollout", 1)
    abandoned = collect(env, CONTROLLERS["policy"], range(10), origin)
    next(abandoned)
    abandoned.close()
    again = {episode.seed: episode for episode in collect(env, CONTROLLERS["policy"], range(3), origin)}
    assert_same({seed: episode for seed, episode in roll(CONTROLLERS["policy"]).items() if seed < 3}, again)


def test_the_run_seed_changes_the_noise_but_not_the_start():
    one, other = roll(CONTROLLERS["policy"]), roll(CONTROLLERS["policy"], run_seed=1)
    assert not np.array_equal(one[0].actions[:5], other[0].actions[:5])
    np.testing.assert_array_equal(one[0].environment_state[0], other[0].environment_state[0])


def test_episodes_stream_out_and_slots_are_refilled():
    env = ToyVectorEnv(4)
    episodes = collect(env, CONTROLLERS["policy"], range(40), Origin(0, "rollout", 1))
    first = next(episodes)
    assert env.steps_taken == first.length
    lengths = [first.length, *(episode.length for episode in episodes)]
    assert env.steps_taken < sum(lengths) / 4 + max(lengths)


def test_inference_is_batched_over_the_slots_that_need_a_chunk():
    policy = SteadyPolicy()
    episodes = roll(Controllers(policy), seeds=range(8), num_envs=8)
    chunks = max(-(-episode.length // policy.execute_steps) for episode in episodes.values())
    assert policy.batch_sizes == [8] * chunks


class PolicyThatRoundsByBatch(SteadyPolicy):
    """Stands for matrix products, whose last bits depend on the size of the batch."""

    def act(self, observation, instructions, rngs):
        return super().act(observation, instructions, rngs) + np.float32(1e-3 * len(rngs))


@pytest.mark.parametrize("gate", [None, GateConfig(no_progress_s=0.4, reaction_delay_s=0.1)])
def test_an_episode_does_not_depend_on_how_many_run_beside_it(gate):
    controllers = Controllers(PolicyThatRoundsByBatch(reach=0.9), gate=gate)
    everything = roll(controllers, seeds=range(7), num_envs=4)
    assert_same({6: everything[6]}, roll(controllers, seeds=[6], num_envs=4))


def test_an_autonomous_episode_records_what_the_policy_did():
    episode = roll(CONTROLLERS["policy"])[0]
    assert episode.success
    assert episode.unassisted_success
    assert (episode.actor == ACTOR_POLICY).all()
    assert not episode.reason.any()
    np.testing.assert_array_equal(episode.proposals, episode.actions)
    assert episode.profile == ""
    assert episode.stages_done[-1] == 2
    assert episode.stage_times_s[1] == pytest.approx(episode.length / 50)
    assert episode.stage_times_s[0] < episode.stage_times_s[1]
    np.testing.assert_allclose(episode.agent_pos[0], 0)


def test_a_demonstration_records_its_operator_and_no_proposal():
    episodes = roll(CONTROLLERS["operators"], seeds=range(60))
    assert {episode.profile for episode in episodes.values()} == set(MIX)
    for episode in episodes.values():
        assert (episode.actor == ACTOR_DEMONSTRATOR).all()
        assert np.isnan(episode.proposals).all()
        assert episode.unassisted_success == episode.success


def test_a_correction_records_actor_reason_and_proposal():
    controllers = Controllers(
        SteadyPolicy(reach=0.5, noise=0.0),
        gate=GateConfig(no_progress_s=0.4, reaction_delay_s=0.1, false_alarm_rate_hz=0.0, miss_probability=0.0),
    )
    for episode in roll(controllers).values():
        corrected = episode.actor == ACTOR_CORRECTION
        assert corrected.any()
        assert not corrected[0]
        assert episode.success
        assert episode.assisted
        assert not episode.unassisted_success
        assert episode.profile == "skilled"
        np.testing.assert_array_equal(episode.reason, np.where(corrected, NO_PROGRESS, 0))
        assert np.isfinite(episode.proposals).all()
        np.testing.assert_array_equal(episode.actions[~corrected], episode.proposals[~corrected])
        assert (episode.actions[corrected] != episode.proposals[corrected]).any(axis=1).all()


def test_the_policy_starts_a_fresh_chunk_after_a_correction():
    controllers = Controllers(
        SteadyPolicy(reach=0.5, noise=0.0),
        gate=GateConfig(no_progress_s=0.4, reaction_delay_s=0.1, false_alarm_rate_hz=0.0, miss_probability=0.0),
    )
    for episode in roll(controllers).values():
        returned = np.flatnonzero(np.diff((episode.actor == ACTOR_CORRECTION).astype(int)) == -1) + 1
        assert len(returned)
        for t in returned:  # the first action of a chunk is one step away from where the joint is
            target = episode.agent_pos[t, 0] - 0.05
            assert episode.actions[t, 0] == pytest.approx(target, abs=1e-6)


def test_a_diverged_episode_is_yielded_as_such():
    episodes = roll(CONTROLLERS["policy"], diverging=[3])
    assert episodes[3].failure_mode == DIVERGED == task_facts.DIVERGED
    assert episodes[3].length == 10
    assert not episodes[3].success


def test_a_time_out_is_truncated_and_a_fall_is_not():
    late = roll(Controllers(SteadyPolicy(reach=0.3)))[0]
    assert (late.truncated, late.failure_mode, late.length) == (True, "time_out", SPEC.max_episode_steps)
    assert np.isnan(late.stage_times_s).all()
    fallen = roll(Controllers(SteadyPolicy(reach=9.0, noise=0.0)), seeds=[1])[1]
    assert fallen.success or (fallen.truncated, fallen.failure_mode) == (False, "fell")


def test_unusable_combinations_are_refused():
    with pytest.raises(ConfigurationError, match="either a policy or operator profiles"):
        Controllers()
    with pytest.raises(ConfigurationError, match="needs a policy to correct"):
        Controllers(profiles=MIX, gate=GATE)
    env = ToyVectorEnv(2)
    env.metadata["autoreset_mode"] = AutoresetMode.NEXT_STEP
    with pytest.raises(ConfigurationError, match=r"AutoresetMode\.DISABLED"):
        next(collect(env, CONTROLLERS["policy"], [0], Origin(0, "rollout", 1)))


def test_a_stored_episode_replays_exactly_and_a_changed_one_names_its_first_difference():
    episode = roll(CONTROLLERS["corrected"])[2]
    assert replay(ToyVectorEnv(1), episode).exact
    episode.actions[4, 0] += 0.01
    result = replay(ToyVectorEnv(1), episode)
    assert not result.exact
    assert (result.first_difference, result.differing) == (5, "agent_pos")
    assert 0 < result.largest_difference < 0.02
    with pytest.raises(ConfigurationError, match="one simulation of Espresso-v0"):
        replay(ToyVectorEnv(2), episode)
