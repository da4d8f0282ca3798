"""RECAP (arXiv 2511.14759, Algorithm 1): the policy conditioned on whether an action was better than usual."""

from pathlib import Path

import numpy as np

from recap_bench.learning.stages import Fitting, conditions_of
from recap_bench.method import FitContext, FitResult


class Recap:
    """Value function, N-step advantage, indicator; corrections count as positive."""

    name = "recap"
    uses_corrections = True
    iterates = True

    def pretrain(self, context: FitContext) -> Path:
        """Fit V_pre and pi_pre on demonstrations."""
        return Fitting(context).pretrain()

    def fit(self, context: FitContext) -> FitResult:
        """Fit pi_0 on demonstrations (SFT), and pi_k on everything with the indicator of V_k."""
        fitting = Fitting(context)
        if context.iteration == 0:
            return fitting.supervised()
        relabelling = fitting.relabel()
        indicator = relabelling.labels.indicator.astype(np.int64)
        everything = np.ones(context.steps.num_steps, bool)
        config = context.config.policy
        conditions = conditions_of(config.indicator_dropout)
        return fitting.policy(indicator, everything, conditions, config.guidance, relabelling)
