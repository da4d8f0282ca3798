"""When an operator takes a policy's episode over, and when control goes back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from recap_bench.data.episode import TRIGGERS
from recap_bench.errors import ConfigurationError

NONE, NO_PROGRESS, HAZARD, FALSE_ALARM = range(len(TRIGGERS))
"""Indices into TRIGGERS, the values of `reason`."""


@dataclass(frozen=True)
class GateConfig:
    """The operator who watches: what alarms them, how they react, when they let go."""

    no_progress_s: float | None = None
    """Alarm when the summed stage progress has not risen for this long [s], > 0; None for the task's `patience_s`."""
    progress_delta: float = 0.05
    """Rise of the summed stage progress (S stages of [0, 1]) that counts as progress, > 0."""
    hazards: tuple[str, ...] | None = None
    """Names of the hazard predicates that alarm; None for all that the task has."""
    false_alarm_rate_hz: float = 0.005
    """Mean rate of take-overs without any reason [1/s], >= 0."""
    reaction_delay_s: float = 0.4
    """Time from the alarm to the take-over [s], >= 0; an alarm that ends sooner is forgotten."""
    miss_probability: float = 0.1
    """Probability that an alarm goes unnoticed for as long as it lasts, in [0, 1]."""
    profile: str = "skilled"
    """Name of the operator profile (skill, noise) that corrects."""
    max_correction_s: float = 8.0
    """A correction ends after this time [s], > 0, or earlier: when the next stage is done and no hazard is left."""
    episode_budget_s: float = 15.0
    """Correction time available per episode [s], >= 0."""

    def __post_init__(self) -> None:
        positive = ("no_progress_s", "progress_delta", "max_correction_s")
        not_negative = ("false_alarm_rate_hz", "reaction_delay_s", "miss_probability", "episode_budget_s")
        values = {name: getattr(self, name) for name in (*positive, *not_negative)}
        wrong = [
            f"{name}={values[name]} (must be > 0)"
            for name in positive
            if values[name] is not None and not values[name] > 0
        ]
        wrong += [f"{name}={values[name]} (must be >= 0)" for name in not_negative if not values[name] >= 0]
        if self.miss_probability > 1:
            wrong.append(f"miss_probability={self.miss_probability} (must be <= 1)")
        if wrong:
            raise ConfigurationError(f"Gate configuration cannot be used: {'; '.join(wrong)}.")


@dataclass(frozen=True)
class Scene:
    """What the operator sees of k simulations at one step."""

    progress: np.ndarray
    """Progress within each stage, (k, S) in [0, 1]."""
    hazards: Mapping[str, np.ndarray]
    """Named predicates of imminent failure, name -> (k,) bool."""
    stages_done: np.ndarray
    """Number of stages reached, (k,)."""

    def hazard(self, names: Sequence[str] | None) -> np.ndarray:
        """Whether any of the predicates `names` (None: of all) holds, (k,) bool."""
        unknown = [name for name in names or () if name not in self.hazards]
        if unknown:
            raise ConfigurationError(f"Unknown hazards {unknown}. Known: {', '.join(self.hazards)}.")
        chosen = [self.hazards[name] for name in (self.hazards if names is None else names)]
        return np.any(chosen, axis=0) if chosen else np.zeros(len(self.stages_done), bool)


@dataclass(frozen=True)
class Handover:
    """Simulations whose control changed hands at one step."""

    taken: np.ndarray
    """Ids where the operator took over, (a,)."""
    returned: np.ndarray
    """Ids where the policy got control back, (b,)."""


