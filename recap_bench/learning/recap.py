"""RECAP (arXiv 2511.14759, Algorithm 1): the policy conditioned on whether an action was better than usual."""

from recap_bench.learning.stages import Fitting
from recap_bench.method import FitContext, FitResult


class Recap:
    """Value function, N-step advantage, indicator; corrections count as positive."""

    name = "recap"
    uses_corrections = True
    iterates = True

    def fit(self, context: FitContext) -> FitResult:
        """Fit pi_0 on demonstrations (SFT), and pi_k on everything with the indicator of V_k."""
        fitting = Fitting(context)
        if context.iteration == 0:
            return fitting.supervised()
        return fitting.conditioned(fitting.relabel())
