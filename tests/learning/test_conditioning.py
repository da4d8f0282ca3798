import numpy as np
import pytest

from recap_bench.data.episode import ACTOR_CORRECTION, ACTOR_POLICY
from recap_bench.data.steps import StepData, from_episodes
from recap_bench.learning.chunk_policy import PolicySpec
from recap_bench.learning.conditioning import indicator_report, indicator_warnings
from recap_bench.learning.config import PolicyConfig
from recap_bench.learning.flow import NEGATIVE, NONE, POSITIVE
from recap_bench.learning.frames import frames_of
from recap_bench.learning.normalisation import measure
from recap_bench.learning.policy_fit import PolicyExamples, PolicyFit, PolicySetup, fit_policy
from recap_bench.learning.tasks import Repertoire, TaskFacts
from tests.learning.tiny import PHRASINGS, TASK, episode

EPISODES = 40
CONFIG = PolicyConfig(width=64, blocks=1, chunk=6, execute=3, batch=64)


def two_ways() -> StepData:
    """Return episodes in the same states, of which every other one moves up and the others move down."""
    episodes = []
    for index in range(EPISODES):
        drawn = episode("p" * 20, success=True, seed=index)
        drawn.environment_state[:] = 0.0
        drawn.agent_pos[:] = 0.0
        drawn.actions[:] = 1.0 if index % 2 else -1.0
        episodes.append(drawn)
    return from_episodes(episodes, ("seed", "seed_again"))


def fit(steps: StepData, indicator: np.ndarray, weight: np.ndarray | None = None) -> tuple[PolicyFit, PolicyExamples]:
    repertoire = Repertoire.of({TASK: TaskFacts(100, PHRASINGS, steps.state_names)})
    frames = frames_of(steps, repertoire, "cpu")
    spec = PolicySpec(CONFIG, repertoire, ("positive", "none", "negative"))
    examples = PolicyExamples(frames, indicator, np.ones(steps.num_steps) if weight is None else weight)
    setup = PolicySetup(spec, measure(frames, CONFIG.chunk), 300, CONFIG.batch, 3e-3, 0, "test")
    return fit_policy(examples, setup, None, lambda *progress: None), examples


@pytest.fixture(scope="module")
def steps() -> StepData:
    return two_ways()


def test_a_policy_that_is_told_what_its_actions_depend_on_heeds_it(steps: StepData) -> None:
    fitted, examples = fit(steps, np.where(steps.episode % 2 == 1, POSITIVE, NEGATIVE))
    report = indicator_report(fitted.policy, examples, steps.actor, seed=0)
    assert report["indicator_gain"] > 0.8
    assert report["indicator_shift"] == pytest.approx(2.0, abs=0.3)  # the two ways, in standard deviations
    low, high = report["indicator_gain_ci95"]
    assert low <= report["indicator_gain"] <= high
    assert indicator_warnings(report) == ()


def test_a_policy_with_random_labels_gains_nothing_from_them(steps: StepData) -> None:
    labels = np.random.default_rng(0).choice([POSITIVE, NEGATIVE], steps.num_steps)
    fitted, examples = fit(steps, labels)
    report = indicator_report(fitted.policy, examples, steps.actor, seed=0)
    assert abs(report["indicator_gain"]) < 0.1
    assert report["indicator_shift"] < 0.5


def test_corrections_that_are_told_from_the_policys_actions_are_no_gain(steps: StepData) -> None:
    corrected = steps.episode % 2 == 1
    actor = np.where(corrected, ACTOR_CORRECTION, ACTOR_POLICY)
    of_everyone, of_policies = [], []
    for draw in range(3):  # one draw's gain may be off by a tenth
        labels = np.random.default_rng(draw).choice([POSITIVE, NEGATIVE], steps.num_steps)
        fitted, examples = fit(steps, np.where(corrected, POSITIVE, labels))
        for gains, actors in ((of_everyone, np.full(steps.num_steps, ACTOR_POLICY)), (of_policies, actor)):
            gains.append(indicator_report(fitted.policy, examples, actors, seed=0)["indicator_gain"])
    assert np.mean(of_everyone) > 0.4
    assert abs(np.mean(of_policies)) < 0.1


def test_a_gain_that_may_be_none_is_warned_of() -> None:
    (message,) = indicator_warnings({"indicator_gain": 0.009, "indicator_gain_ci95": [-0.029, 0.035]})
    assert "does not heed its indicator" in message
    assert "0.9% [-2.9%, 3.5%]" in message
    assert indicator_warnings({}) == ()  # nothing was asked
    assert indicator_warnings({"indicator_gain": 0.1, "indicator_gain_ci95": None}) == ()  # a single episode


@pytest.mark.parametrize("other", [NONE, NEGATIVE])
def test_without_two_indicators_to_compare_there_is_no_report(steps: StepData, other: int) -> None:
    """Dropped steps do not count, nor do those without an indicator."""
    indicator = np.where(steps.episode % 2 == 1, POSITIVE, other)
    fitted, examples = fit(steps, indicator, weight=(indicator != NEGATIVE).astype(float))
    assert indicator_report(fitted.policy, examples, steps.actor, seed=0) == {}
