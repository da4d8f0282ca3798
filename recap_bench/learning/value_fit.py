"""Fitting the value function: by episode folds, held out by episode, stopped early."""

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from recap_bench.errors import DataError
from recap_bench.learning.config import ValueConfig
from recap_bench.learning.descent import Descent
from recap_bench.learning.frames import Frames
from recap_bench.learning.networks import ValueNetwork
from recap_bench.learning.normalisation import Standardised, Statistics
from recap_bench.learning.splits import folds, holdout
from recap_bench.learning.text import Phrasebook
from recap_bench.learning.training import autocast, generator, isolated_rng
from recap_bench.learning.value import (
    ValueFunction,
    ValueSpec,
    build_value_network,
    constant_log_likelihood,
    two_hot_cross_entropy,
)
from recap_bench.seeding import derive_seed

FOLD_SALT = 20251119
"""Decides the folds, and what stops each member early, from the environment seeds alone: an episode keeps its place in
every fit of every run, so that member k of a function fitted from another one has never seen the episodes that it
labels, nor those that stop it."""

MAX_CHECKED = 4096
"""Held-out frames that early stopping looks at, at most; more would cost without deciding differently."""


@dataclass(frozen=True)
class ValueExamples:
    """What the value function is fitted on and then labels."""

    frames: Frames
    """M steps."""
    returns: np.ndarray
    """Normalised return-to-go, (M,) float64."""
    episode: np.ndarray
    """Index of the step's episode, (M,)."""
    seeds: np.ndarray
    """Environment seed of each episode, (E,)."""


@dataclass(frozen=True)
class ValueSetup:
    """How to fit."""

    spec: ValueSpec
    """What the function is fitted to."""
    config: ValueConfig
    """Schedule and folds."""
    statistics: Statistics
    """Scaling of the observations."""
    seed: int
    """Training seed."""
    iteration: int
    """Names the random streams of this fit."""


@dataclass(frozen=True)
class ValueFit:
    """A fitted value function with its labels."""

    function: ValueFunction
    """The networks."""
    values: np.ndarray
    """V of every step by the member that was fitted without its episode (one member: by that one), (M,) float64."""
    judged: np.ndarray
    """Whether the label of the step is held out, (M,) bool: all of them with folds."""
    log_likelihood: np.ndarray
    """Log-likelihood of the step's return by the member that judges it [nat], (M,) float64; NaN if not held out."""
    constant_log_likelihood: np.ndarray
    """The same for a constant distribution: the histogram of the task's other episodes."""
    steps: tuple[int, ...]
    """Gradient steps kept by each member."""


def fit_value(
    examples: ValueExamples,
    setup: ValueSetup,
    start: ValueFunction | None,
    report: Callable[[str, int, int], None],
) -> ValueFit:
    """Fit one network per fold, member k from member k of `start`, and label every step.

    Raises DataError if there are too few start states to fit, hold out and label.
    """
    count = setup.config.folds
    fold = folds(examples.seeds, count, FOLD_SALT)
    members, steps = [], []
    judged = np.zeros(len(fold), bool)
    for k in range(count):
        pool = fold != k if count > 1 else np.ones(len(fold), bool)
        checked = _held_out(examples.seeds, pool, setup, k)
        judged |= fold == k if count > 1 else checked
        network = copy.deepcopy(start.members[k]) if start else _new_member(setup, k).to(examples.frames.task.device)
        rows = tuple(np.flatnonzero(chosen[examples.episode]) for chosen in (pool & ~checked, checked))
        steps.append(_fit_member(network, examples, rows, setup, k))
        members.append(network)
        report("value", k + 1, count)
    function = ValueFunction(setup.spec, tuple(members), setup.statistics)
    return _label(function, examples, fold, judged, tuple(steps))


