"""Plays whole episodes of a task, one simulation per episode, and keeps how they ended."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from recap_bench.envs import load_task, make_vec
from recap_bench.envs.operators import profile
from recap_bench.envs.rig import ACTION_HIGH, ACTION_LOW
from recap_bench.envs.simulation import CONTROL_HZ
from recap_bench.envs.task import Task
from recap_bench.envs.vector_env import TaskVectorEnv

Pilot = Callable[[np.ndarray], np.ndarray]
"""Actions (k, 14) for the simulations `ids` (k,) that are still running."""
MakePilot = Callable[[TaskVectorEnv], Pilot]


@dataclass(frozen=True)
class Subject:
    """What is examined."""

    task: str
    """Name of the task."""
    start: str | None = None
    """Where its episodes start; None for its first start."""


@dataclass(frozen=True)
class Result:
    """How n episodes ended."""

    success: np.ndarray
    """(n,) bool."""
    failure_mode: np.ndarray
    """(n,) str, 'none' after success."""
    time_s: np.ndarray
    """Length of the episode, (n,)."""
    actions: list[np.ndarray]
    """Of each episode, (T, 14)."""

    def failures(self) -> str:
        """Name the episodes that failed and how, for messages."""
        return ", ".join(f"{i}: {self.failure_mode[i]}" for i in np.flatnonzero(~self.success)) or "no failure"

    def modes(self) -> dict[str, int]:
        """Return how often each failure mode occurred."""
        modes, counts = np.unique(self.failure_mode, return_counts=True)
        return dict(zip(modes.tolist(), counts.tolist(), strict=True))


def play(subject: Subject, make_pilot: MakePilot, seeds: Sequence[int]) -> Result:
    """Play one episode for each seed, all together, each to its end."""
    env = make_vec(subject.task, len(seeds), threads=1, start=subject.start, autoreset_mode="Disabled")
    _, info = env.reset(seed=list(seeds))
    pilot = make_pilot(env)
    over = np.zeros(len(seeds), bool)
    actions = np.zeros((len(seeds), 14), np.float32)
    taken = []
    while not over.all():
        ids = np.flatnonzero(~over)
        actions[ids] = pilot(ids)
        taken.append(actions.copy())
        _, _, terminated, truncated, info = env.step(actions)
        over = terminated | truncated
    steps, table = info["step"], np.array(taken)
    actions_of = [table[: steps[i], i] for i in range(len(seeds))]
    return Result(info["is_success"], info["failure_mode"], steps / CONTROL_HZ, actions_of)


def operated_by(*profiles: str) -> MakePilot:
    """Let simulation i be run by an operator with the i-th profile, the last one repeated."""

    def make_pilot(env: TaskVectorEnv) -> Pilot:
        oracle, ids = env.make_oracle(), np.arange(env.num_envs)
        names = [profiles[min(i, len(profiles) - 1)] for i in ids]
        oracle.begin(ids, [profile(name) for name in names], [np.random.default_rng([1, i]) for i in ids])
        return oracle.act

    return make_pilot


def idle(env: TaskVectorEnv) -> Pilot:
    """Hold the arms where they are."""
    home = env.task.agent_pos(np.arange(env.num_envs))
    return lambda ids: home[ids]


def random(env: TaskVectorEnv) -> Pilot:
    """Draw every action anew."""
    rng = np.random.default_rng(0)
    return lambda ids: rng.uniform(ACTION_LOW, ACTION_HIGH, (len(ids), 14))


def shuffled(demonstrations: Sequence[np.ndarray]) -> MakePilot:
    """Play the actions of demonstration i modulo their number, in a random order, over and over."""

    def make_pilot(env: TaskVectorEnv) -> Pilot:
        rngs = [np.random.default_rng([0, i]) for i in range(env.num_envs)]
        decks: list[list[np.ndarray]] = [[] for _ in rngs]

        def act(ids: np.ndarray) -> np.ndarray:
            for i in ids:
                if not decks[i]:
                    decks[i] = list(rngs[i].permutation(demonstrations[i % len(demonstrations)]))
            return np.array([decks[i].pop() for i in ids])

        return act

    return make_pilot


def play_without_skill(subject: Subject, policy: str, seed: int) -> Result:
    """Play 500 episodes 'idle', 'random' or 'shuffled': without what makes an operator's actions work."""
    if policy != "shuffled":
        return play(subject, {"idle": idle, "random": random}[policy], range(seed, seed + 500))
    # each on the start state of its own demonstration, where it is most likely to work
    seeds = range(seed, seed + 24)
    demonstrations = play(subject, operated_by("skilled"), seeds)
    worked = np.flatnonzero(demonstrations.success)[:20]
    assert len(worked) == 20, demonstrations.failures()
    return play(subject, shuffled([demonstrations.actions[i] for i in worked]), [seeds[i] for i in worked] * 25)


@dataclass(frozen=True)
class Disturbance:
    """What may be done to a running episode."""

    kinds: Sequence[str]
    """Names; each is asked for in turn."""
    disturb: Callable[[Task, int, str, np.random.Generator], str]
    """Does the kind asked for to one simulation, or another if that is not possible now, and returns what it did."""
    steps: tuple[int, int]
    """It happens at one of these control steps, all of them before an episode of the skilled operator ends."""


@dataclass(frozen=True)
class Recovery:
    """How n disturbed episodes ended."""

    recovered: np.ndarray
    """(n,) bool."""
    kind: np.ndarray
    """What was done to them, (n,) str."""
    phase: np.ndarray
    """What the operator was doing then, (n,) str."""
    failure_mode: np.ndarray
    """(n,) str, 'none' after success."""

    def failures(self) -> str:
        """Name the episodes that did not recover, for messages."""
        return (
            ", ".join(
                f"{i}: {self.failure_mode[i]} after {self.kind[i]} during {self.phase[i]}"
                for i in np.flatnonzero(~self.recovered)
            )
            or "all recovered"
        )


def recover(subject: Subject, disturbance: Disturbance, n: int, seed: int) -> Recovery:
    """Disturb n episodes of the skilled operator once each, at random moments; a new operator then goes on.

    It has the time limit of a whole episode, counted from the disturbance.
    """
    task_class = load_task(subject.task)
    simulation = task_class.make_simulation(n, 1)
    task = task_class(simulation, "standard", task_class.start_named(subject.start))
    ids, rngs = np.arange(n), [np.random.default_rng([seed, i]) for i in range(n)]
    task.simulation.reset(ids)
    task.reset(ids, rngs)
    task.simulation.forward(ids)
    oracle = task.make_oracle()
    oracle.begin(ids, [profile("skilled")] * n, rngs)
    when = np.array([rng.integers(*disturbance.steps) for rng in rngs])
    kind, phase = np.full(n, "none", object), np.full(n, "none", object)
    limit = task.spec.max_episode_steps
    for step in range(int(when.max()) + limit):
        for i in np.flatnonzero((when == step) & ~_over(task)):
            phase[i] = oracle.phase(i)
            kind[i] = disturbance.disturb(task, i, disturbance.kinds[i % len(disturbance.kinds)], rngs[i])
            oracle.begin(np.array([i]), [profile("skilled")], [rngs[i]])
        running = ids[~_over(task) & (step < when + limit)]
        if not len(running):
            break
        task.apply(running, oracle.act(running))
        task.simulation.step(running)
        task.advance(running)
    modes = np.array(task.spec.failure_modes)[task.failure]
    disturbed = phase != "none"
    return Recovery(task.success[disturbed], kind[disturbed], phase[disturbed], modes[disturbed])


def _over(task: Task) -> np.ndarray:
    return task.success | (task.failure > 0)
