"""What a method is: it turns the episodes collected so far into the next policy."""

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from recap_bench.data.steps import StepData
from recap_bench.errors import ConfigurationError, UnknownNameError
from recap_bench.learning.config import LearningConfig
from recap_bench.learning.tasks import TaskFacts

METHODS: dict[str, str] = {
    "recap": "recap_bench.learning.recap:Recap",
    "sft": "recap_bench.baselines.sft:SupervisedFineTuning",
    "filtered_bc": "recap_bench.baselines.filtered_bc:FilteredBehaviourCloning",
    "awr": "recap_bench.baselines.awr:AdvantageWeightedRegression",
    "ppo": "recap_bench.baselines.ppo:ProximalPolicyOptimisation",
    "random_labels": "recap_bench.baselines.random_labels:RandomLabels",
}
"""Name -> 'module:Class' of every method; loaded on use."""

ITERATING = frozenset(METHODS) - {"sft"}
"""Methods that go on after the fit on demonstrations."""

CORRECTED = ITERATING - {"ppo"}
"""Methods whose collections an operator watches and corrects."""

LABELLING = frozenset({"recap", "awr", "ppo", "random_labels"})
"""Methods that label steps by a value function."""

CONDITIONING = frozenset({"recap", "random_labels"})
"""Methods whose policies are told whether an action is good."""

READERS: dict[str, frozenset[str]] = {
    "labels.look_ahead": LABELLING,
    "labels.positive_fraction": LABELLING - {"ppo"},
    "labels.force_demonstrations": LABELLING - {"ppo"},
    "labels.before_rescue": LABELLING - {"ppo"},
    "labels.negatives": CONDITIONING,
    "policy.guidance": CONDITIONING,
    "policy.stall_weight": ITERATING - {"ppo"},
}
"""Option of LearningConfig -> the methods that read it; all read the others."""


def no_report(stage: str, done: int, total: int) -> None:
    """Ignore progress."""


@dataclass(frozen=True)
class FitContext:
    """Everything that one fit of a method may use."""

    steps: StepData
    """All episodes so far, demonstrations first; in pre-training the demonstrations of all tasks."""
    iteration: int
    """0 for the fit on demonstrations (SFT), k >= 1 after the k-th collection."""
    tasks: Mapping[str, TaskFacts]
    """Task name -> what learning knows of it; one task, or several in pre-training."""
    seed: int
    """Training seed; every stream of the fit is derived from it."""
    folder: Path
    """Where checkpoints, labels and logs of this fit go; created if missing."""
    config: LearningConfig
    """Sizes, schedules and the options of the method."""
    pretrained: Path | None = None
    """Folder of V_pre and pi_pre; None only while pre-training."""
    previous: Path | None = None
    """Folder of the method's fit of the iteration before; None in iteration 0 and in pre-training."""
    device: str = "cpu"
    """Torch device."""
    threads: int = 0
    """Torch threads; 0 leaves the process's setting."""
    report: Callable[[str, int, int], None] = no_report
    """Called with (stage, done, total) as the fit advances."""


@dataclass(frozen=True)
class FitResult:
    """What a fit leaves behind."""

    policy: Path
    """Checkpoint folder; `recap_bench.learning.load_policy` opens it."""
    diagnostics: dict[str, Any]
    """Numbers that say whether the fit can be trusted; JSON types only, keys documented in `learning.diagnostics`."""
    variants: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Name -> overrides for `load_policy`: other ways to run the same checkpoint, for inspection."""
    warnings: tuple[str, ...] = ()
    """What should be printed loudly."""


class Method(Protocol):
    """One way to learn from the store; methods share everything but `fit`, pre-training included."""

    name: str
    """Key in METHODS."""
    uses_corrections: bool
    """Whether its collection runs with the intervention gate."""
    iterates: bool
    """False if it ends with iteration 0."""

    def fit(self, context: FitContext) -> FitResult:
        """Fit the policy of `context.iteration`."""


def make_method(name: str) -> Method:
    """Return the method called `name`.

    Raises UnknownNameError with the known ones, and ConfigurationError if the class goes by another name, under which
    the phases of a run would look for it in vain.
    """
    if name not in METHODS:
        raise UnknownNameError("method", name, list(METHODS))
    module, _, cls = METHODS[name].partition(":")
    method: Method = getattr(importlib.import_module(module), cls)()
    if method.name != name:
        raise ConfigurationError(
            f"METHODS names {METHODS[name]} {name!r}, but its `name` is {method.name!r}; both must be the same."
        )
    return method
