"""Who acts in n simulations: operators from the start, or a policy whom an operator may correct."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import numpy as np

from recap_bench import seeding
from recap_bench.data.episode import ACTOR_CORRECTION, ACTOR_DEMONSTRATOR, ACTOR_POLICY
from recap_bench.envs.operators import profile as operator_profile
from recap_bench.envs.simulation import CONTROL_HZ
from recap_bench.errors import ConfigurationError
from recap_bench.loop.chunks import ChunkPlayer
from recap_bench.loop.intervention import GateConfig, InterventionGate, Scene
from recap_bench.policy import Policy

if TYPE_CHECKING:
    from recap_bench.envs.vector_env import TaskVectorEnv


@dataclass(frozen=True)
class Controllers:
    """What may act: a policy, an operator from the start, or a policy with an operator who may step in."""

    policy: Policy | None = None
    """Acts at every step that no operator takes."""
    profiles: Mapping[str, float] = field(default_factory=dict)
    """Operator profile -> weight; one is drawn per episode and acts throughout. Excludes a policy."""
    gate: GateConfig | None = None
    """When an operator corrects the policy; None for autonomous episodes."""
    correction_budget_s: float | None = None
    """Correction time that all episodes of this collection may take [s]; None for no limit.

    While it binds, which episode gets the last seconds depends on the order of collection.
    """
    batch_rows: int = 0
    """Rows that a policy's batch has at least; those without a simulation are filled."""

    def __post_init__(self) -> None:
        if (self.policy is None) == (not self.profiles):
            raise ConfigurationError("Controllers need either a policy or operator profiles, and not both.")
        if self.gate is not None and self.policy is None:
            raise ConfigurationError("An intervention gate needs a policy to correct.")
        if any(not weight > 0 for weight in self.profiles.values()):
            raise ConfigurationError(f"Profile weights must be > 0, received {dict(self.profiles)}.")


@dataclass(frozen=True)
class Decision:
    """Who acts in k simulations at one step, and what is done."""

    actions: np.ndarray
    """What is executed, (k, 14)."""
    proposals: np.ndarray | float
    """What the policy proposed, (k, 14); NaN if there is no policy."""
    actor: np.ndarray | int
    """ACTOR_*, (k,) or one for all."""
    reason: np.ndarray | int
    """Index into TRIGGERS, (k,) or one for all."""


class Pilot(Protocol):
    """Decides the actions of n simulations."""

    profiles: list[str]
    """Per simulation the operator profile that acted in its episode, '' if none did; n of them."""

    def begin(self, slots: np.ndarray, seeds: Sequence[int]) -> None:
        """Start the episodes of the environment `seeds` in `slots`, whose simulations have been reset."""

    def decide(self, ids: np.ndarray, observation: Mapping[str, np.ndarray], stages_done: np.ndarray) -> Decision:
        """Return what happens in the simulations `ids` (k,); observation and stages done are of all n."""


def make_pilot(env: "TaskVectorEnv", controllers: Controllers, run_seed: int) -> Pilot:
    """Return the pilot for `controllers`; its random streams derive from `run_seed` and each environment seed."""
    if controllers.policy is None:
        return _Demonstrators(env, controllers.profiles, run_seed)
    return _SupervisedPolicy(env, controllers, run_seed)


class _Demonstrators:
    """An operator of a drawn profile in each simulation."""

    def __init__(self, env: "TaskVectorEnv", profiles: Mapping[str, float], run_seed: int) -> None:
        self.profiles = [""] * env.num_envs
        self._oracle = env.make_oracle()
        self._names = list(profiles)
        weights = np.array(list(profiles.values()), float)
        self._probabilities = weights / weights.sum()
        self._run_seed = run_seed

    def begin(self, slots: np.ndarray, seeds: Sequence[int]) -> None:
        for slot, seed in zip(slots, seeds, strict=True):
            draw = seeding.stream(self._run_seed, "profile", seed)
            self.profiles[slot] = str(draw.choice(self._names, p=self._probabilities))
        rngs = [seeding.stream(self._run_seed, "operator", seed) for seed in seeds]
        self._oracle.begin(slots, [operator_profile(self.profiles[slot]) for slot in slots], rngs)

    def decide(self, ids: np.ndarray, observation: Mapping[str, np.ndarray], stages_done: np.ndarray) -> Decision:
        return Decision(self._oracle.act(ids), proposals=np.nan, actor=ACTOR_DEMONSTRATOR, reason=0)


class _SupervisedPolicy:
    """A policy, and an operator behind an intervention gate if there is one."""

    def __init__(self, env: "TaskVectorEnv", controllers: Controllers, run_seed: int) -> None:
        assert controllers.policy is not None
        n = env.num_envs
        self.profiles = [""] * n
        self._env = env
        self._run_seed = run_seed
        self._player = ChunkPlayer(controllers.policy, n, env.spec_of_task.instruction, controllers.batch_rows)
        self._gate: InterventionGate | None = None
        if controllers.gate is not None:
            patience_s, budget_s = env.spec_of_task.patience_s, controllers.correction_budget_s
            self._gate = InterventionGate(controllers.gate, n, CONTROL_HZ, patience_s, budget_s)
            self._oracle = env.make_oracle()
            self._operator = operator_profile(controllers.gate.profile)
        self._operator_rngs: list[np.random.Generator] = [np.random.default_rng(0)] * n

    def begin(self, slots: np.ndarray, seeds: Sequence[int]) -> None:
        for slot, seed in zip(slots, seeds, strict=True):
            self.profiles[slot] = ""
            self._player.begin(slot, seeding.stream(self._run_seed, "policy", seed))
            self._operator_rngs[slot] = seeding.stream(self._run_seed, "operator", seed)
            if self._gate is not None:
                self._gate.begin(slot, seeding.stream(self._run_seed, "gate", seed))

    def decide(self, ids: np.ndarray, observation: Mapping[str, np.ndarray], stages_done: np.ndarray) -> Decision:
        if self._gate is None:
            proposals = self._player.propose(ids, observation)
            return Decision(proposals, proposals, ACTOR_POLICY, reason=0)
        self._hand_over(self._gate, ids, stages_done)
        proposals = self._player.propose(ids, observation)
        correcting = self._gate.correcting[ids]
        actions = proposals.copy()
        if correcting.any():
            actions[correcting] = self._oracle.act(ids[correcting])
        actor = np.where(correcting, ACTOR_CORRECTION, ACTOR_POLICY)
        return Decision(actions, proposals, actor, self._gate.reason[ids])

    def _hand_over(self, gate: InterventionGate, ids: np.ndarray, stages_done: np.ndarray) -> None:
        hazards = {name: np.asarray(values)[ids] for name, values in self._env.hazards().items()}
        handover = gate.update(ids, Scene(self._env.progress()[ids], hazards, stages_done[ids]))
        self._player.forget(handover.returned)
        if len(handover.taken):
            rngs = [self._operator_rngs[slot] for slot in handover.taken]
            self._oracle.begin(handover.taken, [self._operator] * len(rngs), rngs)
            for slot in handover.taken:
                self.profiles[slot] = self._operator.name
