"""Filtered behaviour cloning: imitate whatever was part of a success, and every correction."""

import numpy as np

from recap_bench.data.episode import ACTOR_CORRECTION
from recap_bench.learning.flow import NONE
from recap_bench.learning.stages import Fitting
from recap_bench.method import FitContext, FitResult


class FilteredBehaviourCloning:
    """No value function and no indicator: success of the whole episode selects the steps."""

    name = "filtered_bc"
    uses_corrections = True
    iterates = True

    def fit(self, context: FitContext) -> FitResult:
        """Fit pi_0 on demonstrations (SFT), and pi_k from pi_pre on the steps of successes and on corrections."""
        fitting = Fitting(context)
        if context.iteration == 0:
            return fitting.supervised()
        steps = context.steps
        chosen = steps.success[steps.episode] | (steps.actor == ACTOR_CORRECTION)
        indicator = np.full(steps.num_steps, NONE, np.int64)
        return fitting.policy(indicator, chosen.astype(float), ("none",), guidance=1.0)
