import numpy as np
import pytest
import torch

from recap_bench.errors import ConfigurationError, DataError
from recap_bench.learning.diagnostics import mean_values, rank_correlations, value_report
from recap_bench.learning.recap import Recap
from recap_bench.learning.splits import folds, holdout
from recap_bench.learning.stages import Fitting, pretrain
from recap_bench.learning.value import (
    ValueFunction,
    constant_log_likelihood,
    expectation,
    support,
    two_hot,
    two_hot_cross_entropy,
)
from recap_bench.learning.value_fit import fit_value
from tests.learning.tiny import TINY, context, episode, steps_of, with_labels, with_value
from tests.learning.toy_task import demonstrations


def two_hot_target(returns, bins):
    below, above, weight = two_hot(torch.tensor(returns, dtype=torch.float64), bins)
    target = torch.zeros(len(returns), bins)
    rows = torch.arange(len(returns))
    target[rows, below] += 1 - weight
    target[rows, above] += weight
    return target


def test_two_hot_target_splits_a_return_between_its_neighbours():
    np.testing.assert_allclose(
        two_hot_target([-1.0, -0.875, -0.5, 0.0], 5),
        [[1, 0, 0, 0, 0], [0.5, 0.5, 0, 0, 0], [0, 0, 1, 0, 0], [0, 0, 0, 0, 1]],
    )


def test_the_mean_of_a_two_hot_target_is_the_return():
    returns = np.random.default_rng(0).uniform(-1, 0, 100)
    np.testing.assert_allclose(two_hot_target(returns, 201) @ support(201), returns, atol=1e-6)


def test_cross_entropy_is_that_of_the_two_hot_target():
    logits, returns = torch.randn(6, 5, generator=torch.Generator().manual_seed(0)), np.linspace(-1, 0, 6)
    expected = -(two_hot_target(returns, 5) * logits.log_softmax(1)).sum(1)
    torch.testing.assert_close(two_hot_cross_entropy(logits, torch.from_numpy(returns)), expected)


def test_expectation_reads_the_mean_of_the_distribution():
    torch.testing.assert_close(expectation(torch.zeros(2, 5)), torch.full((2,), -0.5))


def test_constant_log_likelihood_is_the_entropy_of_a_matching_histogram():
    returns = torch.tensor([-1.0, 0.0], dtype=torch.float64).repeat(1000)
    assert constant_log_likelihood(returns, returns, 3).mean() == pytest.approx(-np.log(2), abs=1e-3)


def test_episodes_with_one_start_state_share_a_fold_and_keep_it_as_episodes_are_added():
    seeds = np.array([3, 9, 3, 12, 9])
    fold = folds(seeds, 5, salt=1)
    assert fold[0] == fold[2]
    assert fold[1] == fold[4]
    assert (folds(np.append(seeds, np.arange(100, 200)), 5, salt=1)[:5] == fold).all()


def test_folds_are_about_even_and_differ_between_runs():
    counts = np.bincount(folds(np.arange(1000), 5, salt=1))
    assert counts.min() > 150
    assert (folds(np.arange(1000), 5, salt=1) != folds(np.arange(1000), 5, salt=2)).any()


def test_holdout_takes_whole_start_states_and_never_all_of_them():
    seeds = np.repeat(np.arange(1000), 3)
    chosen = holdout(seeds, 0.2, salt=0).reshape(1000, 3)
    assert chosen.all(axis=1).sum() == pytest.approx(200, abs=40)
    assert (chosen.all(axis=1) == chosen.any(axis=1)).all()
    assert holdout(np.array([1, 2]), 0.99, salt=0).sum() == 1
    assert holdout(np.array([1, 2]), 1e-9, salt=0).sum() == 1


@pytest.mark.parametrize("fraction", [0.01, 0.15])
def test_what_was_fitted_once_is_never_held_out_as_episodes_are_added(fraction):
    seeds = np.random.default_rng(0).integers(1 << 48, size=300)
    before = np.zeros(0, bool)
    for count in range(5, 300, 5):
        held_out = holdout(seeds[:count], fraction, salt=3)
        assert not (held_out[: len(before)] & ~before).any(), count
        before = held_out


def value_fit(steps, tmp_path, config=TINY, start=None):
    from recap_bench.learning.normalisation import measure

    fitting = Fitting(context(steps, tmp_path, config=config))
    setup = fitting._value_setup(measure(fitting.frames, config.policy.chunk))
    return fit_value(fitting._value_examples, setup, start, lambda *progress: None), fitting


