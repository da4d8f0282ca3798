"""Steps small enough to check by hand, and small configs."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from recap_bench.data.episode import ACTOR_CORRECTION, ACTOR_DEMONSTRATOR, ACTOR_POLICY, Episode
from recap_bench.data.steps import StepData, from_episodes
from recap_bench.learning.config import LabelConfig, LearningConfig, PolicyConfig, ValueConfig
from recap_bench.learning.tasks import TaskFacts
from recap_bench.method import FitContext
from tests.learning.toy_task import HORIZON, INSTRUCTION, TASK

PHRASINGS = (INSTRUCTION, "move the peg over and let go")

ACTORS = {"p": ACTOR_POLICY, "d": ACTOR_DEMONSTRATOR, "c": ACTOR_CORRECTION}

TINY = LearningConfig(
    value=ValueConfig(width=32, blocks=1, steps=60, batch=128, learning_rate=1e-3, folds=2, check_every=20),
    labels=LabelConfig(look_ahead=25),
    policy=PolicyConfig(width=32, blocks=1, chunk=6, execute=3, batch=64, fit_batch=64, pretrain_steps=15, passes=0.5),
)
"""Seconds for a whole loop; learns next to nothing."""


def episode(actors: str, success: bool, iteration: int = 0, seed: int = 0, task: str = TASK) -> Episode:
    """Return an episode with one step per letter: p policy, d demonstrator, c correction; values count steps."""
    length = len(actors)
    count = np.arange(length, dtype=np.float32)
    return Episode(
        task=task,
        seed=seed,
        iteration=iteration,
        source="demonstration" if "d" in actors else "rollout",
        profile="",
        agent_pos=np.repeat(count[:, None], 3, axis=1),
        environment_state=np.full((length, 2), seed, np.float32),
        actions=np.repeat(count[:, None] + 1, 3, axis=1),
        proposals=np.full((length, 3), np.nan, np.float32),
        actor=np.array([ACTORS[letter] for letter in actors], np.int8),
        reason=np.zeros(length, np.int8),
        stages_done=np.zeros(length, np.int8),
        success=success,
        failure_mode="none" if success else "time_out",
        truncated=not success,
        stage_times_s=np.full(1, np.nan),
    )


def standing(moving: Episode, first: int, last: int, flutter: float = 0.04) -> Episode:
    """Return the episode with hands that flutter on the spot from step `first` to step `last`."""
    positions = moving.agent_pos.copy()
    positions[first : last + 1] = positions[first]
    positions[first + 1 : last + 1 : 2] += flutter
    return replace(moving, agent_pos=positions)


def steps_of(*episodes: Episode) -> StepData:
    """Return the steps of the episodes."""
    return from_episodes(list(episodes), ("seed", "seed_again"))


def context(
    steps: StepData, folder: Path, iteration: int = 0, pretrained: Path | None = None, config: LearningConfig = TINY
) -> FitContext:
    """Return a context of the toy task."""
    return FitContext(
        steps=steps,
        iteration=iteration,
        tasks={TASK: TaskFacts(HORIZON, PHRASINGS, steps.state_names)},
        seed=0,
        folder=folder,
        config=config,
        pretrained=pretrained,
        threads=1,
    )


def with_labels(config: LearningConfig, **changes: object) -> LearningConfig:
    """Return the config with changed label options."""
    return replace(config, labels=replace(config.labels, **changes))  # type: ignore[arg-type]


def with_policy(config: LearningConfig, **changes: object) -> LearningConfig:
    """Return the config with changed policy options."""
    return replace(config, policy=replace(config.policy, **changes))  # type: ignore[arg-type]


def with_value(config: LearningConfig, **changes: object) -> LearningConfig:
    """Return the config with changed value options."""
    return replace(config, value=replace(config.value, **changes))  # type: ignore[arg-type]


def rngs(count: int, seed: int = 0) -> Sequence[np.random.Generator]:
    """Return one generator per row."""
    return [np.random.default_rng([seed, i]) for i in range(count)]
