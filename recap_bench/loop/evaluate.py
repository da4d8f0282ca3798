"""Evaluate a policy on fresh seeds: one row per episode, and their summary."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from recap_bench.data.episode import Episode
from recap_bench.envs.simulation import CONTROL_HZ
from recap_bench.loop.pilots import Controllers
from recap_bench.loop.recorder import Origin
from recap_bench.loop.workers import fly
from recap_bench.reporting.summary import summarise

if TYPE_CHECKING:
    from recap_bench.envs.vector_env import TaskVectorEnv
    from recap_bench.loop.workers import Fleet

Report = Callable[[int, int, dict[str, float]], None]
"""Called with (episodes done, episodes in all, partial results)."""


@dataclass(frozen=True)
class Labels:
    """What is evaluated; copied into every row."""

    method: str
    """Method, or the name of the policy outside a run."""
    run: str = ""
    """Name of the run."""
    seed: int = 0
    """Training seed."""
    iteration: int = 0
    """Iteration of the method."""
    start: str = ""
    """Where in the task episodes start, one of its `starts`; '' if unknown."""
    randomization: str = ""
    """How far start states vary; '' if unknown."""


@dataclass(frozen=True)
class EvaluationResult:
    """The measures of one evaluation; every attempt's time counts, failures included."""

    task: str
    """Task name."""
    policy: str
    """What was evaluated."""
    episodes: int
    """Number of episodes, diverged ones included (they are failures)."""
    successes: int
    """Number of successes."""
    success_rate: float
    """In [0, 1]."""
    success_ci95: list[float]
    """95 % interval of the success rate, [low, high]."""
    throughput_per_hour: float
    """3600 * successes / time of all attempts."""
    throughput_ci95: list[float]
    """95 % interval of the throughput, [low, high]."""
    mean_success_time_s: float | None
    """Mean time of the successes [s]; None without any."""
    failure_modes: dict[str, int]
    """Failed episodes by mode, most frequent first."""
    stages: dict[str, float]
    """Share of the episodes that reached each stage."""
    rows: list[dict[str, Any]]
    """One per episode, in the order of the seeds; a stage's time is None if it was not reached."""

    @classmethod
    def of_rows(cls, task: str, policy: str, rows: list[dict[str, Any]]) -> "EvaluationResult":
        """Return the result of the episodes `rows` (at least one)."""
        return cls(task, policy, **summarise(rows), rows=rows)

    def to_dict(self) -> dict[str, Any]:
        """Return plain types, for JSON."""
        return asdict(self)


def evaluate(
    simulations: "TaskVectorEnv | Fleet",
    controllers: Controllers,
    seeds: Sequence[int],
    labels: Labels,
    report: Report | None = None,
) -> EvaluationResult:
    """Run one episode per environment seed and return rows and summary.

    The policy's noise derives from each environment seed alone, so that two policies evaluated on
    the same seeds are compared pairwise.
    """
    episodes: dict[int, Episode] = {}
    for episode in fly(simulations, controllers, seeds, Origin(run_seed=0, source="evaluation")):
        episodes[episode.seed] = episode
        if report is not None:
            successes = sum(done.success for done in episodes.values())
            report(len(episodes), len(seeds), {"success_rate": successes / len(episodes)})
    stages = simulations.spec_of_task.stages
    rows = [row_of(episodes[seed], index, labels, stages) for index, seed in enumerate(seeds)]
    return EvaluationResult.of_rows(simulations.spec_of_task.name, labels.method, rows)


def row_of(episode: Episode, index: int, labels: Labels, stages: Sequence[str]) -> dict[str, Any]:
    """Return the row of `episode`, the `index`-th of its evaluation."""
    times = [None if np.isnan(time) else float(time) for time in episode.stage_times_s]
    return {
        "run": labels.run,
        "task": episode.task,
        "method": labels.method,
        "seed": labels.seed,
        "iteration": labels.iteration,
        "episode": index,
        "env_seed": episode.seed,
        "success": episode.unassisted_success,
        "failure_mode": episode.failure_mode,
        "steps": episode.length,
        "time_s": episode.length / CONTROL_HZ,
        "stages_done": int(episode.stages_done[-1]),
        **{f"stage_{name}_s": time for name, time in zip(stages, times, strict=True)},
        "assisted": episode.assisted,
        "oracle_s": episode.oracle_steps / CONTROL_HZ,
        "start": labels.start,
        "randomization": labels.randomization,
    }
