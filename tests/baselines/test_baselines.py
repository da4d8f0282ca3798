from dataclasses import replace

import numpy as np
import pytest

from recap_bench.baselines.awr import MOST, weights
from recap_bench.errors import ConfigurationError
from recap_bench.learning import load_policy
from recap_bench.learning.flow import NEGATIVE, POSITIVE
from recap_bench.learning.labels import Labels
from recap_bench.learning.policy_fit import PolicyExamples
from recap_bench.learning.recap import Recap
from recap_bench.method import CONDITIONING, LABELLING, METHODS, make_method
from tests.baselines.conftest import DEMONSTRATIONS
from tests.learning.tiny import context, episode, steps_of

ROLLOUTS = [episode("p" * 30 + "c" * (10 if i > 6 else 0), i % 3 == 0, 1, seed=100 + i) for i in range(10)]
STEPS = steps_of(*DEMONSTRATIONS, *ROLLOUTS)


@pytest.fixture
def examples(monkeypatch):
    """The examples that the policy was last fitted on."""
    import recap_bench.learning.stages as stages

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


@pytest.mark.parametrize("name", [name for name in METHODS if name != "sft"])
def test_methods_read_the_options_that_they_are_said_to(name, pretrained, tmp_path, examples):
    before = context(STEPS, tmp_path / "before", 0, pretrained)
    make_method(name).fit(before)
    given = replace(context(STEPS, tmp_path / "after", 1, pretrained), previous=before.folder)
    make_method(name).fit(given)
    assert (tmp_path / "after/labels.npz").exists() == (name in LABELLING)
    told = set(np.unique(examples[-1].indicator)) == {NEGATIVE, POSITIVE}
    assert told == (name in CONDITIONING)


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
    make_method("random_labels").fit(context(STEPS, tmp_path / "random", 1, pretrained))
    computed, shuffled = (given.indicator for given in examples)
    corrected = STEPS.actor == 2
    assert computed.sum() == shuffled.sum()
    assert shuffled[corrected].all()
    assert abs(np.corrcoef(computed[~corrected], shuffled[~corrected])[0, 1]) < 0.2
    assert (computed != shuffled).any()
    assert (np.load(tmp_path / "random/labels.npz")["indicator"] == shuffled).all()
