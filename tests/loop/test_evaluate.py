import json
from dataclasses import replace

import numpy as np
import pytest

from recap_bench.data.episode import ACTOR_CORRECTION
from recap_bench.loop.evaluate import Labels, evaluate, row_of
from recap_bench.loop.pilots import Controllers
from recap_bench.loop.recorder import Origin
from recap_bench.loop.rollout import collect
from recap_bench.policy import IdlePolicy
from tests.toy_env import SteadyPolicy, ToyVectorEnv

FIELDS = ["task", "policy", "episodes", "successes", "success_rate", "success_ci95", "throughput_per_hour",
          "throughput_ci95", "mean_success_time_s", "failure_modes", "stages", "rows"]  # fmt: skip


def test_every_attempt_counts_in_the_throughput():
    env = ToyVectorEnv(3, diverging=[4])
    result = evaluate(env, Controllers(SteadyPolicy()), range(8), Labels("steady"))
    assert list(result.to_dict()) == FIELDS
    assert (result.episodes, result.successes) == (8, 7)
    assert result.failure_modes == {"diverged": 1}
    assert result.throughput_per_hour == pytest.approx(3600 * 7 / sum(row["time_s"] for row in result.rows))
    assert result.success_ci95[0] < 7 / 8 < result.success_ci95[1]
    assert result.stages["touch"] >= result.stages["return"] == 7 / 8
    assert [row["env_seed"] for row in result.rows] == list(range(8))


def test_the_same_seeds_give_the_same_rows_whatever_the_number_of_simulations():
    results = [evaluate(ToyVectorEnv(n), Controllers(SteadyPolicy()), range(6), Labels("steady")) for n in (1, 4)]
    assert results[0] == results[1]


def test_a_failed_evaluation_is_valid_json():
    result = evaluate(ToyVectorEnv(3), Controllers(IdlePolicy()), range(5), Labels("idle"))
    text = json.dumps(result.to_dict(), allow_nan=False)
    assert json.loads(text)["mean_success_time_s"] is None
    assert result.rows[0]["stage_touch_s"] is None
    assert result.stages == {"touch": 0.0, "return": 0.0}


def test_an_operator_can_be_evaluated_and_a_rescue_is_no_success():
    operator = evaluate(ToyVectorEnv(3), Controllers(profiles={"skilled": 1.0}), range(5), Labels("oracle"))
    assert operator.success_rate == 1.0
    assert all(row["oracle_s"] == row["time_s"] and not row["assisted"] for row in operator.rows)


def test_a_corrected_episode_is_no_success_of_the_evaluated_policy():
    (episode,) = collect(ToyVectorEnv(1), Controllers(SteadyPolicy()), [0], Origin(0, "evaluation"))
    corrected = np.full(episode.length, ACTOR_CORRECTION, np.int8)
    rows = [row_of(one, 0, Labels("steady"), ("a", "b")) for one in (episode, replace(episode, actor=corrected))]
    assert [row["success"] for row in rows] == [True, False]


def test_rows_say_where_episodes_start():
    labels = Labels("steady", start="table", randomization="wide")
    result = evaluate(ToyVectorEnv(3), Controllers(SteadyPolicy()), range(2), labels)
    assert [(row["start"], row["randomization"]) for row in result.rows] == [("table", "wide")] * 2


def test_progress_is_reported():
    seen = []
    evaluate(ToyVectorEnv(3), Controllers(SteadyPolicy()), range(5), Labels("steady"), lambda *args: seen.append(args))
    assert [(done, total) for done, total, _ in seen] == [(k, 5) for k in range(1, 6)]
    assert seen[-1][2] == {"success_rate": 1.0}
