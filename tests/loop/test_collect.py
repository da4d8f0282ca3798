import pytest

from recap_bench.data.store import Store
from recap_bench.loop.collect import Assignment, collect_into, interventions, store_header
from recap_bench.loop.intervention import GateConfig
from recap_bench.loop.pilots import Controllers
from recap_bench.loop.recorder import Origin
from tests.learning.tiny import episode, steps_of
from tests.toy_env import SPEC, SteadyPolicy, ToyVectorEnv

GATE = GateConfig(no_progress_s=0.4, reaction_delay_s=0.0, miss_probability=0.0, false_alarm_rate_hz=0.0)


@pytest.fixture
def store(tmp_path) -> Store:
    return Store.open(tmp_path, store_header(SPEC))


def assignment(count: int) -> Assignment:
    return Assignment("watched", range(count), Origin(0, "rollout", 1), shard_episodes=4)


def test_a_collection_is_summarised_from_the_store(store):
    summary = collect_into(store, ToyVectorEnv(3), Controllers(SteadyPolicy(0.5), gate=GATE), assignment(10))
    assert (summary.episodes, summary.successes, summary.assisted) == (10, 10, 10)
    assert summary.steps == store.load().num_steps
    assert summary.correction_s > 0
    assert summary.rescued == 10
    assert summary.interventions >= 10
    assert [len(list((store.path / "watched").iterdir()))] == [3]


def test_a_run_of_corrected_steps_within_an_episode_is_one_intervention():
    steps = steps_of(episode("ppccpccc", True), episode("ccpc", False), episode("pppp", True))
    assert interventions(steps) == 4


def test_only_missing_episodes_are_flown(store):
    env = ToyVectorEnv(3)
    controllers = Controllers(SteadyPolicy())
    collect_into(store, env, controllers, assignment(5))
    taken = env.steps_taken
    summary = collect_into(store, env, controllers, assignment(5))
    assert env.steps_taken == taken
    assert summary.episodes == 5


def test_what_a_killed_collection_spent_counts_against_the_budget(store):
    controllers = Controllers(SteadyPolicy(0.5), {}, GATE, correction_budget_s=0.3)
    first = collect_into(store, ToyVectorEnv(1), controllers, assignment(4))
    assert first.correction_s == pytest.approx(0.3)
    resumed = collect_into(store, ToyVectorEnv(1), controllers, assignment(12))
    assert resumed.correction_s == pytest.approx(0.3)
    assert resumed.failure_modes["time_out"] > 0
