"""Episodes flown by several processes."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from recap_bench.errors import ConfigurationError, WorkerError
from recap_bench.loop.iterate import run
from recap_bench.loop.pilots import Controllers
from recap_bench.loop.recorder import Origin
from recap_bench.loop.rollout import collect
from recap_bench.loop.workers import Fleet, Workers, fly
from tests.loop.test_rollout import CONTROLLERS, assert_same
from tests.loop.toy_method import TOY_PARTS, toy_config
from tests.toy_env import SPEC, SteadyPolicy, ToyVectorEnv

ORIGIN = Origin(0, "rollout", 1)


class CountingPolicy(SteadyPolicy):
    """Complains about any other number of rows than `rows`."""

    rows = 0

    def act(self, observation, instructions, rngs):
        assert len(rngs) == self.rows, f"{len(rngs)} rows instead of {self.rows}"
        return super().act(observation, instructions, rngs)


class SlowPolicy(SteadyPolicy):
    """Says that it thinks, and takes its time."""

    def act(self, observation, instructions, rngs):
        print("thinking", flush=True)
        time.sleep(600)
        return super().act(observation, instructions, rngs)


def fly_slowly():
    list(fly(fleet(Workers(1, threads=1)), Controllers(SlowPolicy()), range(2), ORIGIN))


@pytest.fixture(scope="module")
def workers():
    crew = Workers(2, threads=1)
    yield crew
    crew.close()


def fleet(workers, num_envs=2, rows=4):
    return Fleet(workers, partial(ToyVectorEnv, num_envs), SPEC, rows)


def by_seed(episodes):
    return {episode.seed: episode for episode in episodes}


@pytest.mark.parametrize("name", CONTROLLERS)
def test_workers_fly_the_episodes_that_one_process_flies(workers, name):
    expected = by_seed(collect(ToyVectorEnv(4), CONTROLLERS[name], range(9), ORIGIN))
    for seeds in (range(9), range(8, -1, -1)):
        assert_same(expected, by_seed(fly(fleet(workers), CONTROLLERS[name], seeds, ORIGIN)))


def test_fewer_seeds_than_workers_and_none_at_all(workers):
    assert [episode.seed for episode in fly(fleet(workers), CONTROLLERS["policy"], [7], ORIGIN)] == [7]
    assert not list(fly(fleet(workers), CONTROLLERS["policy"], [], ORIGIN))


def test_a_policy_sees_as_many_rows_as_in_one_process(workers):
    policy = CountingPolicy()
    policy.rows = 6
    assert len(list(fly(fleet(workers, rows=6), Controllers(policy), range(5), ORIGIN))) == 5


def test_what_goes_wrong_in_a_worker_is_said_and_ends_all_of_them():
    crew = Workers(2, threads=1)
    policy = CountingPolicy()
    policy.rows = 99
    with pytest.raises(WorkerError, match="4 rows instead of 99"):
        list(fly(fleet(crew), Controllers(policy), range(5), ORIGIN))
    assert not crew.pids()


def test_a_killed_worker_is_noticed():
    crew = Workers(2, threads=1)
    episodes = fly(fleet(crew), CONTROLLERS["policy"], range(400), ORIGIN)
    next(episodes)
    os.kill(crew.pids()[0], signal.SIGKILL)
    with pytest.raises(WorkerError, match="died"):
        list(episodes)
    with pytest.raises(WorkerError, match=r"ended.*Start new ones"):
        list(fly(fleet(crew), CONTROLLERS["policy"], range(4), ORIGIN))


def test_workers_end_at_once_with_a_parent_that_is_killed():
    command = [sys.executable, "-c", "from tests.loop.test_workers import fly_slowly; fly_slowly()"]
    parent = subprocess.Popen(command, cwd=Path(__file__).parents[2], stdout=subprocess.PIPE, text=True)
    assert parent.stdout.readline() == "thinking\n"
    parent.kill()
    parent.communicate(timeout=60)  # its output ends when nobody is left who could write to it


def test_a_run_with_workers_has_the_rows_of_a_run_without(tmp_path):
    alone, together = (toy_config(tmp_path / name / "run", workers=count) for name, count in (("a", 1), ("b", 3)))
    for config in (alone, together):
        run(config, parts=TOY_PARTS)
    assert (alone.out / "rows.csv").read_text() == (together.out / "rows.csv").read_text()


def test_a_correction_budget_is_kept_by_one_process(tmp_path):
    alone, together = (
        toy_config(tmp_path / name / "run", workers=count, correction_budget_s=2.0)
        for name, count in (("a", 1), ("b", 2))
    )
    for config in (alone, together):
        run(config, parts=TOY_PARTS)
    assert (alone.out / "rows.csv").read_text() == (together.out / "rows.csv").read_text()


def test_no_workers_at_all_are_refused(tmp_path):
    with pytest.raises(ConfigurationError, match=r"workers=0 \(must be >= 1\)"):
        replace(toy_config(tmp_path), workers=0)
