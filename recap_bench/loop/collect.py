"""Collect episodes into a store, so that a killed collection goes on where it stopped."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from recap_bench.data.episode import ACTOR_CORRECTION, DIVERGED, Episode
from recap_bench.data.steps import StepData
from recap_bench.data.store import Store, StoreHeader
from recap_bench.envs.simulation import CONTROL_HZ
from recap_bench.loop.pilots import Controllers
from recap_bench.loop.recorder import Origin
from recap_bench.loop.workers import fly

if TYPE_CHECKING:
    from recap_bench.envs.task import TaskSpec
    from recap_bench.envs.vector_env import TaskVectorEnv
    from recap_bench.loop.workers import Fleet

Report = Callable[[int, int, dict[str, float]], None]
"""Called with (episodes done, episodes in all, partial results)."""


@dataclass(frozen=True)
class Assignment:
    """What to collect."""

    group: str
    """Group of the store that takes the episodes."""
    seeds: Sequence[int]
    """Environment seeds, one episode each."""
    origin: Origin
    """Run seed, source and iteration."""
    shard_episodes: int = 50
    """Episodes per shard."""


@dataclass(frozen=True)
class CollectSummary:
    """What a collection brought in."""

    episodes: int
    """Episodes in the store's group."""
    steps: int
    """Their control steps."""
    successes: int
    """Episodes that ended in success, with or without help."""
    assisted: int
    """Episodes of a policy that an operator corrected at least once."""
    rescued: int
    """Assisted episodes that ended in success; none of them is an autonomous success."""
    interventions: int
    """Corrections, each from a take-over to the hand-back or the end."""
    correction_s: float
    """Time of all corrections [s]."""
    failure_modes: dict[str, int]
    """Failed episodes by mode, most frequent first."""
    diverged_seeds: list[int]
    """Environment seeds whose physics broke down; they are not in the store."""

    def to_dict(self) -> dict[str, Any]:
        """Return plain types, for JSON."""
        return asdict(self)


def store_header(spec: "TaskSpec") -> StoreHeader:
    """Return the header of a store for the task of `spec`."""
    return StoreHeader(spec.name, spec.stages, spec.state_names)


def collect_into(
    store: Store,
    simulations: "TaskVectorEnv | Fleet",
    controllers: Controllers,
    assignment: Assignment,
    report: Report | None = None,
) -> CollectSummary:
    """Collect the episodes of `assignment` that its group does not hold yet, and summarise the whole group.

    Shards are written as soon as they are full, so at most `shard_episodes` ended episodes get lost
    when the process dies. Diverged episodes never enter the store.
    """
    group = assignment.group
    held = store.seeds(group)
    missing = [seed for seed in assignment.seeds if seed not in held]
    done = len(assignment.seeds) - len(missing)
    pending: list[Episode] = []
    diverged: list[int] = []
    for episode in fly(simulations, _within_budget(controllers, store, group), missing, assignment.origin):
        done += 1
        if episode.failure_mode == DIVERGED:
            diverged.append(episode.seed)
        else:
            pending.append(episode)
        if len(pending) == assignment.shard_episodes:
            store.append(group, pending)
            pending = []
        if report is not None:
            report(done, len(assignment.seeds), {})
    if pending:
        store.append(group, pending)
    return _summarise(store, group, sorted(diverged))


def interventions(steps: StepData) -> int:
    """Return the number of corrections: runs of corrected steps within one episode."""
    corrected = steps.actor == ACTOR_CORRECTION
    before = np.concatenate([[False], corrected[:-1]]) & (steps.t > 0)
    return int(np.sum(corrected & ~before))


def _within_budget(controllers: Controllers, store: Store, group: str) -> Controllers:
    """Charge the corrections that the group already holds to the collection's budget."""
    if controllers.correction_budget_s is None or group not in store.groups():
        return controllers
    spent_s = float((store.load([group]).actor == ACTOR_CORRECTION).sum()) / CONTROL_HZ
    return replace(controllers, correction_budget_s=max(0.0, controllers.correction_budget_s - spent_s))


def _summarise(store: Store, group: str, diverged: list[int]) -> CollectSummary:
    if group not in store.groups():
        return CollectSummary(0, 0, 0, 0, 0, 0, 0.0, {}, diverged)
    steps = store.load([group])
    modes = Counter(steps.failure_mode[~steps.success].tolist())
    return CollectSummary(
        episodes=steps.num_episodes,
        steps=steps.num_steps,
        successes=int(np.sum(steps.success)),
        assisted=int(np.sum(steps.assisted)),
        rescued=int(np.sum(steps.assisted & steps.success)),
        interventions=interventions(steps),
        correction_s=float(np.sum(steps.actor == ACTOR_CORRECTION)) / CONTROL_HZ,
        failure_modes=dict(modes.most_common()),
        diverged_seeds=diverged,
    )
