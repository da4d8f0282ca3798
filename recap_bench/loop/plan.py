"""The phases of a run, in order, and what each reads and writes."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from recap_bench import seeding
from recap_bench.config import RunConfig
from recap_bench.method import Method

PRETRAINING = "pretraining"
"""Stands for the method in what all tasks and seeds share: demonstrations and pre-trained networks."""

EVERY_TASK = "all"
"""Stands for the task in a fit over the demonstrations of several tasks."""

FOUNDATION = "sft"
"""The method whose fit on demonstrations (iteration 0) all methods of a seed start from."""

DEMONSTRATIONS = "demonstrations"
PRETRAIN = "pretrain"
FIT = "fit"
EVALUATION = "evaluation"
CHECK = "check"
AUTONOMOUS = "autonomous"
CORRECTED = "corrected"
UNCORRECTED = "uncorrected"
COLLECTIONS = (AUTONOMOUS, CORRECTED, UNCORRECTED)
"""Kinds of collection: a first part that every method has, and a second part with or without an operator."""

CHECKED_CONDITIONS = 4
"""Conditions that a check tries, at most: positive, none, negative, guided."""


@dataclass(frozen=True)
class Phase:
    """One resumable step of a run; its result is one JSON file."""

    task: str
    """Task name."""
    seed: int
    """Training seed."""
    method: str
    """Method whose policy is fitted or acts; FOUNDATION for what all methods share."""
    iteration: int
    """Iteration of the collected data or of the fitted policy."""
    name: str
    """What is done: DEMONSTRATIONS, PRETRAIN, FIT, EVALUATION, CHECK or one of COLLECTIONS."""

    @property
    def group(self) -> str:
        """Group of the store that a collecting phase writes."""
        return DEMONSTRATIONS if self.name == DEMONSTRATIONS else f"{self.method}-{self.iteration}-{self.name}"

    @property
    def title(self) -> str:
        """For people, e.g. 'Espresso-v0 seed 0: recap iteration 1 evaluation'."""
        return f"{self.task} seed {self.seed}: {self.method} iteration {self.iteration} {self.name}"


def make_plan(config: RunConfig, methods: list[Method]) -> tuple[Phase, ...]:
    """Return all phases of the run, pre-training first; a phase that several methods need appears once."""
    phases = pretraining_plan(config)
    for task in config.tasks:
        for seed in config.seeds:
            shared = (DEMONSTRATIONS, FIT, EVALUATION)
            phases += [Phase(task, seed, FOUNDATION, 0, name) for name in shared]
            for method in methods:
                phases += _iterations(config, method, Phase(task, seed, method.name, 0, FIT))
    return tuple(dict.fromkeys(phases))


def pretraining_plan(config: RunConfig) -> list[Phase]:
    """Return the phases of the pre-training that the run starts from."""
    demonstrations = [demonstrations_of(task) for task in config.demonstrated_tasks]
    return [*demonstrations, Phase(EVERY_TASK, 0, PRETRAINING, 0, PRETRAIN)]


def demonstrations_of(task: str) -> Phase:
    """Return the phase that collects the demonstrations of `task`, for every run with the same recipe."""
    return Phase(task, 0, PRETRAINING, 0, DEMONSTRATIONS)


def collections(config: RunConfig, method: Method, fit: Phase) -> list[Phase]:
    """Return the phases that collect the data of the fit of iteration k >= 1, with the policy of iteration k-1.

    The first round is flown by the shared policy of iteration 0, so its episodes are shared, too.
    """
    collector = FOUNDATION if fit.iteration == 1 else method.name
    second = CORRECTED if method.uses_corrections else UNCORRECTED
    return [
        Phase(fit.task, fit.seed, collector, fit.iteration, name)
        for name in (AUTONOMOUS, second)
        if collection_size(config, fit.task, name) > 0
    ]


def collection_size(config: RunConfig, task: str, name: str) -> int:
    """Return the number of episodes of a collection of kind `name` on `task`."""
    watched = config.watched(task)
    return config.rollouts(task) - watched if name == AUTONOMOUS else watched


def behaviour(phase: Phase) -> Phase:
    """Return the fit whose policy flies the collection `phase`."""
    return Phase(phase.task, phase.seed, phase.method, phase.iteration - 1, FIT)


def fit_and_judge(config: RunConfig, fit: Phase) -> list[Phase]:
    """Return a fit of iteration k >= 1 and the phases that judge its policy."""
    judging = (EVALUATION, CHECK) if config.check_episodes else (EVALUATION,)
    return [fit, *(replace(fit, name=name) for name in judging)]


def fit_before(fit: Phase) -> Phase | None:
    """Return the fit whose policy collected the last round that `fit` sees; None for the fit on demonstrations."""
    if fit.iteration == 0:
        return None
    method = FOUNDATION if fit.iteration == 1 else fit.method
    return Phase(fit.task, fit.seed, method, fit.iteration - 1, FIT)


def data_groups(config: RunConfig, method: Method, fit: Phase) -> list[str]:
    """Return the store groups that a fit sees: demonstrations and every round up to its own."""
    groups = [DEMONSTRATIONS]
    for iteration in range(1, fit.iteration + 1):
        earlier = Phase(fit.task, fit.seed, method.name, iteration, FIT)
        groups += [phase.group for phase in collections(config, method, earlier)]
    return groups


def environment_seeds(phase: Phase, count: int) -> list[int]:
    """Return `count` environment seeds for a phase.

    They do not depend on the method, so that methods are compared on equal start states; all
    evaluations of a training seed use the same ones; autonomous and watched episodes use different ones.
    """
    kind = "watched" if phase.name in (CORRECTED, UNCORRECTED) else phase.name
    round_of = phase.iteration if phase.name in COLLECTIONS else 0
    # 48 bits: no collision in practice, and exact in JSON's floating-point numbers.
    return [seeding.derive_seed(phase.seed, kind, round_of, index) >> 15 for index in range(count)]


def _iterations(config: RunConfig, method: Method, start: Phase) -> Iterator[Phase]:
    for iteration in range(1, config.iterations + 1 if method.iterates else 1):
        fit = Phase(start.task, start.seed, method.name, iteration, FIT)
        yield from collections(config, method, fit)
        yield from fit_and_judge(config, fit)
