"""What a policy is: observations and instructions in, chunks of joint targets out."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from recap_bench.errors import ActionError


class Policy(Protocol):
    """Anything that proposes chunks of actions for a batch of observations."""

    execute_steps: int
    """How many steps of a chunk are executed before the next one is asked for, in [1, H]."""

    def act(
        self,
        observation: dict[str, np.ndarray],
        instructions: Sequence[str],
        rngs: Sequence[np.random.Generator],
    ) -> np.ndarray:
        """Return absolute joint targets (B, H, A) for `agent_pos` (B, A) and `environment_state` (B, D).

        Row i depends on row i of the observation, instructions[i] and rngs[i] only (up to the
        rounding of a batched product).
        """


class IdlePolicy:
    """Holds the joint positions that it sees."""

    def __init__(self, execute_steps: int = 25) -> None:
        self.execute_steps = execute_steps

    def act(
        self,
        observation: dict[str, np.ndarray],
        instructions: Sequence[str],
        rngs: Sequence[np.random.Generator],
    ) -> np.ndarray:
        """Return the present joint positions as targets, (B, execute_steps, A)."""
        return np.repeat(observation["agent_pos"][:, None], self.execute_steps, axis=1).astype(np.float32)


class RandomPolicy:
    """Draws one uniform target per chunk from the action space and holds it."""

    def __init__(self, low: np.ndarray, high: np.ndarray, execute_steps: int = 25) -> None:
        self.low, self.high = np.asarray(low, np.float32), np.asarray(high, np.float32)
        self.execute_steps = execute_steps

    def act(
        self,
        observation: dict[str, np.ndarray],
        instructions: Sequence[str],
        rngs: Sequence[np.random.Generator],
    ) -> np.ndarray:
        """Return uniform targets within [low, high] (A,), (B, execute_steps, A)."""
        targets = np.stack([rng.uniform(self.low, self.high) for rng in rngs]).astype(np.float32)
        return np.repeat(targets[:, None], self.execute_steps, axis=1)


class ShuffledPolicy:
    """Replays the actions of a demonstration in random order: right actions, wrong times."""

    def __init__(self, actions: np.ndarray, execute_steps: int = 25) -> None:
        if actions.ndim != 2 or len(actions) == 0:
            raise ActionError(f"A demonstration's actions have shape (T, A) with T > 0, received {actions.shape}.")
        self.actions = np.asarray(actions, np.float32)
        self.execute_steps = execute_steps

    def act(
        self,
        observation: dict[str, np.ndarray],
        instructions: Sequence[str],
        rngs: Sequence[np.random.Generator],
    ) -> np.ndarray:
        """Return actions drawn from the demonstration (T, A), (B, execute_steps, A)."""
        return np.stack([self.actions[rng.integers(len(self.actions), size=self.execute_steps)] for rng in rngs])
