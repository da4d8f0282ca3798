"""The options of a run, validated once, and the presets."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from recap_bench.envs.catalog import normalise_task_name
from recap_bench.envs.operators import profile
from recap_bench.errors import ConfigurationError, UnknownNameError
from recap_bench.learning.config import LARGE, PAPER, QUICK, STANDARD, LabelConfig, LearningConfig
from recap_bench.loop.intervention import GateConfig
from recap_bench.method import CORRECTED, ITERATING, METHODS, READERS
from recap_bench.protocol import protocol

NOT_COMPARED = ("out", "threads", "workers", "cache")
"""Fields that may change when a run is resumed: they say where and how it is done, not what.

Only another number of threads changes results: torch rounds its sums otherwise, and what is fitted from there on
differs, first in its last digits. A run that goes on with another number warns of it.
"""

PROFILE_MIX: Mapping[str, float] = {"skilled": 0.3, "average": 0.3, "hurried": 0.2, "novice": 0.2}
"""Weights of the operators who demonstrate: heterogeneous in speed and reliability, as people are."""


@dataclass(frozen=True)
class RunConfig:
    """One run: every method on every task with every seed."""

    tasks: tuple[str, ...] = ("Espresso-v0",)
    """Task names; the prefix 'recap_bench/' is accepted and dropped."""
    methods: tuple[str, ...] = ("recap",)
    """Names in recap_bench.method.METHODS; the fit on demonstrations (SFT) is always part of a run."""
    seeds: tuple[int, ...] = (0,)
    """Training seeds; each has its own fits, rollouts and start states. All share the demonstrations and the
    pre-training."""
    preset: str = "quick"
    """Name of the preset that this config started from."""
    out: Path = Path("runs/quick")
    """Run folder; an unfinished run in it is resumed."""
    cache: Path = Path("runs/pretrained")
    """Folder of pre-trained networks and their demonstrations, which runs with the same recipe share."""
    pretrained: Path | None = None
    """Use this finished pre-training, whatever its recipe; None looks in the cache and pre-trains if needed."""
    pretraining_tasks: tuple[str, ...] | None = None
    """Tasks whose demonstrations are pre-trained on, those of the run among them; None for those of the run."""
    num_envs: int = 32
    """Simulations stepped together."""
    threads: int = 0
    """Threads of physics and learning; 0 for every core. Another number rounds fits otherwise."""
    workers: int = 1
    """Processes that the simulations are spread over, and their threads with them. Python steps operators and measures
    scenes in one thread per process, for which the threads of physics wait."""
    device: str = "cpu"
    """Torch device of training and inference."""
    randomization: str = "standard"
    """How far start states vary: 'none', 'standard' or 'wide'."""
    start: str | None = None
    """Where in the tasks episodes start, one of every task's `starts`; None takes each task's first, as do those
    that are only pre-trained on."""
    demonstrations: int = 40
    """Demonstrated episodes per task: pre-trained on, and the first data of each task's specialist."""
    task_demonstrations: Mapping[str, int] = field(default_factory=dict)
    """Task -> demonstrated episodes, for tasks that have more or fewer than the others."""
    iterations: int = 1
    """K, the number of rounds of collecting and fitting after the fit on demonstrations."""
    rollouts_per_iteration: int | None = 40
    """Episodes that the policy collects per round, autonomous and corrected ones together; None for the paper's."""
    corrected_share: float | None = None
    """Share of them that an operator watches, for methods that use corrections, in [0, 1]; None for the paper's."""
    correction_budget_s: float | None = None
    """Correction time per round [s]; None for no limit."""
    evaluation_episodes: int = 40
    """Episodes of each evaluation, on the same fresh seeds for every method and iteration."""
    check_episodes: int = 0
    """Episodes per condition (positive, unconditional, negative, guided) of the conditioning check; 0 leaves it out."""
    shard_episodes: int = 50
    """Episodes per shard of the store: what a killed collection loses at most, besides the running ones."""
    profile_mix: Mapping[str, float] = field(default_factory=lambda: dict(PROFILE_MIX))
    """Operator profile -> weight among the demonstrations."""
    gate: GateConfig = field(default_factory=GateConfig)
    """When and how operators correct."""
    learning: LearningConfig = STANDARD
    """Networks, labels and schedules."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "tasks", tuple(normalise_task_name(task) for task in self.tasks))
        object.__setattr__(self, "out", Path(self.out))
        object.__setattr__(self, "cache", Path(self.cache))
        if self.pretraining_tasks is not None:
            names = tuple(normalise_task_name(task) for task in self.pretraining_tasks)
            object.__setattr__(self, "pretraining_tasks", names)
        counts = {normalise_task_name(task): count for task, count in self.task_demonstrations.items()}
        object.__setattr__(self, "task_demonstrations", counts)
        for method in self.methods:
            if method not in METHODS:
                raise UnknownNameError("method", method, list(METHODS))
        for name in (*self.profile_mix, self.gate.profile):
            profile(name)
        wrong = [*self._wrong_lists(), *self._wrong_numbers(), *self._without_effect()]
        if wrong:
            raise ConfigurationError(f"Run configuration cannot be used: {'; '.join(wrong)}.")

    @property
    def demonstrated_tasks(self) -> tuple[str, ...]:
        """Tasks that are pre-trained on."""
        return self.tasks if self.pretraining_tasks is None else self.pretraining_tasks

    def demonstrated(self, task: str) -> int:
        """Return the number of demonstrated episodes of `task`."""
        return self.task_demonstrations.get(task, self.demonstrations)

    def chosen_start(self, task: str) -> str | None:
        """Return where episodes of `task` start if the run says so; tasks that are only pre-trained on choose."""
        return self.start if task in self.tasks else None

    def rollouts(self, task: str) -> int:
        """Return the number of episodes that a policy collects per round on `task`."""
        paper = protocol(task)
        return (
            paper.autonomous + paper.corrected if self.rollouts_per_iteration is None else self.rollouts_per_iteration
        )

    def watched(self, task: str) -> int:
        """Return how many of them an operator watches."""
        share = protocol(task).corrected_share if self.corrected_share is None else self.corrected_share
        return round(share * self.rollouts(task))

    def to_dict(self) -> dict[str, Any]:
        """Return nested plain types, for JSON."""
        paths = {"out": str(self.out), "cache": str(self.cache)}
        return {**asdict(self), **paths, "pretrained": str(self.pretrained) if self.pretrained else None}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "RunConfig":
        """Return the config that `to_dict` wrote; unknown or invalid fields raise ConfigurationError."""
        try:
            lists = {name: tuple(values[name]) for name in ("tasks", "methods", "seeds")}
            others = values["pretraining_tasks"]
            groups = {"gate": GateConfig(**values["gate"]), "learning": LearningConfig.from_dict(values["learning"])}
            paths = {"pretrained": Path(values["pretrained"]) if values["pretrained"] else None}
            return cls(**{**values, **lists, **groups, **paths, "pretraining_tasks": tuple(others) if others else None})
        except (KeyError, TypeError) as error:
            raise ConfigurationError(f"Not a run's config: {error}.") from error

    def _wrong_lists(self) -> list[str]:
        wrong = []
        for name in ("tasks", "methods", "seeds"):
            values = getattr(self, name)
            if not values or len(set(values)) < len(values):
                wrong.append(f"{name}={values} (must not be empty or repeat a name)")
        if any(seed < 0 for seed in self.seeds):
            wrong.append(f"seeds={self.seeds} (must be >= 0)")
        missing = sorted(set(self.tasks) - set(self.demonstrated_tasks))
        if missing:
            wrong.append(f"pretraining_tasks={self.pretraining_tasks} (lacks {', '.join(missing)}, which is run)")
        unknown = sorted(set(self.task_demonstrations) - set(self.demonstrated_tasks))
        if unknown:
            wrong.append(f"task_demonstrations={self.task_demonstrations} ({', '.join(unknown)} is not pre-trained on)")
        if any(count < 1 for count in self.task_demonstrations.values()):
            wrong.append(f"task_demonstrations={self.task_demonstrations} (needs numbers >= 1)")
        if not self.profile_mix or any(not weight > 0 for weight in self.profile_mix.values()):
            wrong.append(f"profile_mix={dict(self.profile_mix)} (needs weights > 0)")
        return wrong

    def _wrong_numbers(self) -> list[str]:
        wrong = [
            f"{name}={getattr(self, name)} (must be >= {least})"
            for least, names in (
                (1, ("num_envs", "workers", "demonstrations", "evaluation_episodes", "shard_episodes")),
                (1, ("rollouts_per_iteration",) if self.rollouts_per_iteration is not None and self.iterations else ()),
                (0, ("threads", "iterations", "check_episodes")),
            )
            for name in names
            if getattr(self, name) < least
        ]
        if self.corrected_share is not None and not 0 <= self.corrected_share <= 1:
            wrong.append(f"corrected_share={self.corrected_share} (must be in [0, 1])")
        if self.correction_budget_s is not None and not self.correction_budget_s >= 0:
            wrong.append(f"correction_budget_s={self.correction_budget_s} (must be >= 0 or None)")
        return wrong

    def _without_effect(self) -> list[str]:
        """Return the options that this run would accept and ignore."""
        wrong = []
        if self.learning.start != LearningConfig().start and not (self.iterations and ITERATING & set(self.methods)):
            wrong.append(f"learning.start={self.learning.start} (has no effect without iterations)")
        if not self._corrected():
            wrong += [f"{name}={value} (has no effect without corrections)" for name, value in self._of_corrections()]
        return wrong + self._unread()

    def _corrected(self) -> bool:
        """Return whether operators correct in this run."""
        watched = any(self.watched(task) for task in self.tasks)
        return self.iterations > 0 and watched and bool(CORRECTED & set(self.methods))

    def _of_corrections(self) -> Iterator[tuple[str, Any]]:
        """Yield (name, value) of the options that matter to corrections only, where they are not the defaults."""
        usual, labels = GateConfig(), self.learning.labels
        for option in fields(usual):
            value = getattr(self.gate, option.name)
            if value != getattr(usual, option.name):
                yield f"gate.{option.name}", value
        if self.correction_budget_s is not None:
            yield "correction_budget_s", self.correction_budget_s
        if labels.before_rescue != LabelConfig().before_rescue:
            yield "learning.labels.before_rescue", labels.before_rescue
        # AWR asks which steps are positive for the weight of those that are forced to be, and for nothing else.
        weighs_only = READERS["labels.positive_fraction"] & set(self.methods) == {"awr"}
        if labels.positive_fraction is not None and weighs_only and not labels.force_demonstrations:
            yield "learning.labels.positive_fraction", labels.positive_fraction

    def _unread(self) -> list[str]:
        """Return the options of learning that no method of this run reads."""
        given, default = self.learning.to_dict(), LearningConfig().to_dict()
        wrong = []
        for option, readers in READERS.items():
            group, name = option.split(".")
            if given[group][name] == default[group][name] or (self.iterations and readers & set(self.methods)):
                continue
            methods = ", ".join(sorted(readers))
            wrong.append(f"learning.{option}={given[group][name]} (has no effect without iterations of {methods})")
        return wrong


_EXPERIMENT = RunConfig(
    preset="standard",
    out=Path("runs/standard"),
    demonstrations=250,
    iterations=2,
    rollouts_per_iteration=300,
    evaluation_episodes=300,
    check_episodes=24,
    learning=STANDARD,
)

PRESETS: dict[str, RunConfig] = {
    "quick": RunConfig(learning=QUICK, shard_episodes=20),
    "standard": _EXPERIMENT,
    "large": replace(_EXPERIMENT, preset="large", out=Path("runs/large"), learning=LARGE),
    "paper": RunConfig(
        preset="paper",
        out=Path("runs/paper"),
        num_envs=128,
        demonstrations=1000,
        iterations=2,
        rollouts_per_iteration=None,
        evaluation_episodes=300,
        check_episodes=50,
        learning=PAPER,
    ),
}
"""Name -> run config; variants by `make_config`."""


def make_config(preset: str, **changes: Any) -> RunConfig:
    """Return the config of `preset` with `changes`; raise UnknownNameError for an unknown preset."""
    if preset not in PRESETS:
        raise UnknownNameError("preset", preset, list(PRESETS))
    return replace(PRESETS[preset], **changes)
