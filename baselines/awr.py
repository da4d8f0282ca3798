"""Advantage-weighted regression: RECAP's value function and data, the advantage as a weight instead of a condition.

The paper compares with it (section VI-C) and leaves its temperature open. As in the code of Peng et al. (arXiv
1910.00177) advantages are standardised and weights exp(A) end at MOST.
"""

import numpy as np

from recap_bench.learning.advantage import standardised
from recap_bench.learning.flow import NONE
from recap_bench.learning.labels import Labels, before_rescue
from recap_bench.learning.stages import Fitting
from recap_bench.method import FitContext, FitResult

TEMPERATURE = 1.0
"""In standard deviations of the advantage."""
MOST = 20.0
"""Largest weight."""


class AdvantageWeightedRegression:
    """No indicator: a step is drawn as often as its advantage is large."""

    name = "awr"
    uses_corrections = True
    iterates = True

    def fit(self, context: FitContext) -> FitResult:
        """Fit pi_0 on demonstrations (SFT), and pi_k on everything, weighted by the advantage under V_k."""
        fitting = Fitting(context)
        if context.iteration == 0:
            return fitting.supervised()
        relabelling = fitting.relabel()
        relabelling.save(context.folder)
        indicator, weight = np.full(context.steps.num_steps, NONE, np.int64), weights(relabelling.labels)
        if context.config.labels.before_rescue == "down_weighted":
            weight[before_rescue(context.steps)] *= context.config.labels.rescue_weight
        return fitting.policy(indicator, weight, ("none",), 1.0, relabelling)


def weights(labels: Labels) -> np.ndarray:
    """Return how often each step is drawn, (M,) in (0, MOST].

    Corrections, whose advantage nobody asks for in RECAP either, weigh what a positive step weighs on average.
    """
    free = ~labels.forced
    weight = np.exp(np.minimum(standardised(labels.advantage, free) / TEMPERATURE, np.log(MOST)))
    weight[labels.forced] = weight[labels.indicator & free].mean()
    return weight
