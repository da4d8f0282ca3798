from dataclasses import replace

import numpy as np
import pytest

from recap_bench.data.episode import ACTOR_CORRECTION
from recap_bench.errors import ConfigurationError, DataError
from recap_bench.learning.config import LabelConfig
from recap_bench.learning.diagnostics import label_report, share_warnings
from recap_bench.learning.labels import (
    before_rescue,
    iteration_labels,
    normalised_returns,
    pretraining_labels,
    reference_steps,
    stalled,
)
from tests.learning.tiny import TASK, episode, standing, steps_of

CONFIG = LabelConfig(look_ahead=3, positive_fraction=0.4)


def random_values(steps, seed=0):
    return np.random.default_rng(seed).uniform(-1, 0, steps.num_steps)


def label(steps, values, iteration=1, config=CONFIG):
    horizon = dict.fromkeys(np.unique(steps.task).tolist(), 100)
    returns = normalised_returns(steps, horizon, config)
    share = dict.fromkeys(horizon, config.positive_fraction)
    return iteration_labels(steps, (values, returns), iteration, share, config)


def mixed_steps(corrections=10):
    demonstrations = [episode("d" * 40, True, seed=i) for i in range(3)]
    old = [episode("p" * 50, False, iteration=1, seed=i) for i in range(3)]
    new = [episode("p" * 30 + "c" * corrections + "p" * 20, i % 2 == 0, iteration=2, seed=i) for i in range(4)]
    return steps_of(*demonstrations, *old, *new)


def test_realised_share_is_that_of_the_iterations_autonomous_steps():
    steps = mixed_steps()
    labels = label(steps, random_values(steps), iteration=2)
    reference = reference_steps(steps, 2)
    assert reference.sum() == 4 * 50
    assert labels.indicator[reference].mean() == pytest.approx(0.4, abs=0.01)


def test_constant_values_still_realise_the_share():
    """All advantages inside an episode tie: the share must hold with ties."""
    steps = mixed_steps()
    labels = label(steps, np.full(steps.num_steps, -0.5), iteration=2)
    assert labels.indicator[reference_steps(steps, 2)].mean() == pytest.approx(0.4, abs=0.01)


def test_corrections_are_positive():
    steps = mixed_steps()
    labels = label(steps, random_values(steps), iteration=2)
    assert labels.indicator[steps.actor == ACTOR_CORRECTION].all()
    assert (labels.forced == (steps.actor == ACTOR_CORRECTION)).all()


def test_the_threshold_does_not_depend_on_the_value_of_correction_frames_or_their_number():
    steps = steps_of(episode("p" * 40, True, iteration=1), episode("c" * 40, True, iteration=1, seed=1))
    values = random_values(steps)
    before = label(steps, values).threshold[TASK]
    more = steps_of(*(episode("p" * 40, True, iteration=1), *(episode("c" * 90, True, 1, 1 + i) for i in range(5))))
    after = label(more, np.concatenate([values[:40], random_values(more, 5)[40:]])).threshold[TASK]
    assert before == after


def test_demonstrations_can_be_forced_positive():
    steps = mixed_steps()
    computed = label(steps, random_values(steps), 2)
    forced = label(steps, random_values(steps), 2, replace(CONFIG, force_demonstrations=True))
    demonstrated = (steps.source == "demonstration")[steps.episode]
    assert not computed.indicator[demonstrated].all()
    assert forced.indicator[demonstrated].all()
    assert (computed.indicator == forced.indicator)[~demonstrated].all()


def test_every_task_has_its_own_threshold():
    good = [episode("p" * 60, True, 1, i, task="Easy-v0") for i in range(3)]
    bad = [episode("p" * 60, False, 1, i, task="Hard-v0") for i in range(3)]
    steps = steps_of(*good, *bad)
    labels = label(steps, np.full(steps.num_steps, -0.4) + 0.01 * random_values(steps))
    for name in ("Easy-v0", "Hard-v0"):
        assert labels.indicator[(steps.task == name)[steps.episode]].mean() == pytest.approx(0.4, abs=0.01)
    assert share_warnings(steps, labels) == []


@pytest.mark.parametrize(("percent", "warned"), [(2, 1), (4, 1), (6, 0), (94, 0), (96, 1), (98, 1)])
def test_an_indicator_that_encodes_the_task_is_warned_about(percent, warned):
    steps = steps_of(*(episode("p" * 50, True, 1, i) for i in range(4)))
    labels = label(steps, random_values(steps), config=replace(CONFIG, positive_fraction=percent / 100))
    warnings = share_warnings(steps, labels)
    assert len(warnings) == warned
    assert all("encodes the task" in message for message in warnings)


def test_pretraining_labels_thirty_percent_of_the_demonstrations_with_monte_carlo_advantage():
    steps = steps_of(*(episode("d" * 50, i % 2 == 0, seed=i) for i in range(4)))
    returns = normalised_returns(steps, {TASK: 100}, CONFIG)
    labels = pretraining_labels(steps, random_values(steps), returns, CONFIG)
    assert labels.indicator.mean() == pytest.approx(0.3, abs=0.01)
    np.testing.assert_allclose(labels.advantage, returns - labels.values)