@dataclass
class InterventionGate:
    """The gates of n simulations, advanced together once per control step.

    Call `begin` when an episode starts in a slot and `update` before every action. Everything
    random comes from the slot's own generator.
    """

    config: GateConfig
    n: int
    """Number of simulations."""
    control_hz: float
    """Calls of `update` per second of simulated time."""
    patience_s: float
    """The task's, for a config that does not say how long to wait for progress [s]."""
    total_budget_s: float | None = None
    """Correction time available to all episodes together [s]; None for no limit."""
    spent_steps: int = field(init=False, default=0)
    """Correction steps of all episodes so far."""
    correcting: np.ndarray = field(init=False)
    """The operator is in control, (n,) bool."""
    reason: np.ndarray = field(init=False)
    """Index into TRIGGERS of the current correction, (n,) int8; 0 while the policy acts."""

    def __post_init__(self) -> None:
        self.correcting = np.zeros(self.n, bool)
        self.reason = np.zeros(self.n, np.int8)
        self._rngs: list[np.random.Generator] = [np.random.default_rng(0)] * self.n
        self._best = np.zeros(self.n)
        """Highest summed progress so far."""
        self._stalled = np.zeros(self.n, np.int64)
        """Steps since it last rose."""
        self._alarm = np.zeros(self.n, np.int8)
        """The alarm that is on, as an index into TRIGGERS."""
        self._alarm_age = np.zeros(self.n, np.int64)
        self._noticed = np.zeros(self.n, bool)
        self._age = np.zeros(self.n, np.int64)
        """Steps of the current correction."""
        self._stages_before = np.zeros(self.n, np.int64)
        """Stages done when it began."""
        self._episode_steps = np.zeros(self.n, np.int64)
        """Correction steps of the episode."""
        self._until_false_alarm = np.zeros(self.n)

    def begin(self, slot: int, rng: np.random.Generator) -> None:
        """Watch a new episode in `slot`."""
        self._rngs[slot] = rng
        for state in (self.correcting, self.reason, self._stalled, self._episode_steps, self._alarm):
            state[slot] = 0
        self._best[slot] = -np.inf
        self._until_false_alarm[slot] = self._draw_false_alarm(slot)

    def update(self, ids: np.ndarray, scene: Scene) -> Handover:
        """Advance the gates of the simulations `ids` (k,) by one step and return the changes of control."""
        hazard = scene.hazard(self.config.hazards)
        progress = scene.progress.sum(axis=1)
        self._watch(ids, progress, hazard)
        takes_over = self._takes_over(ids)
        lets_go = self._lets_go(ids, scene.stages_done, hazard)
        taken, returned = ids[takes_over], ids[lets_go]
        self._begin_correction(taken, scene.stages_done[takes_over])
        self._end_correction(returned, progress[lets_go])
        acting = ids[self.correcting[ids]]
        self._age[acting] += 1
        self._episode_steps[acting] += 1
        self.spent_steps += len(acting)
        return Handover(taken, returned)

    def _watch(self, ids: np.ndarray, progress: np.ndarray, hazard: np.ndarray) -> None:
        """Update stall counters and alarms; a new alarm is noticed or missed at once."""
        risen = progress >= self._best[ids] + self.config.progress_delta
        self._best[ids[risen]] = progress[risen]
        self._stalled[ids] = np.where(risen, 0, self._stalled[ids] + 1)
        free = ~self.correcting[ids]
        self._until_false_alarm[ids[free]] -= 1
        stalled = self._stalled[ids] >= self._steps(self.config.no_progress_s or self.patience_s)
        imagined = (self._until_false_alarm[ids] <= 0) | (self._alarm[ids] == FALSE_ALARM)
        alarm = np.select([hazard, stalled, imagined], [HAZARD, NO_PROGRESS, FALSE_ALARM], NONE) * free
        new = alarm != self._alarm[ids]
        self._alarm[ids] = alarm
        self._alarm_age[ids] = np.where(new, 0, self._alarm_age[ids] + 1)
        for slot, kind in zip(ids[new & (alarm != NONE)], alarm[new & (alarm != NONE)], strict=True):
            self._notice(slot, kind)

    def _notice(self, slot: int, alarm: int) -> None:
        if alarm == FALSE_ALARM:
            self._noticed[slot] = True
            self._until_false_alarm[slot] = self._draw_false_alarm(slot)
            return
        self._noticed[slot] = self._rngs[slot].random() >= self.config.miss_probability
        if alarm == NO_PROGRESS and not self._noticed[slot]:
            self._stalled[slot] = 0  # the operator looks again after the same time

    def _takes_over(self, ids: np.ndarray) -> np.ndarray:
        due = self._alarm_age[ids] >= self._steps(self.config.reaction_delay_s)
        return (self._alarm[ids] != NONE) & self._noticed[ids] & due & ~self.correcting[ids] & self._within_budget(ids)

    def _begin_correction(self, taken: np.ndarray, stages_done: np.ndarray) -> None:
        self.correcting[taken] = True
        self.reason[taken] = self._alarm[taken]
        self._alarm[taken] = NONE
        self._age[taken] = 0
        self._stages_before[taken] = stages_done

    def _end_correction(self, returned: np.ndarray, progress: np.ndarray) -> None:
        self.correcting[returned] = False
        self.reason[returned] = NONE
        self._best[returned] = progress  # from here on the policy is measured anew
        self._stalled[returned] = 0

    def _lets_go(self, ids: np.ndarray, stages_done: np.ndarray, hazard: np.ndarray) -> np.ndarray:
        next_stage = (stages_done > self._stages_before[ids]) & ~hazard
        too_long = self._age[ids] >= self._steps(self.config.max_correction_s)
        return self.correcting[ids] & (next_stage | too_long | ~self._within_budget(ids))

    def _within_budget(self, ids: np.ndarray) -> np.ndarray:
        within = self._episode_steps[ids] < self._steps(self.config.episode_budget_s)
        if self.total_budget_s is not None:
            within &= self.spent_steps < self._steps(self.total_budget_s)
        return within

    def _draw_false_alarm(self, slot: int) -> float:
        rate = self.config.false_alarm_rate_hz / self.control_hz
        return self._rngs[slot].exponential(1 / rate) if rate > 0 else np.inf

    def _steps(self, seconds: float) -> int:
        return round(seconds * self.control_hz)
