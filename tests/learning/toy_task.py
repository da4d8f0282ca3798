"""A stand-in task in numpy: pick a peg with a velocity-limited hand and release it in a slot.

Carrying too fast may drop the peg, and releasing it beside the slot may jam it for good. Demonstrations come from
operators of mixed speed, aim and patience; every episode is recorded as the store would.
"""

from dataclasses import dataclass

import numpy as np

from recap_bench.data.episode import ACTOR_CORRECTION, ACTOR_DEMONSTRATOR, ACTOR_POLICY, Episode
from recap_bench.data.steps import StepData, from_episodes
from recap_bench.policy import Policy

TASK = "ToyPeg-v0"
INSTRUCTION = "put the peg into the slot"
HORIZON = 300
STATE_NAMES = ("peg_x", "peg_y", "slot_x", "slot_y", "to_peg_x", "to_peg_y", "to_slot_x", "to_slot_y", "held")
SPEED = 0.02
"""Largest motion of the hand per step [m]."""
SAFE_SPEED = 0.012
"""Carrying faster than this [m per step] may drop the peg."""
GRASP, SLOT, JAM = 0.015, 0.012, 0.04
"""Reach of the grasp, of the slot, and of a jam around it [m]."""


class ToyTask:
    """n simulations; arrays have a leading axis (n, ...)."""

    def __init__(self, seeds: np.ndarray) -> None:
        n = len(seeds)
        self.rngs = [np.random.default_rng([7, int(seed)]) for seed in seeds]
        start = np.stack([rng.uniform(-0.2, 0.2, 6) for rng in self.rngs])
        self.hand, self.peg, self.slot = start[:, 0:2], start[:, 2:4] - [0.3, 0], start[:, 4:6] + [0.3, 0]
        self.jaw, self.held = np.ones(n), np.zeros(n, bool)
        self.success, self.jammed = np.zeros(n, bool), np.zeros(n, bool)

    def observation(self) -> dict[str, np.ndarray]:
        """Return agent_pos (n, 3) and environment_state (n, 9)."""
        state = [self.peg, self.slot, self.peg - self.hand, self.slot - self.hand, self.held[:, None]]
        agent = np.concatenate([self.hand, self.jaw[:, None]], axis=1)
        return {"agent_pos": agent.astype(np.float32), "environment_state": np.concatenate(state, 1, dtype=np.float32)}

    def step(self, action: np.ndarray) -> None:
        """Move towards targets (n, 3): position [m] and jaw in [0, 1]."""
        luck = np.array([rng.random() for rng in self.rngs])
        move = action[:, :2] - self.hand
        distance = np.linalg.norm(move, axis=1)
        move *= np.minimum(1.0, SPEED / np.maximum(distance, 1e-9))[:, None]
        self.hand = self.hand + move
        was_open = self.jaw > 0.5
        self.jaw = self.jaw + np.clip(np.clip(action[:, 2], 0, 1) - self.jaw, -0.2, 0.2)
        opened = (self.jaw > 0.5) & ~was_open
        closed = (self.jaw <= 0.5) & was_open
        self.held |= closed & (np.linalg.norm(self.hand - self.peg, axis=1) < GRASP) & ~self.jammed
        self.peg = np.where(self.held[:, None], self.hand, self.peg)
        self.held &= ~((np.minimum(distance, SPEED) > SAFE_SPEED) & (luck < 0.03))
        miss = np.linalg.norm(self.peg - self.slot, axis=1)
        self.success |= opened & self.held & (miss < SLOT)
        self.jammed |= opened & self.held & (miss >= SLOT) & (miss < JAM) & (luck < 0.5)
        self.held &= ~opened