def test_an_iteration_without_autonomous_steps_is_refused():
    steps = steps_of(episode("dd", True))
    with pytest.raises(DataError, match="no autonomous step"):
        label(steps, random_values(steps))


def test_a_task_without_horizon_is_refused():
    with pytest.raises(ConfigurationError, match="No horizon for task"):
        normalised_returns(steps_of(episode("dd", True)), {}, CONFIG)


def test_report_gives_the_realised_shares_by_source_and_outcome(tmp_path):
    steps = mixed_steps()
    labels = label(steps, random_values(steps), iteration=2)
    report = label_report(steps, labels, reference_steps(steps, 2))
    assert report["positive_share_reference"] == pytest.approx(0.4, abs=0.01)
    assert report["positive_share_by"]["rollout/success/correction"] == 1.0
    assert set(report["positive_share_by"]) > {"demonstration/success", "rollout/failure"}
    labels.save(tmp_path / "labels.npz", np.full(steps.num_steps, -4.0))
    saved = np.load(tmp_path / "labels.npz")
    assert (saved["indicator"] == labels.indicator).all()
    assert saved["tasks"].tolist() == [TASK]


@pytest.mark.parametrize(("error", "expected"), [(0.0, 1.0), (0.05, 0.5), (10.0, 0.0)])
def test_the_share_of_the_advantage_that_comes_about_is_found(error, expected):
    """V knows a random walk that leads to the return, with errors of its own; of equal variance they leave a half."""
    draw = np.random.default_rng(0)
    steps = steps_of(*(episode("p" * 10, True, 1, seed=seed) for seed in range(1500)))
    walk = draw.normal(0.0, 0.05 * np.sqrt(2 / 3), (1500, 10)).cumsum(axis=1)
    returns = np.repeat(walk[:, -1], 10)
    labels = label(steps, (walk + draw.normal(0.0, error, walk.shape)).ravel())
    surprise = returns - labels.values
    ahead = np.minimum(steps.t + CONFIG.look_ahead, 9) - steps.t
    here = np.arange(steps.num_steps)
    advantage = np.where(ahead == CONFIG.look_ahead, labels.values[here + ahead] - labels.values, surprise)
    report = label_report(steps, replace(labels, returns=returns, advantage=advantage), np.ones(len(here), bool))
    assert report["advantage_signal"] == pytest.approx(expected, abs=0.05)
    low, high = report["advantage_signal_ci95"]
    assert low < report["advantage_signal"] < high


def test_with_the_advantage_to_the_end_nothing_tells_signal_from_noise():
    steps = mixed_steps()
    returns = normalised_returns(steps, {TASK: 100}, CONFIG)
    labels = pretraining_labels(steps, random_values(steps), returns, CONFIG)
    assert label_report(steps, labels, np.ones(steps.num_steps, bool))["advantage_signal"] is None


def test_what_precedes_a_rescue_can_count_as_a_failure_of_its_own():
    """Three steps, then one correction that succeeds: horizon and penalty are 100 steps each."""
    steps = steps_of(episode("pppcp", True, 1), episode("pp", True, 1, seed=1))
    assert before_rescue(steps).tolist() == [True] * 3 + [False] * 4
    as_failure = replace(CONFIG, before_rescue="failure")
    returns = normalised_returns(steps, {TASK: 100}, as_failure)
    np.testing.assert_allclose(returns * -200, [102, 101, 100, 1, 0, 1, 0])
    np.testing.assert_allclose(normalised_returns(steps, {TASK: 100}, CONFIG) * -200, [4, 3, 2, 1, 0, 1, 0])
    values = np.full(7, -0.1)
    labels = label(steps, values, config=replace(as_failure, positive_fraction=0.5))
    # The window of the failed part ends with it: nothing is bootstrapped from the operator's part.
    np.testing.assert_allclose(labels.advantage[:3], returns[:3] + 0.1)


def test_steps_of_policies_get_nowhere_though_their_hands_flutter():
    """Hands are in one place from step 2 to step 6: two steps later those of steps 2 to 4 still are."""
    actors = ("p" * 10, "d" * 10, "ppppppcccc", "p" * 7)
    steps = steps_of(*(standing(episode(letters, True, 1), 2, 6) for letters in actors))
    of_policy = [False] * 2 + [True] * 3 + [False] * 5
    taken_over = [False] * 2 + [True] * 2 + [False] * 6
    assert stalled(steps, 2).tolist() == of_policy + [False] * 10 + taken_over + of_policy[:7]


@pytest.mark.parametrize(("flutter", "expected"), [(0.04, True), (0.06, False)])
def test_who_ends_further_away_than_a_hand_flutters_gets_somewhere(flutter, expected):
    steps = steps_of(standing(episode("p" * 10, True, 1), 2, 6, flutter))
    assert stalled(steps, 3)[2] == expected


def test_the_window_before_a_rescue_bootstraps_with_the_operators_first_value():
    steps = steps_of(episode("pppcp", True, 1))
    values = np.array([-0.5, -0.5, -0.5, -0.2, -0.1])
    labels = label(steps, values, config=replace(CONFIG, positive_fraction=0.5))
    np.testing.assert_allclose(labels.advantage[:3], 0.3 - np.array([3, 2, 1]) / 200)
