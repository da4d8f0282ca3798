"""The stages of Algorithm 1 that methods are put together from."""

import json
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

from recap_bench.errors import ConfigurationError, DataError
from recap_bench.learning.chunk_policy import FlowPolicy, PolicySpec
from recap_bench.learning.diagnostics import label_report, share_warnings, value_report
from recap_bench.learning.flow import POSITIVE
from recap_bench.learning.frames import Frames, frames_of
from recap_bench.learning.held_out import write_held_out
from recap_bench.learning.labels import (
    Labels,
    iteration_labels,
    normalised_returns,
    pretraining_labels,
    reference_steps,
)
from recap_bench.learning.normalisation import Statistics, measure
from recap_bench.learning.policy_fit import PolicyExamples, PolicySetup, fit_policy
from recap_bench.learning.returns import bins_per_second
from recap_bench.learning.value import ValueFunction, ValueSpec
from recap_bench.learning.value_fit import ValueExamples, ValueFit, ValueSetup, fit_value
from recap_bench.method import FitContext, FitResult

ALL_CONDITIONS = ("positive", "none", "negative")
"""Conditions of a policy trained with drop-out on a computed indicator; the first is the default."""


@dataclass(frozen=True)
class Relabelling:
    """Labels of everything collected so far, and what to think of them."""

    labels: Labels
    """One row per step."""
    diagnostics: dict[str, Any]
    """See `recap_bench.learning.diagnostics`."""
    warnings: tuple[str, ...]
    """What should be printed loudly."""


