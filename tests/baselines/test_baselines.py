import json
from dataclasses import replace

import numpy as np
import pytest

from recap_bench.baselines.awr import MOST, weights
from recap_bench.baselines.random_labels import shuffled
from recap_bench.errors import ConfigurationError
from recap_bench.learning import load_policy, stages
from recap_bench.learning.diagnostics import share_by_group
from recap_bench.learning.flow import NEGATIVE, POSITIVE
from recap_bench.learning.labels import Labels
from recap_bench.learning.policy_fit import PolicyExamples
from recap_bench.learning.recap import Recap
from recap_bench.method import CONDITIONING, CORRECTED, ITERATING, LABELLING, METHODS, READERS, make_method
from recap_bench.overrides import override
from tests.baselines.conftest import DEMONSTRATIONS
from tests.learning.tiny import TINY, context, episode, standing, steps_of, with_value

ROLLOUTS = [episode("p" * 30 + "c" * (10 if i > 6 else 0), i % 3 == 0, 1, seed=100 + i) for i in range(10)]
STEPS = steps_of(*DEMONSTRATIONS, *ROLLOUTS)


@pytest.fixture
def examples(monkeypatch):
    """The examples that the policy was last fitted on."""
    seen: list[PolicyExamples] = []
    fit = stages.fit_policy

    def remember(given, *rest):
        seen.append(given)
        return fit(given, *rest)

    monkeypatch.setattr(stages, "fit_policy", remember)
    return seen


@pytest.mark.parametrize("name", METHODS)
def test_every_method_starts_from_the_same_fit_on_demonstrations(name, pretrained, tmp_path):
    shared = Recap().fit(context(STEPS, tmp_path / "recap", 0, pretrained)).policy
    mine = make_method(name).fit(context(STEPS, tmp_path / "mine", 0, pretrained)).policy
    assert (shared / "weights.safetensors").read_bytes() == (mine / "weights.safetensors").read_bytes()


@pytest.mark.parametrize("name", sorted(ITERATING))
def test_methods_label_and_tell_what_they_are_said_to(name, pretrained, tmp_path, examples):
    before = context(STEPS, tmp_path / "before", 0, pretrained)
    make_method(name).fit(before)
    given = replace(context(STEPS, tmp_path / "after", 1, pretrained), previous=before.folder)
    make_method(name).fit(given)
    assert (tmp_path / "after/labels.npz").exists() == (name in LABELLING)
    told = set(np.unique(examples[-1].indicator)) == {NEGATIVE, POSITIVE}
    assert told == (name in CONDITIONING)


OTHER_VALUES = {
    "labels.look_ahead": 5,
    "labels.positive_fraction": 0.2,
    "labels.force_demonstrations": True,
    "labels.before_rescue": "failure",
    "labels.negatives": "dropped",
    "policy.guidance": 2.0,
    "policy.stall_weight": 0.5,
}
"""Option -> a value that is not its default."""


class _Given(Exception):  # noqa: N818 - it ends a fit, and is no error
    """Ends a fit with what the policy would be fitted on."""


def given_to_fit(name, config, folder, pretrained, monkeypatch):
    """Return the indicator, weight and advantage of every step that the policy is fitted on, and its guidance."""
    uses_corrections = make_method(name).uses_corrections
    rollouts = ROLLOUTS if uses_corrections else [episode("p" * 30, i % 3 == 0, 1, seed=100 + i) for i in range(10)]
    rollouts = [standing(rollout, 10, 20) for rollout in rollouts]
    settings = context(steps_of(*DEMONSTRATIONS, *rollouts), folder, 1, pretrained, config)

    def stop(given, setup, start, report, objective):
        drawn = given.weight > 0
        advantage = getattr(objective, "_advantage", np.zeros(len(drawn)))
        raise _Given(given.indicator[drawn], given.weight, np.asarray(advantage)[drawn], setup.spec.config.guidance)

    monkeypatch.setattr(stages, "fit_policy", stop)
    with pytest.raises(_Given) as found:
        make_method(name).fit(replace(settings, previous=pretrained))
    return found.value.args


@pytest.mark.parametrize("name", sorted(ITERATING))
def test_methods_read_the_options_that_they_are_said_to(name, pretrained, tmp_path, monkeypatch):
    assert set(OTHER_VALUES) == set(READERS)
    quick = with_value(TINY, steps=1, check_every=1)
    usual = given_to_fit(name, quick, tmp_path / "usual", pretrained, monkeypatch)
    for option, readers in READERS.items():
        config = override(quick, [f"{option}={json.dumps(OTHER_VALUES[option])}"])
        assert config != quick
        changed = given_to_fit(name, config, tmp_path / option, pretrained, monkeypatch)
        alike = all(np.array_equal(one, other) for one, other in zip(usual, changed, strict=True))
        assert alike == (name not in readers), option