def marked_episodes(count=24):
    """Episodes whose observation is an identity and whose return is a coin toss: there is nothing to learn."""
    rng = np.random.default_rng(0)
    return steps_of(*(episode("d" * 40, bool(rng.integers(2)), seed=i) for i in range(count)))


def test_value_function_beats_a_constant_on_held_out_episodes(tmp_path):
    fit, fitting = value_fit(demonstrations(60), tmp_path)
    assert fit.log_likelihood.mean() > fit.constant_log_likelihood.mean() + 0.2
    assert fit.judged.all()
    steps = fitting.context.steps
    assert value_report(steps, fit, fitting.returns)["separation"] > 0.8
    assert np.corrcoef(fit.values, fitting.returns)[0, 1] > 0.3


def test_memorisable_episodes_are_labelled_by_a_network_that_has_not_seen_them(tmp_path):
    config = with_value(TINY, steps=300, folds=3, dropout=0.0, patience=100)
    fit, fitting = value_fit(marked_episodes(), tmp_path, config)
    outcome = fitting.context.steps.success[fitting.context.steps.episode]
    assert abs(np.corrcoef(fit.values, outcome)[0, 1]) < 0.6


def test_one_fold_is_a_single_network_judged_on_its_held_out_episodes(tmp_path):
    fit, fitting = value_fit(demonstrations(20), tmp_path, with_value(TINY, folds=1))
    assert len(fit.function.members) == 1
    held_out = fit.judged[fitting.context.steps.start]
    assert 0 < held_out.sum() < 20


def test_value_checkpoint_predicts_the_same(tmp_path):
    fit, fitting = value_fit(demonstrations(12), tmp_path)
    fit.function.save(tmp_path / "value")
    loaded = ValueFunction.load(tmp_path / "value")
    fold = torch.from_numpy(folds(fitting.context.steps.seed, 2, 0)[fitting.context.steps.episode])
    asked = fitting.frames, torch.from_numpy(fitting.returns), fold
    np.testing.assert_array_equal(loaded.predict(*asked), fit.function.predict(*asked))


def test_two_fits_with_one_seed_give_the_same_values(tmp_path):
    steps = demonstrations(12)
    torch.manual_seed(1)
    first, _ = value_fit(steps, tmp_path)
    torch.manual_seed(2)
    second, _ = value_fit(steps, tmp_path)
    np.testing.assert_array_equal(first.values, second.values)


def test_too_few_start_states_are_refused(tmp_path):
    with pytest.raises(DataError, match="start states"):
        value_fit(steps_of(episode("d" * 30, True)), tmp_path)


def test_a_value_function_that_knows_nothing_is_reported_or_refused(tmp_path):
    steps = marked_episodes()
    ignorant = with_value(TINY, steps=1, check_every=1)
    path = pretrain(context(steps, tmp_path / "a", config=ignorant))
    assert "knows nothing" in (path / "diagnostics.json").read_text()
    with pytest.raises(DataError, match="knows nothing"):
        pretrain(context(steps, tmp_path / "b", config=with_value(ignorant, strict=True)))


def test_another_penalty_than_that_of_the_pretraining_is_refused(tmp_path):
    steps = demonstrations(12)
    pretrained = pretrain(context(steps, tmp_path / "pre"))
    rollouts = demonstrations(4, seed=1)
    changed = with_labels(TINY, penalty_factor=2.0)
    with pytest.raises(ConfigurationError, match=r"penalty_factor = 1\.0, not 2\.0"):
        Recap().fit(context(rollouts, tmp_path / "fit", 1, pretrained, changed))


def test_rank_correlation_is_measured_within_episodes():
    steps = steps_of(episode("ppp", True), episode("ppp", True))
    returns = np.array([-0.3, -0.2, -0.1, -0.9, -0.8, -0.7])
    assert rank_correlations(steps, np.array([1.0, 2, 3, 3, 2, 1]), returns) == pytest.approx([1.0, -1.0])
    assert rank_correlations(steps, np.array([1.0, 2, 3, -3, -2, -1]), returns) == pytest.approx([1.0, 1.0])
    assert len(rank_correlations(steps, np.zeros(6), returns)) == 0


def test_episodes_of_one_outcome_have_no_separation(tmp_path):
    fit, fitting = value_fit(steps_of(*(episode("d" * 10, True, seed=i) for i in range(20))), tmp_path)
    report = value_report(fitting.context.steps, fit, fitting.returns)
    assert report["separation"] is None
    assert report["separation_ci95"] is None


def test_mean_values_are_those_of_each_episode():
    steps = steps_of(episode("pp", True), episode("ppp", False))
    np.testing.assert_allclose(mean_values(steps, np.array([-0.2, -0.4, -0.1, -0.2, -0.3])), [-0.3, -0.2])
