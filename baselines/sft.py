"""SFT: imitation of the demonstrations and nothing else; RECAP's iteration 0."""

from recap_bench.errors import ConfigurationError
from recap_bench.learning.stages import Fitting
from recap_bench.method import FitContext, FitResult


class SupervisedFineTuning:
    """pi_pre fine-tuned on the demonstrations with the indicator fixed to True."""

    name = "sft"
    uses_corrections = False
    iterates = False

    def fit(self, context: FitContext) -> FitResult:
        """Fit pi_0; there is no later iteration."""
        if context.iteration != 0:
            raise ConfigurationError(f"SFT ends with iteration 0, received iteration {context.iteration}.")
        return Fitting(context).supervised()