@pytest.mark.parametrize("name", METHODS)
def test_methods_iterate_and_use_corrections_as_they_are_said_to(name):
    method = make_method(name)
    assert (method.iterates, method.uses_corrections) == (name in ITERATING, name in CORRECTED)


def test_sft_ends_with_iteration_zero(pretrained, tmp_path):
    assert not make_method("sft").iterates
    with pytest.raises(ConfigurationError, match="iteration 0"):
        make_method("sft").fit(context(STEPS, tmp_path, 1, pretrained))


def test_filtered_bc_learns_from_successes_and_corrections_without_indicator(pretrained, tmp_path, examples):
    result = make_method("filtered_bc").fit(context(STEPS, tmp_path, 1, pretrained))
    chosen = examples[-1].weight > 0
    wanted = STEPS.success[STEPS.episode] | (STEPS.actor == 2)
    assert (chosen == wanted).all()
    assert 0 < chosen.sum() < STEPS.num_steps
    policy = load_policy(result.policy)
    assert policy.condition == "none"
    assert result.variants == {}


def test_awr_draws_steps_by_their_advantage_without_indicator(pretrained, tmp_path, examples):
    result = make_method("awr").fit(context(STEPS, tmp_path, 1, pretrained))
    weight, advantage = examples[-1].weight, np.load(tmp_path / "labels.npz")["advantage"]
    corrected = STEPS.actor == 2
    free = advantage[~corrected].astype(float)
    wanted = np.minimum(np.exp((free - free.mean()) / free.std()), 20.0)
    assert weight[~corrected] == pytest.approx(wanted, rel=1e-4)
    positive = np.load(tmp_path / "labels.npz")["indicator"] & ~corrected
    assert weight[corrected] == pytest.approx(weight[positive].mean())
    assert load_policy(result.policy).condition == "none"
    assert result.variants == {}


def test_awr_weights_are_bounded_and_equal_where_advantages_are():
    advantage = np.append(np.zeros(999), 1.0)
    nothing = np.zeros(1000, bool)
    labels = Labels(advantage, advantage, advantage, {}, advantage > 0, nothing)
    weight = weights(labels)
    assert weight[-1] == pytest.approx(MOST)
    assert np.ptp(weight[:-1]) == 0
    alike = replace(labels, advantage=np.full(1000, 0.3))
    assert weights(alike) == pytest.approx(np.ones(1000))


def test_random_labels_keep_the_share_but_not_the_information(pretrained, tmp_path, examples):
    make_method("recap").fit(context(STEPS, tmp_path / "recap", 1, pretrained))
    result = make_method("random_labels").fit(context(STEPS, tmp_path / "random", 1, pretrained))
    computed, told = (given.indicator for given in examples)
    corrected = STEPS.actor == 2
    assert computed.sum() == told.sum()
    assert told[corrected].all()
    assert abs(np.corrcoef(computed[~corrected], told[~corrected])[0, 1]) < 0.2
    assert (computed != told).any()
    saved = np.load(tmp_path / "random/labels.npz")
    assert (saved["indicator"] == told).all()
    # The diagnostics are of what the policy was told, not of what RECAP would have told it.
    share = share_by_group(STEPS, told == POSITIVE)
    assert result.diagnostics["positive_share_by"] == share
    assert share != share_by_group(STEPS, computed == POSITIVE)


def test_random_labels_keep_the_share_of_demonstrations_and_of_each_iterations_rollouts():
    parts = [("d", 0, 0.9), ("p", 1, 0.2), ("p", 2, 0.4)]
    steps = steps_of(*(episode(actor * 40, True, k, seed=10 * k + i) for actor, k, _ in parts for i in range(5)))
    positive = np.concatenate([np.arange(200) < share * 200 for _, _, share in parts])
    forced = np.arange(600) % 10 == 0
    labels = Labels(np.zeros(600), np.zeros(600), np.zeros(600), {}, positive | forced, forced)
    told = shuffled(labels, steps, np.random.default_rng(0)).indicator
    assert told[forced].all()
    for part in np.split(np.arange(600), 3):
        assert told[part].sum() == labels.indicator[part].sum()
        assert (told[part] != labels.indicator[part]).any()


def test_a_method_that_goes_by_another_name_is_refused(monkeypatch):
    monkeypatch.setitem(METHODS, "mine", METHODS["awr"])
    with pytest.raises(ConfigurationError, match=r"AdvantageWeightedRegression 'mine', but its `name` is 'awr'"):
        make_method("mine")
