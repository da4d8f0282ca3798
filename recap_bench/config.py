"""The options of a run, validated once, and the presets."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from recap_bench.envs.catalog import normalise_task_name
from recap_bench.envs.operators import profile
from recap_bench.errors import ConfigurationError, UnknownNameError
from recap_bench.learning.config import QUICK, STANDARD, LearningConfig
from recap_bench.loop.intervention import GateConfig
from recap_bench.method import METHODS

NOT_COMPARED = ("out", "threads")
"""Fields that may change when a run is resumed: they do not change its results."""

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
    """Training seeds; each has its own demonstrations, rollouts and networks."""
    preset: str = "quick"
    """Name of the preset that this config started from."""
    out: Path = Path("runs/quick")
    """Run folder; an unfinished run in it is resumed."""
    num_envs: int = 32
    """Simulations stepped together."""
    threads: int = 0
    """Threads of physics and learning; 0 for every core."""
    device: str = "cpu"
    """Torch device of training and inference."""
    randomization: str = "standard"
    """How far start states vary: 'none', 'standard' or 'wide'."""
    start: str | None = None
    """Where in the tasks episodes start, one of every task's `starts`; None takes each task's first."""
    demonstrations: int = 40
    """Demonstrated episodes per seed."""
    iterations: int = 1
    """K, the number of rounds of collecting and fitting after the fit on demonstrations."""
    rollouts_per_iteration: int = 40
    """Episodes that the policy collects per round, autonomous and corrected ones together."""
    corrected_share: float = 0.3
    """Share of them that an operator watches, for the methods that use corrections, in [0, 1]."""
    correction_budget_s: float | None = None
    """Correction time per round [s]; None for no limit."""
    evaluation_episodes: int = 40
    """Episodes of each evaluation, on the same fresh seeds for every method and iteration."""
    check_episodes: int = 0
    """Episodes per condition (positive, unconditional, negative) of the conditioning check; 0 leaves it out."""
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
        for method in self.methods:
            if method not in METHODS:
                raise UnknownNameError("method", method, list(METHODS))
        for name in (*self.profile_mix, self.gate.profile):
            profile(name)
        wrong = [*self._wrong_lists(), *self._wrong_numbers()]
        if wrong:
            raise ConfigurationError(f"Run configuration cannot be used: {'; '.join(wrong)}.")

    @property
    def corrected_per_iteration(self) -> int:
        """Number of a round's episodes that an operator watches."""
        return round(self.corrected_share * self.rollouts_per_iteration)

    def to_dict(self) -> dict[str, Any]:
        """Return nested plain types, for JSON."""
        return {**asdict(self), "out": str(self.out)}

    def _wrong_lists(self) -> list[str]:
        wrong = []
        for name in ("tasks", "methods", "seeds"):
            values = getattr(self, name)
            if not values or len(set(values)) < len(values):
                wrong.append(f"{name}={values} (must not be empty or repeat a name)")
        if not self.profile_mix or any(not weight > 0 for weight in self.profile_mix.values()):
            wrong.append(f"profile_mix={dict(self.profile_mix)} (needs weights > 0)")
        return wrong

    def _wrong_numbers(self) -> list[str]:
        wrong = [
            f"{name}={getattr(self, name)} (must be >= {least})"
            for least, names in (
                (1, ("num_envs", "demonstrations", "evaluation_episodes", "shard_episodes")),
                (0, ("threads", "iterations", "rollouts_per_iteration", "check_episodes")),
            )
            for name in names
            if getattr(self, name) < least
        ]
        if self.iterations > 0 and self.rollouts_per_iteration == 0:
            wrong.append("rollouts_per_iteration=0 (must be >= 1 if there are iterations)")
        if not 0 <= self.corrected_share <= 1:
            wrong.append(f"corrected_share={self.corrected_share} (must be in [0, 1])")
        if self.correction_budget_s is not None and not self.correction_budget_s >= 0:
            wrong.append(f"correction_budget_s={self.correction_budget_s} (must be >= 0 or None)")
        return wrong


PRESETS: dict[str, RunConfig] = {
    "quick": RunConfig(learning=QUICK, shard_episodes=20),
    "standard": RunConfig(
        preset="standard",
        out=Path("runs/standard"),
        demonstrations=100,
        iterations=2,
        rollouts_per_iteration=300,
        corrected_share=1 / 3,
        evaluation_episodes=300,
        check_episodes=24,
        learning=STANDARD,
    ),
}
"""Name -> run config; variants by `make_config`."""


def make_config(preset: str, **changes: Any) -> RunConfig:
    """Return the config of `preset` with `changes`; raise UnknownNameError for an unknown preset."""
    if preset not in PRESETS:
        raise UnknownNameError("preset", preset, list(PRESETS))
    return replace(PRESETS[preset], **changes)