def _held_out(seeds: np.ndarray, pool: np.ndarray, setup: ValueSetup, k: int) -> np.ndarray:
    """Return which episodes of `pool` (E,) bool stop the fit of member k, (E,) bool."""
    if len(np.unique(seeds[pool])) < 2:
        raise DataError(
            f"A value function in {setup.config.folds} folds needs at least 2 start states outside each fold; fold {k} "
            f"leaves fewer of the {len(np.unique(seeds))} received. Collect more episodes, or use fewer folds."
        )
    checked = np.zeros(len(pool), bool)
    checked[pool] = holdout(seeds[pool], setup.config.holdout_fraction, derive_seed(FOLD_SALT, "holdout", k))
    return checked


def _new_member(setup: ValueSetup, k: int) -> ValueNetwork:
    with isolated_rng(derive_seed(setup.seed, "value weights", k)):
        return build_value_network(setup.spec, len(setup.statistics.observation_mean))


def _thinned(held_out: torch.Tensor) -> torch.Tensor:
    """Return at most MAX_CHECKED of the rows `held_out` (n,), n >= 1, evenly spaced."""
    return held_out[:: math.ceil(len(held_out) / MAX_CHECKED)]


def _fit_member(
    network: ValueNetwork, examples: ValueExamples, rows: tuple[np.ndarray, ...], setup: ValueSetup, k: int
) -> int:
    """Fit `network` in place on rows[0], stop early on rows[1]; keep the best weights and return their step."""
    config, frames = setup.config, examples.frames
    fitted, checked = (torch.from_numpy(part).to(frames.observations.device) for part in rows)
    checked = _thinned(checked)
    returns = torch.from_numpy(examples.returns).to(fitted.device)
    draw = generator(str(fitted.device), setup.seed, "value", setup.iteration, k)
    phrasebook = Phrasebook.of(setup.spec.repertoire, str(fitted.device))
    observe = Standardised(frames, setup.statistics)

    def loss_on(picked: torch.Tensor, tokens: torch.Tensor, dropout: torch.Generator | None) -> torch.Tensor:
        with autocast(config.precision, fitted.device.type):
            logits = network(observe(picked), tokens, dropout)
        return two_hot_cross_entropy(logits, returns[picked]).mean()

    def fitted_loss() -> torch.Tensor:
        picked = fitted[torch.randint(len(fitted), (config.batch,), generator=draw, device=fitted.device)]
        return loss_on(picked, phrasebook.draw(frames.task[picked], draw), draw)

    @torch.no_grad()
    def held_out_loss() -> float:
        return float(loss_on(checked, phrasebook.canonical(frames.task[checked]), None))

    descend = Descent(network, fitted_loss, draw, config.learning_rate, config.weight_decay)
    best, best_step, weights = held_out_loss(), 0, copy.deepcopy(network.state_dict())
    for step in range(1, config.steps + 1):
        descend()
        if step % config.check_every:
            continue
        score = held_out_loss()
        if score < best:
            best, best_step, weights = score, step, copy.deepcopy(network.state_dict())
        elif step - best_step >= config.patience * config.check_every:
            break
    network.load_state_dict(weights)
    return best_step


def _label(
    function: ValueFunction, examples: ValueExamples, fold: np.ndarray, judged: np.ndarray, steps: tuple[int, ...]
) -> ValueFit:
    """Predict every step and measure the likelihood of the held-out returns."""
    frames, device = examples.frames, examples.frames.observations.device
    of_step, held_out = fold[examples.episode], judged[examples.episode]
    returns = torch.from_numpy(examples.returns).to(device)
    values, likelihood = function.predict(frames, returns, torch.from_numpy(of_step).to(device))
    likelihood[~held_out] = np.nan
    constant = np.full(len(values), np.nan)
    task = frames.task.cpu().numpy()
    for k in range(len(function.members)):
        others = ~held_out if len(function.members) == 1 else of_step != k
        for index in np.unique(task):
            mine, fitted = held_out & (of_step == k) & (task == index), others & (task == index)
            if mine.any() and fitted.any():
                known, asked = (returns[torch.from_numpy(rows).to(device)] for rows in (fitted, mine))
                constant[mine] = constant_log_likelihood(known, asked, function.spec.bins)
    return ValueFit(function, values, held_out, likelihood, constant, steps)
