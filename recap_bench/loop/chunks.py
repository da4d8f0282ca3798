"""Play a policy's action chunks in n simulations, with one batched inference for all that need a new chunk."""

from collections.abc import Mapping

import numpy as np

from recap_bench.policy import Policy


class ChunkPlayer:
    """The chunks that the policy is executing, per simulation.

    A chunk ends at the next multiple of the policy's `execute_steps` since the episode's start, so that simulations
    whose episodes began on such a multiple stay in step, and one inference serves them all.
    """

    def __init__(self, policy: Policy, n: int, instruction: str) -> None:
        self._policy = policy
        self._instruction = instruction
        self._rngs: list[np.random.Generator] = [np.random.default_rng(0)] * n
        self._chunks = np.zeros((n, policy.execute_steps, 14), np.float32)
        self._age = np.zeros(n, np.int64)
        """Steps since the episode began."""
        self._cursor = np.zeros(n, np.int64)
        """Steps since the chunk began."""
        self._due = np.ones(n, bool)

    def begin(self, slot: int, rng: np.random.Generator) -> None:
        """Start an episode in `slot` whose policy noise comes from `rng`."""
        self._rngs[slot] = rng
        self._age[slot] = 0
        self._due[slot] = True

    def forget(self, slots: np.ndarray) -> None:
        """Drop what is left of the chunks of `slots`, so that the next proposal starts a fresh one."""
        self._due[slots] = True

    def propose(self, ids: np.ndarray, observation: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return the next action of the policy in each simulation of `ids` (k,), (k, 14) float32.

        `observation` holds all n simulations.
        """
        due = ids[self._due[ids]]
        if len(due):
            rows = {name: values[due] for name, values in observation.items()}
            instructions = [self._instruction] * len(due)
            chunks = self._policy.act(rows, instructions, [self._rngs[slot] for slot in due])
            self._chunks[due] = chunks[:, : self._policy.execute_steps]
            self._cursor[due] = 0
        actions = self._chunks[ids, self._cursor[ids]]
        self._cursor[ids] += 1
        self._age[ids] += 1
        self._due[ids] = self._age[ids] % self._policy.execute_steps == 0
        return actions
