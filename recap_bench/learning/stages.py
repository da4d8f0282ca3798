"""The stages of Algorithm 1 that methods are put together from."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

from recap_bench.data.steps import StepData
from recap_bench.errors import ConfigurationError, DataError
from recap_bench.learning.chunk_policy import FlowPolicy, PolicySpec, Use
from recap_bench.learning.conditioning import indicator_report, indicator_warnings
from recap_bench.learning.config import LearningConfig
from recap_bench.learning.diagnostics import label_report, share_by_group, share_warnings, value_report
from recap_bench.learning.flow import NEGATIVE, NONE, POSITIVE
from recap_bench.learning.frames import Frames, frames_of
from recap_bench.learning.labels import (
    Labels,
    before_rescue,
    iteration_labels,
    normalised_returns,
    pretraining_labels,
    reference_steps,
    stalled,
)
from recap_bench.learning.normalisation import Statistics, measure
from recap_bench.learning.policy_fit import Objective, PolicyExamples, PolicySetup, fit_policy, imitation
from recap_bench.learning.returns import bins_per_second
from recap_bench.learning.tasks import Repertoire
from recap_bench.learning.value import ValueFunction, ValueSpec
from recap_bench.learning.value_fit import ValueExamples, ValueFit, ValueSetup, fit_value
from recap_bench.method import FitContext, FitResult

ALL_CONDITIONS = ("positive", "none", "negative")
"""Conditions of a policy trained with drop-out on a computed indicator; the first is the default."""

CHECKED_GUIDANCE = 2.0
"""Guidance of the variant 'guided' of an iteration's policy; at 1 it is plain conditioning."""


@dataclass(frozen=True)
class Relabelling:
    """Labels of everything collected so far, and what to think of them."""

    labels: Labels
    """One row per step."""
    diagnostics: dict[str, Any]
    """See `recap_bench.learning.diagnostics`."""
    warnings: tuple[str, ...]
    """What should be printed loudly."""
    log_likelihood: np.ndarray
    """Of each step's return under the value function that judges it [nat], NaN if none does, (M,)."""

    def save(self, folder: Path) -> None:
        """Write labels.npz into `folder`."""
        self.labels.save(folder / "labels.npz", self.log_likelihood)


