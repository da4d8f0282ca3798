"""The control for RECAP: its data, its positive share, its training, but labels that carry no information."""

from dataclasses import replace

import numpy as np

from recap_bench.learning.stages import Fitting
from recap_bench.method import FitContext, FitResult
from recap_bench.seeding import stream


class RandomLabels:
    """RECAP with the indicator of autonomous steps shuffled; corrections stay positive."""

    name = "random_labels"
    uses_corrections = True
    iterates = True

    def fit(self, context: FitContext) -> FitResult:
        """Fit pi_0 on demonstrations (SFT), and pi_k on everything with shuffled labels."""
        fitting = Fitting(context)
        if context.iteration == 0:
            return fitting.supervised()
        relabelling = fitting.relabel()
        labels = relabelling.labels
        free = np.flatnonzero(~labels.forced)
        shuffled = labels.indicator.copy()
        shuffled[free] = stream(context.seed, "random labels", context.iteration).permutation(labels.indicator[free])
        return fitting.conditioned(replace(relabelling, labels=replace(labels, indicator=shuffled)))