class Fitting:
    """One fit of one context: its episodes as tensors, and the stages that act on them."""

    def __init__(self, context: FitContext) -> None:
        missing = sorted(set(context.instructions) - set(context.horizon))
        if missing:
            raise ConfigurationError(f"No horizon for task {', '.join(missing)}.")
        if context.threads:
            torch.set_num_threads(context.threads)
        context.folder.mkdir(parents=True, exist_ok=True)
        self.context = context
        self.tasks = tuple(sorted(context.instructions))
        self.frames: Frames = frames_of(context.steps, self.tasks, context.device)

    @cached_property
    def returns(self) -> np.ndarray:
        """Normalised return-to-go of every step, (M,)."""
        return normalised_returns(self.context.steps, self.context.horizon, self.context.config.labels.penalty_factor)

    def pretrain(self) -> Path:
        """Lines 1 and 2: V_pre and pi_pre on demonstrations, the advantage with N = T."""
        context, config = self.context, self.context.config
        statistics = measure(self.frames, config.policy.chunk)
        fit = fit_value(self._value_examples, self._value_setup(statistics), None, context.report)
        labels = pretraining_labels(context.steps, fit.values, self.returns, config.labels)
        everything = np.ones(context.steps.num_steps, bool)
        relabelling = self._judge(fit, labels, everything)
        spec = PolicySpec(config.policy, self._instruction_texts, conditions_of(config.policy.indicator_dropout))
        setup = PolicySetup(spec, statistics, config.policy.pretrain_steps, context.seed, "pretraining")
        examples = PolicyExamples(self.frames, labels.indicator.astype(np.int64), everything)
        policy_fit = fit_policy(examples, setup, None, context.report)
        fit.function.save(context.folder / "value")
        policy_fit.policy.save(context.folder / "policy")
        self._write({**relabelling.diagnostics, **policy_fit.report(), "warnings": list(relabelling.warnings)})
        return context.folder

    def supervised(self) -> FitResult:
        """Line 5: pi_0 from pi_pre on the demonstrations, the indicator fixed to True; every method starts here."""
        steps = self.context.steps
        demonstrations = (steps.source == "demonstration")[steps.episode]
        indicator = np.full(steps.num_steps, POSITIVE, np.int64)
        # The indicator is constant here, so guidance could only amplify noise.
        dropped = self.context.config.policy.indicator_dropout > 0
        return self.policy(indicator, demonstrations, ("positive", "none") if dropped else ("positive",), guidance=1.0)

    def relabel(self) -> Relabelling:
        """Lines 8 and 9: V_k from V_pre on everything, then the labels of this iteration."""
        context = self.context
        start = ValueFunction.load(self._pretrained / "value", context.device)
        setup = self._value_setup(start.statistics)
        start.spec.check(setup.spec)
        fit = fit_value(self._value_examples, setup, start, context.report)
        labels = iteration_labels(context.steps, fit.values, self.returns, context.iteration, context.config.labels)
        fit.function.save(context.folder / "value")
        return self._judge(fit, labels, reference_steps(context.steps, context.iteration))

    def policy(
        self,
        indicator: np.ndarray,
        chosen: np.ndarray,
        conditions: tuple[str, ...],
        guidance: float,
        relabelling: Relabelling | None = None,
    ) -> FitResult:
        """Line 10: the policy from pi_pre on the `chosen` (M,) steps with `indicator` (M,) indices."""
        context, config = self.context, self.context.config
        start = FlowPolicy.load(self._pretrained / "policy")
        start.spec.check(config.policy)
        spec = PolicySpec(replace(config.policy, guidance=guidance), start.spec.instructions, conditions)
        steps = config.policy.sft_steps if context.iteration == 0 else config.policy.fit_steps
        setup = PolicySetup(spec, start.statistics, steps, context.seed, f"iteration {context.iteration}")
        fit = fit_policy(PolicyExamples(self.frames, indicator, chosen), setup, start, context.report)
        fit.policy.save(context.folder / "policy")
        diagnostics = {**(relabelling.diagnostics if relabelling else {}), **fit.report()}
        warnings = relabelling.warnings if relabelling else ()
        self._write({**diagnostics, "warnings": list(warnings)})
        variants = {name: {"condition": name} for name in conditions[1:]}
        return FitResult(context.folder / "policy", diagnostics, variants, warnings)

    @property
    def _pretrained(self) -> Path:
        if self.context.pretrained is None:
            raise ConfigurationError("A fit starts from the pre-trained networks: FitContext.pretrained is None.")
        return self.context.pretrained

    @property
    def _value_examples(self) -> ValueExamples:
        steps = self.context.steps
        return ValueExamples(self.frames, self.returns, steps.episode, steps.seed)

    @property
    def _instruction_texts(self) -> tuple[str, ...]:
        return tuple(self.context.instructions[task] for task in self.tasks)

    def _value_setup(self, statistics: Statistics) -> ValueSetup:
        context, config = self.context, self.context.config
        spec = ValueSpec(
            config.value.bins,
            config.labels.penalty_factor,
            {task: int(context.horizon[task]) for task in self.tasks},
            config.value.width,
            config.value.blocks,
            config.value.dropout,
            config.value.folds,
        )
        return ValueSetup(spec, config.value, statistics, context.seed, context.iteration)

    def _judge(self, fit: ValueFit, labels: Labels, reference: np.ndarray) -> Relabelling:
        """Measure the labels; raise DataError or warn if the value function knows nothing. Writes labels.npz."""
        context = self.context
        report = value_report(context.steps, fit, self.returns)
        warnings = share_warnings(context.steps, labels)
        if not report["beats_constant"]:
            message = (
                f"The value function knows nothing: held-out log-likelihood {fit.log_likelihood:.3f} nat, a constant "
                f"has {fit.constant_log_likelihood:.3f}. Its labels are noise; collect more episodes."
            )
            if context.config.value.strict:
                raise DataError(message)
            warnings.append(message)
        labels.save(context.folder / "labels.npz")
        write_held_out(context.folder / "held_out.npz", self._value_examples, fit, context.seed)
        penalty = context.config.labels.penalty_factor
        resolution = {
            task: bins_per_second(context.config.value.bins, context.horizon[task], penalty * context.horizon[task])
            for task in self.tasks
        }
        shares = label_report(context.steps, labels, reference)
        return Relabelling(labels, {**report, **shares, "bins_per_second": resolution}, tuple(warnings))

    def _write(self, diagnostics: dict[str, Any]) -> None:
        (self.context.folder / "diagnostics.json").write_text(json.dumps(diagnostics, indent=1) + "\n")


def conditions_of(indicator_dropout: float) -> tuple[str, ...]:
    """Return the conditions that a computed indicator trains."""
    return ALL_CONDITIONS if indicator_dropout > 0 else ("positive", "negative")
