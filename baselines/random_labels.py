"""The control for RECAP: its data, its positive shares, its training, but labels that carry no information."""

from dataclasses import replace

import numpy as np

from recap_bench.data.steps import StepData
from recap_bench.learning.labels import Labels
from recap_bench.learning.stages import Fitting
from recap_bench.method import FitContext, FitResult
from recap_bench.seeding import stream


class RandomLabels:
    """RECAP with its indicators shuffled, within the demonstrations and within each iteration's rollouts.

    What is positive whatever its advantage stays so: corrections, and demonstrations with `force_demonstrations`.
    """

    name = "random_labels"
    uses_corrections = True
    iterates = True

    def fit(self, context: FitContext) -> FitResult:
        """Fit pi_0 on demonstrations (SFT), and pi_k on everything with shuffled labels."""
        fitting = Fitting(context)
        if context.iteration == 0:
            return fitting.supervised()
        draw = stream(context.seed, "random labels", context.iteration)
        return fitting.conditioned(fitting.relabel(lambda labels: shuffled(labels, context.steps, draw)))


def shuffled(labels: Labels, steps: StepData, draw: np.random.Generator) -> Labels:
    """Return the labels with the indicators that are not forced in another order within each source and iteration.

    The positive share of each is exactly as before: a shuffle of everything would give the steps that set the threshold
    some of the demonstrations' share, and a difference to RECAP that is not that of information.
    """
    groups = list(zip(steps.source.tolist(), steps.iteration.tolist(), strict=True))
    indicator = labels.indicator.copy()
    for group in sorted(set(groups)):
        mine = np.array([other == group for other in groups])[steps.episode] & ~labels.forced
        indicator[mine] = draw.permutation(labels.indicator[mine])
    return replace(labels, indicator=indicator)