@dataclass
class Operators:
    """Scripted operators, one per simulation; they work from any state."""

    speed: np.ndarray
    """Motion per step [m], (n,)."""
    aim: np.ndarray
    """Aim offset at the grasp and at the slot [m], (n, 2, 2)."""
    pause: np.ndarray
    """Probability of standing still in a step, (n,)."""
    rngs: list[np.random.Generator]

    @classmethod
    def draw(cls, seeds: np.ndarray, skilled: bool = False) -> "Operators":
        """Return operators for `seeds` (n,), mixed ones unless `skilled`."""
        rngs = [np.random.default_rng([11, int(seed)]) for seed in seeds]
        low, noise, pause = (0.011, 0.001, 0.0) if skilled else (0.004, 0.005, 0.3)
        high = SAFE_SPEED if skilled else SPEED
        return cls(
            np.array([rng.uniform(low, high) for rng in rngs]),
            np.stack([rng.normal(0, noise, (2, 2)) for rng in rngs]),
            np.array([rng.uniform(0, pause) for rng in rngs]),
            rngs,
        )

    def act(self, task: ToyTask) -> np.ndarray:
        """Return targets (n, 3)."""
        goal = np.where(task.held[:, None], task.slot + self.aim[:, 1], task.peg + self.aim[:, 0])
        move = goal - task.hand
        distance = np.linalg.norm(move, axis=1)
        arrived = distance < 0.003
        step = np.minimum(1.0, self.speed / np.maximum(distance, 1e-9))
        step *= np.array([rng.random() for rng in self.rngs]) >= self.pause
        jaw = np.where(task.held, arrived, ~arrived).astype(float)
        return np.concatenate([task.hand + move * step[:, None], jaw[:, None]], axis=1)


def demonstrations(count: int, seed: int = 0) -> StepData:
    """Return `count` episodes of mixed operators."""
    return from_episodes(run(np.arange(count) + 1000 * seed, None, 0)[0], STATE_NAMES)


def run(
    seeds: np.ndarray, policy: Policy | None, iteration: int, corrected_after: int | None = None, noise_seed: int = 0
) -> tuple[list[Episode], dict[str, float]]:
    """Run one episode per seed; `policy` None means operators, `corrected_after` steps a skilled one takes over."""
    n, task = len(seeds), ToyTask(seeds)
    operators = Operators.draw(seeds, skilled=policy is not None)
    rngs = [np.random.default_rng([13, noise_seed, int(seed)]) for seed in seeds]
    log: dict[str, list[np.ndarray]] = {
        "agent_pos": [],
        "environment_state": [],
        "actions": [],
        "actor": [],
        "done": [],
    }
    chunk = np.zeros((n, 1, 3))
    for t in range(HORIZON):
        seen = task.observation()
        corrected = policy is None or (corrected_after is not None and t >= corrected_after)
        if corrected:
            action = operators.act(task)
        else:
            assert policy is not None
            if t % policy.execute_steps == 0:
                chunk = policy.act(seen, [INSTRUCTION] * n, rngs)
            action = chunk[:, t % policy.execute_steps]
        log["done"].append(task.success | task.jammed)
        actor = ACTOR_DEMONSTRATOR if policy is None else ACTOR_CORRECTION if corrected else ACTOR_POLICY
        log["actor"].append(np.full(n, actor, np.int8))
        log["actions"].append(action.astype(np.float32))
        for name, value in seen.items():
            log[name].append(value)
        task.step(action)
        if (task.success | task.jammed).all():
            break
    arrays = {name: np.stack(values, axis=1) for name, values in log.items()}
    length = (~arrays["done"]).sum(axis=1)
    source = "demonstration" if policy is None else "rollout"
    episodes = [_episode(arrays, task, i, int(seeds[i]), (int(length[i]), iteration, source)) for i in range(n)]
    return episodes, {
        "success": float(task.success.mean()),
        "length": float(length.mean()),
        "per_hour": 3600.0 * float(task.success.sum()) / (float(length.sum()) / 50.0),
    }


def _episode(arrays: dict[str, np.ndarray], task: ToyTask, i: int, seed: int, facts: tuple[int, int, str]) -> Episode:
    length, iteration, source = facts
    success, jammed = bool(task.success[i]), bool(task.jammed[i])
    return Episode(
        task=TASK,
        seed=seed,
        iteration=iteration,
        source=source,
        profile="",
        **{name: arrays[name][i, :length] for name in ("agent_pos", "environment_state", "actions", "actor")},
        proposals=np.full((length, 3), np.nan, np.float32),
        reason=np.zeros(length, np.int8),
        stages_done=np.zeros(length, np.int8),
        success=success,
        failure_mode="none" if success else "jammed" if jammed else "time_out",
        truncated=not (success or jammed),
        stage_times_s=np.full(1, np.nan),
    )
