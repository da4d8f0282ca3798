"""Play a policy's action chunks in n simulations, with one batched inference for all that need a new chunk."""

from collections.abc import Mapping

import numpy as np

from recap_bench.policy import Policy


class ChunkPlayer:
    """The chunks that the policy is executing, per simulation.

    A chunk ends at the next multiple of the policy's `execute_steps` since the episode's start, so that simulations
    whose episodes began on such a multiple stay in step, and one inference serves them all.
    """

    def __init__(self, policy: Policy, n: int, instruction: str, batch_rows: int = 0) -> None:
        self._policy = policy
        self._batch_rows = max(n, batch_rows)
        self._instruction = instruction
        self._rngs: list[np.random.Generator] = [np.random.default_rng(0)] * n
        self._spare = np.random.default_rng(0)
        """Noise of the rows that only fill a batch."""
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
            self._chunks[due] = self._infer(due, observation)
            self._cursor[due] = 0
        actions = self._chunks[ids, self._cursor[ids]]
        self._cursor[ids] += 1
        self._age[ids] += 1
        self._due[ids] = self._age[ids] % self._policy.execute_steps == 0
        return actions

    def _infer(self, due: np.ndarray, observation: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return new chunks for the simulations `due` (k,), (k, execute_steps, 14).

        The batch always has the same number of rows: matrix products round differently for other sizes, and then an
        episode would depend on how many others run beside it, for example on where a killed collection was resumed.
        """
        fill = self._batch_rows - len(due)
        rows = np.concatenate([due, np.full(fill, due[0])])
        rngs = [self._rngs[slot] for slot in due] + [self._spare] * fill
        batch = {name: values[rows] for name, values in observation.items()}
        chunks = self._policy.act(batch, [self._instruction] * len(rows), rngs)
        return chunks[: len(due), : self._policy.execute_steps]
