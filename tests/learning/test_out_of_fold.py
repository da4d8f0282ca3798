"""Labels come from value networks that have not seen the episode: by which rows they are fitted and asked on."""

import copy
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from recap_bench.data.steps import StepData, concatenate
from recap_bench.learning import value_fit
from recap_bench.learning.config import LearningConfig
from recap_bench.learning.frames import Frames
from recap_bench.learning.normalisation import measure
from recap_bench.learning.splits import folds
from recap_bench.learning.stages import Fitting
from recap_bench.learning.value import ValueFunction
from recap_bench.learning.value_fit import FOLD_SALT, ValueFit, fit_value
from tests.learning.tiny import TINY, context, episode, steps_of, with_value

CONFIG = with_value(TINY, folds=3, steps=1, check_every=1)
DEMONSTRATIONS = steps_of(*(episode("d" * 4, i % 2 == 0, seed=i) for i in range(30)))
ROLLOUTS = steps_of(*(episode("p" * 4, i % 2 == 0, 1, seed=100 + i) for i in range(30)))
EVERYTHING = concatenate([DEMONSTRATIONS, ROLLOUTS])


@dataclass(frozen=True)
class MemberFit:
    """What one network was fitted from and on."""

    weights: dict[str, torch.Tensor]
    fitted: set[int]
    """Environment seeds."""
    checked: set[int]
    """Environment seeds."""


@pytest.fixture
def fits(monkeypatch: pytest.MonkeyPatch) -> list[MemberFit]:
    """Every network's fit, in order; they are fitted as usual."""
    seen: list[MemberFit] = []
    fit_member = value_fit._fit_member

    def remember(network, examples, rows, setup, k):
        fitted, checked = (set(examples.seeds[examples.episode[part]].tolist()) for part in rows)
        seen.append(MemberFit(copy.deepcopy(network.state_dict()), fitted, checked))
        return fit_member(network, examples, rows, setup, k)

    monkeypatch.setattr(value_fit, "_fit_member", remember)
    return seen


def fit(
    steps: StepData,
    folder: Path,
    seed: int = 0,
    start: ValueFunction | None = None,
    config: LearningConfig = CONFIG,
) -> ValueFit:
    fitting = Fitting(replace(context(steps, folder, config=config), seed=seed))
    setup = fitting._value_setup(measure(fitting.frames, config.policy.chunk))
    return fit_value(fitting._value_examples, setup, start, lambda *progress: None)


def fold_of(steps: StepData) -> dict[int, int]:
    """Return the fold of every environment seed."""
    return dict(zip(steps.seed.tolist(), folds(steps.seed, 3, FOLD_SALT).tolist(), strict=True))


def test_no_network_is_fitted_or_stopped_on_the_episodes_that_it_labels(fits, tmp_path):
    fit(EVERYTHING, tmp_path)
    fold, everything = fold_of(EVERYTHING), set(EVERYTHING.seed.tolist())
    assert len(fits) == 3
    for k, member in enumerate(fits):
        assert not member.fitted & member.checked
        assert member.fitted | member.checked == {seed for seed in everything if fold[seed] != k}
        assert member.fitted
        assert member.checked


def test_labels_are_those_of_the_network_that_has_not_seen_the_episode(tmp_path):
    """Networks that say the same whatever they see, each its own."""
    function = fit(EVERYTHING, tmp_path).function
    fitting = Fitting(context(EVERYTHING, tmp_path, config=CONFIG))
    constants = [-0.25, -0.5, -0.75]
    members = tuple(_Constant(value, function.spec.bins) for value in constants)
    told = replace(function, members=members)
    fold = folds(EVERYTHING.seed, 3, FOLD_SALT)[EVERYTHING.episode]
    values, _ = told.predict(fitting.frames, torch.from_numpy(fitting.returns), torch.from_numpy(fold))
    np.testing.assert_allclose(values, np.array(constants)[fold], atol=1e-6)


class _Constant(torch.nn.Module):
    """A value network that is sure of one value."""

    def __init__(self, value: float, bins: int) -> None:
        super().__init__()
        self.logits = torch.full((bins,), -1e4)
        self.logits[round((value + 1) * (bins - 1))] = 0.0

    def forward(self, observation: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
        return self.logits.expand(len(observation), -1)


def test_a_fit_labels_every_step_by_the_fold_of_its_episode(tmp_path, monkeypatch):
    asked: list[np.ndarray] = []
    predict = ValueFunction.predict

    def remember(self, frames: Frames, returns: torch.Tensor, fold: torch.Tensor):
        asked.append(fold.numpy())
        return predict(self, frames, returns, fold)

    monkeypatch.setattr(ValueFunction, "predict", remember)
    result = fit(EVERYTHING, tmp_path)
    assert result.judged.all()
    fold = fold_of(EVERYTHING)
    assert asked[-1].tolist() == [fold[seed] for seed in EVERYTHING.seed[EVERYTHING.episode].tolist()]


def test_every_network_goes_on_from_the_one_that_has_not_seen_its_episodes_either(fits, tmp_path):
    """Also with another training seed and more episodes: what labels an episode never saw it, in any fit."""
    before = fit(DEMONSTRATIONS, tmp_path)
    fit(EVERYTHING, tmp_path, seed=1, start=before.function)
    earlier, later = fits[:3], fits[3:]
    for k, (first, then) in enumerate(zip(earlier, later, strict=True)):
        member = before.function.members[k].state_dict()
        assert all(torch.equal(tensor, member[name]) for name, tensor in then.weights.items())
        labelled = {seed for seed, fold in fold_of(EVERYTHING).items() if fold == k}
        assert not labelled & (first.fitted | then.fitted)
    assert any(
        not torch.equal(tensor, before.function.members[1].state_dict()[name])
        for name, tensor in before.function.members[0].state_dict().items()
    )


@pytest.mark.parametrize("count", [1, 3])
def test_what_stops_a_fit_early_was_not_fitted_by_the_one_that_it_goes_on_from(fits, tmp_path, count):
    """Pre-training has seed 0, fits that of the run; what is held out must not depend on it."""
    config = with_value(CONFIG, folds=count)
    before = fit(DEMONSTRATIONS, tmp_path, config=config)
    fit(EVERYTHING, tmp_path, seed=1, start=before.function, config=config)
    demonstrated = set(DEMONSTRATIONS.seed.tolist())
    for first, then in zip(fits[:count], fits[count:], strict=True):
        assert not then.checked & first.fitted
        assert then.checked & demonstrated == first.checked
    assert set().union(*(then.checked for then in fits[count:])) - demonstrated


def test_early_stopping_looks_at_no_more_frames_than_its_limit(monkeypatch):
    monkeypatch.setattr(value_fit, "MAX_CHECKED", 10)
    for count in (1, 9, 10, 11, 19, 25, 100):
        rows = value_fit._thinned(torch.arange(count))
        assert min(count, 5) <= len(rows) <= 10, count