class Fitting:
    """One fit of one context: its episodes as tensors, and the stages that act on them."""

    def __init__(self, context: FitContext) -> None:
        if context.threads:
            torch.set_num_threads(context.threads)
        context.folder.mkdir(parents=True, exist_ok=True)
        self.context = context

    @cached_property
    def repertoire(self) -> Repertoire:
        """What the networks are made for: a new one in pre-training, the pre-trained one narrowed later."""
        if self.context.pretrained is None:
            return Repertoire.of(self.context.tasks)
        return self._start_policy.spec.repertoire.narrowed(self.context.tasks)

    @cached_property
    def frames(self) -> Frames:
        """The episodes as tensors."""
        return frames_of(self.context.steps, self.repertoire, self.context.device)

    @cached_property
    def returns(self) -> np.ndarray:
        """Normalised return-to-go of every step, (M,)."""
        horizon = {task: facts.horizon for task, facts in self.context.tasks.items()}
        return normalised_returns(self.context.steps, horizon, self.context.config.labels)

    def pretrain(self) -> Path:
        """Lines 1 and 2: V_pre and pi_pre on demonstrations, the advantage with N = T."""
        context, config = self.context, self.context.config
        statistics = measure(self.frames, config.policy.chunk)
        fit = fit_value(self._value_examples, self._value_setup(statistics), None, context.report)
        labels = pretraining_labels(context.steps, fit.values, self.returns, config.labels)
        everything = np.ones(context.steps.num_steps, bool)
        relabelling = self._judge(fit, labels, everything)
        spec = PolicySpec(config.policy, self.repertoire, conditions_of(config))
        steps = config.policy.pretraining_steps(len(self.repertoire.tasks))
        pace = steps, config.policy.batch, config.policy.learning_rate
        setup = PolicySetup(spec, statistics, *pace, context.seed, "pretraining")
        weight = equal_shares(context.steps)
        examples = PolicyExamples(self.frames, labels.indicator.astype(np.int64), weight)
        policy_fit = fit_policy(examples, setup, None, context.report)
        relabelling.save(context.folder)
        fit.function.save(context.folder / "value")
        policy_fit.policy.save(context.folder / "policy")
        self._write({**relabelling.diagnostics, **policy_fit.report(), "warnings": list(relabelling.warnings)})
        return context.folder

    def supervised(self) -> FitResult:
        """Line 5: pi_0 from pi_pre on the demonstrations, the indicator fixed to True; every method starts here.

        Demonstrations that failed are left out, unless `policy.sft_failures`.
        """
        steps = self.context.steps
        imitated = (steps.source == "demonstration") & (steps.success | self.context.config.policy.sft_failures)
        if not imitated.any():
            raise DataError(
                "No demonstration succeeded, so there is none to imitate. Collect more, or set "
                "learning.policy.sft_failures=true to imitate failures as well."
            )
        indicator = np.full(steps.num_steps, POSITIVE, np.int64)
        # The indicator is constant here, so guidance could only amplify noise.
        dropped = self.context.config.policy.indicator_dropout > 0
        conditions = ("positive", "none") if dropped else ("positive",)
        return self.policy(indicator, imitated[steps.episode].astype(float), conditions, guidance=1.0)

    def relabel(self, change: Callable[[Labels], Labels] = lambda labels: labels) -> Relabelling:
        """Lines 8 and 9: V_k from V_pre on everything, then the labels of this iteration.

        A control may `change` them; what is reported and warned of is what it makes of them.
        """
        context, config = self.context, self.context.config.labels
        start = ValueFunction.load(self._start_folder("value"), context.device)
        setup = self._value_setup(start.statistics)
        start.spec.check(setup.spec)
        fit = fit_value(self._value_examples, setup, start, context.report)
        share = {
            task: facts.positive_fraction if config.positive_fraction is None else config.positive_fraction
            for task, facts in context.tasks.items()
        }
        labels = iteration_labels(context.steps, (fit.values, self.returns), context.iteration, share, config)
        fit.function.save(context.folder / "value")
        return self._judge(fit, change(labels), reference_steps(context.steps, context.iteration))

    def conditioned(self, relabelling: Relabelling) -> FitResult:
        """Line 10: pi_k on everything, conditioned on the indicator; negatives and rescues as configured."""
        config, steps = self.context.config, self.context.steps
        relabelling.save(self.context.folder)
        positive = relabelling.labels.indicator
        indicator, weight = np.where(positive, POSITIVE, NEGATIVE), np.ones(steps.num_steps)
        conditions = conditions_of(config)
        if config.labels.negatives != "conditioned":
            conditions = tuple(name for name in conditions if name != "negative")
        if config.labels.negatives == "unconditional":
            indicator, conditions = np.where(positive, POSITIVE, NONE), ("positive", "none")
        elif config.labels.negatives == "dropped":
            weight[~positive] = 0.0
        if config.labels.before_rescue == "down_weighted":
            weight[before_rescue(steps)] *= config.labels.rescue_weight
        return self.policy(indicator, weight, conditions, config.policy.guidance, relabelling)

    def policy(
        self,
        indicator: np.ndarray,
        weight: np.ndarray,
        conditions: tuple[str, ...],
        guidance: float,
        relabelling: Relabelling | None = None,
        objective: Objective = imitation,
        start: FlowPolicy | None = None,
    ) -> FitResult:
        """Line 10: the policy on steps drawn by `weight` (M,), with `indicator` (M,) indices.

        It starts from `start`, or without one from pi_pre (with `learning.start = 'previous'`, from pi_k-1).
        What imitates draws steps of policies that get nowhere by `policy.stall_weight` of their weight.
        """
        context, config = self.context, self.context.config
        nowhere = stalled(context.steps, config.policy.execute)
        if objective is imitation:
            weight = np.where(nowhere, config.policy.stall_weight * weight, weight)
        start = self._start_policy if start is None else start
        start.spec.check(config.policy)
        spec = PolicySpec(replace(config.policy, guidance=guidance), self.repertoire, conditions)
        steps = config.policy.fit_steps(int(np.count_nonzero(weight)))
        pace = steps, config.policy.fit_batch, config.policy.fit_learning_rate
        setup = PolicySetup(spec, start.statistics, *pace, context.seed, f"iteration {context.iteration}")
        examples = PolicyExamples(self.frames, indicator, weight)
        fit = fit_policy(examples, setup, start, context.report, objective)
        fit.policy.save(context.folder / "policy")
        told = "negative" in conditions
        heard = indicator_report(fit.policy, examples, context.steps.actor, context.seed) if told else {}
        waits = {"stalled_share_by": share_by_group(context.steps, nowhere)}
        diagnostics = {**(relabelling.diagnostics if relabelling else {}), **fit.report(), **heard, **waits}
        warnings = (*(relabelling.warnings if relabelling else ()), *indicator_warnings(heard))
        self._write({**diagnostics, "warnings": list(warnings)})
        variants: dict[str, dict[str, Any]] = {name: {"condition": name} for name in conditions[1:]}
        if relabelling and guidance != CHECKED_GUIDANCE and guides(config, conditions):
            variants["guided"] = {"guidance": CHECKED_GUIDANCE}
        return FitResult(context.folder / "policy", diagnostics, variants, warnings)

    def policy_before(self) -> FlowPolicy:
        """Return the policy of the iteration before, which collected this iteration's episodes."""
        if self.context.previous is None:
            raise ConfigurationError("There is no policy of the iteration before: FitContext.previous is None.")
        return self._load_policy(self.context.previous / "policy")

    @cached_property
    def _start_policy(self) -> FlowPolicy:
        return self._load_policy(self._start_folder("policy"))

    def _load_policy(self, folder: Path) -> FlowPolicy:
        return FlowPolicy.load(folder, Use(task=next(iter(self.context.tasks))))

    def _start_folder(self, kind: str) -> Path:
        """Return the checkpoint of `kind` ('value' or 'policy') that this fit starts from."""
        context = self.context
        if context.pretrained is None:
            raise ConfigurationError("A fit starts from the pre-trained networks: FitContext.pretrained is None.")
        previous = context.previous if context.config.start == "previous" else None
        # The fit on demonstrations has a policy, but no value function of its own.
        return previous / kind if previous and (previous / kind).is_dir() else context.pretrained / kind

    @property
    def _value_examples(self) -> ValueExamples:
        steps = self.context.steps
        return ValueExamples(self.frames, self.returns, steps.episode, steps.seed)

    def _value_setup(self, statistics: Statistics) -> ValueSetup:
        context, config = self.context, self.context.config
        spec = ValueSpec(
            config.value.bins,
            config.labels.penalty_factor,
            self.repertoire,
            config.value.width,
            config.value.blocks,
            config.value.dropout,
            config.value.folds,
        )
        return ValueSetup(spec, config.value, statistics, context.seed, context.iteration)

    def _judge(self, fit: ValueFit, labels: Labels, reference: np.ndarray) -> Relabelling:
        """Measure the labels; raise DataError or warn if the value function knows nothing."""
        context = self.context
        report = value_report(context.steps, fit, self.returns)
        warnings = share_warnings(context.steps, labels)
        if not report["beats_constant"]:
            message = (
                f"The value function knows nothing: held-out log-likelihood {report['held_out_log_likelihood']:.3f} "
                f"nat, a constant has {report['constant_log_likelihood']:.3f}. Its labels are noise; collect more "
                "episodes."
            )
            if context.config.value.strict:
                raise DataError(message)
            warnings.append(message)
        penalty, bins = context.config.labels.penalty_factor, context.config.value.bins
        resolution = {
            task: bins_per_second(bins, facts.horizon, penalty * facts.horizon) for task, facts in context.tasks.items()
        }
        shares = label_report(context.steps, labels, reference)
        diagnostics = {**report, **shares, "bins_per_second": resolution}
        return Relabelling(labels, diagnostics, tuple(warnings), fit.log_likelihood)

    def _write(self, diagnostics: dict[str, Any]) -> None:
        (self.context.folder / "diagnostics.json").write_text(json.dumps(diagnostics, indent=1) + "\n")


def pretrain(context: FitContext) -> Path:
    """Fit V_pre and pi_pre on the demonstrations of all tasks of `context`; return their folder."""
    return Fitting(context).pretrain()


def conditions_of(config: LearningConfig) -> tuple[str, ...]:
    """Return the conditions that a computed indicator trains in pre-training; the first one is the default."""
    return ALL_CONDITIONS if config.policy.indicator_dropout > 0 else ("positive", "negative")


def guides(config: LearningConfig, conditions: tuple[str, ...]) -> bool:
    """Return whether guidance means something: an unconditional branch is trained, and on other steps."""
    trained = config.policy.indicator_dropout > 0 and {"positive", "none"} <= set(conditions)
    return trained and config.labels.negatives != "dropped"


def equal_shares(steps: StepData) -> np.ndarray:
    """Return weights (M,) that give every task the same share of the draws, however long its episodes are."""
    tasks, index, count = np.unique(steps.task[steps.episode], return_inverse=True, return_counts=True)
    return (1.0 / (len(tasks) * count))[index]
