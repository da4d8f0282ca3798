"""What a task is: start states, processes beyond rigid bodies, and the truth of success."""

import abc
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Generic, Protocol, TypeVar

import mujoco
import numpy as np

from recap_bench.envs.operators import OperatorProfile
from recap_bench.envs.rig import Rig
from recap_bench.envs.simulation import CONTROL_HZ, Simulation
from recap_bench.errors import UnknownNameError

NO_FAILURE = "none"
"""Failure mode of an episode that has not failed (yet)."""

TIME_OUT = "time_out"
"""Failure mode set by the environment when the time limit is reached without success."""

DIVERGED = "diverged"
"""Failure mode set by the environment when the physics of a simulation broke down."""


Measured = TypeVar("Measured")
"""What a task measures of its simulations in a control step."""


@dataclass(frozen=True)
class TaskSpec:
    """The facts of a task that do not depend on a simulation."""

    name: str
    """Name without prefix, e.g. 'Espresso-v0'; the id is 'recap_bench/' + name."""
    instruction: str
    """The task as the operator would say it."""
    paraphrases: tuple[str, ...]
    """Other ways to say it."""
    stages: tuple[str, ...]
    """Scored stages, in order."""
    failure_modes: tuple[str, ...]
    """Closed set: 'none' first, then the task's own, then 'time_out' and 'diverged'."""
    proficient_time_s: float
    """Measured cycle time of the skilled oracle [s]."""
    paper_time_limit_s: float
    """The paper's limit for the real task [s]."""
    paper_proficient_time_s: float
    """The paper's proficient cycle time [s]; limit/proficient is the ratio kept here."""
    state_names: tuple[str, ...]
    """Name of each entry of `environment_state`, D of them, units included."""
    patience_s: float
    """How long an operator who watches waits for progress [s]: nearly twice what a skilled one goes without it."""
    demonstration_start: str | None = None
    """Where demonstrations start, one of the task's `starts`; None for the first one."""
    evaluation_start: str | None = None
    """Where policies start, one of the task's `starts`; None for the first one."""

    @property
    def phrasings(self) -> tuple[str, ...]:
        """The instruction, then its paraphrases."""
        return (self.instruction, *self.paraphrases)

    def start_of(self, source: str) -> str | None:
        """Return where episodes of this source ('demonstration', ...) start unless told otherwise; None: the first."""
        return self.demonstration_start if source == "demonstration" else self.evaluation_start

    @property
    def id(self) -> str:
        """The Gymnasium id."""
        return f"recap_bench/{self.name}"

    @property
    def time_limit_s(self) -> float:
        """Time after which the episode counts as failed [s]: the paper's ratio of limit to proficient time is kept."""
        return round(self.proficient_time_s * self.paper_time_limit_s / self.paper_proficient_time_s, 1)

    @property
    def max_episode_steps(self) -> int:
        """The time limit in control steps."""
        return round(self.time_limit_s * CONTROL_HZ)


class Oracle(Protocol):
    """A scripted expert with privileged state, one independent operator per simulation."""

    def begin(self, ids: np.ndarray, profiles: Sequence[OperatorProfile], rngs: Sequence[np.random.Generator]) -> None:
        """Let a new operator start in each simulation of `ids`, from whatever state it is in."""

    def act(self, ids: np.ndarray) -> np.ndarray:
        """Return the next action of each simulation of `ids`, (k, 14)."""

    def phase(self, simulation: int) -> str:
        """Return the name of the phase that the operator of `simulation` is in."""


class Latest(Generic[Measured]):
    """What the last `advance` measured, for the observation that follows it at once."""

    def __init__(self) -> None:
        self._kept: tuple[np.ndarray, Measured] | None = None

    def keep(self, ids: np.ndarray, measured: Measured) -> None:
        """Keep `measured` of the simulations `ids`."""
        self._kept = ids, measured

    def take(self, ids: np.ndarray) -> Measured | None:
        """Return what was kept for this very `ids`, once; None if something else has happened since."""
        kept, self._kept = self._kept, None
        return kept[1] if kept is not None and kept[0] is ids else None

    def forget(self) -> None:
        """Keep nothing: the simulations have changed."""
        self._kept = None


class Task(abc.ABC):
    """One task over n simulations.

    A subclass keeps everything that changes during an episode either in the MuJoCo
    state or in `process` (so that a snapshot is complete), and decides success and
    failure from that state alone.
    """

    spec: ClassVar[TaskSpec]
    starts: ClassVar[tuple[str, ...]] = ("default",)
    """Names of the places in the task from which an episode may start; the first is the default."""
    rig: Rig
    """The arms."""

    def __init__(self, simulation: Simulation, randomization: str, start: str) -> None:
        self.simulation = simulation
        self.randomization = randomization
        self.start_name = start
        n = simulation.n
        self.process: dict[str, np.ndarray] = {}
        """Per-simulation state beyond MuJoCo's, name -> (n, ...)."""
        self.success = np.zeros(n, bool)
        """The task is done, (n,)."""
        self.failure = np.zeros(n, np.int8)
        """Index into spec.failure_modes, (n,); 0 while not failed."""
        self.stages = np.zeros((n, len(self.spec.stages)), bool)
        """Stages reached so far in the episode, (n, S); they latch."""

    @classmethod
    def start_named(cls, start: str | None) -> str:
        """Return `start`, or the default for None; raise UnknownNameError for one that the task lacks."""
        if start is not None and start not in cls.starts:
            raise UnknownNameError(f"start of {cls.spec.name}", start, list(cls.starts))
        return start or cls.starts[0]

    @classmethod
    def start_of(cls, source: str, chosen: str | None = None) -> str:
        """Return where episodes of `source` ('demonstration', ...) start: the `chosen` one, else the task's choice."""
        return cls.start_named(chosen or cls.spec.start_of(source))

    @classmethod
    @abc.abstractmethod
    def build_model(cls) -> mujoco.MjModel:
        """Compile the scene."""

    @classmethod
    def make_simulation(cls, n: int, threads: int) -> Simulation:
        """Return the simulations that a task of n slots runs on."""
        return Simulation(cls.build_model(), n, threads)

    def reset(self, ids: np.ndarray, rngs: Sequence[np.random.Generator]) -> None:
        """Begin new episodes, neither won nor failed, in the simulations `ids`.

        The simulation has been reset before and is forwarded afterwards by the caller.
        """
        self.success[ids], self.failure[ids], self.stages[ids] = False, 0, False
        self.write_start(ids, rngs)

    @abc.abstractmethod
    def write_start(self, ids: np.ndarray, rngs: Sequence[np.random.Generator]) -> None:
        """Write start states drawn from `rngs` into the simulations `ids`, and the stages that lie behind them."""

    def bind(self, i: int) -> None:  # noqa: B027 (most tasks have one model, bound from the start)
        """Bind the fields that the task reads of the model that slot `i` runs on, before they are written."""

    def apply(self, ids: np.ndarray, actions: np.ndarray) -> None:
        """Turn actions (k, 14), already clipped to the action space, into MuJoCo controls."""
        self.rig.apply(ids, actions)

    @abc.abstractmethod
    def advance(self, ids: np.ndarray) -> None:
        """Run the processes of one control step after the physics; update success, failure, stages."""

    def agent_pos(self, ids: np.ndarray) -> np.ndarray:
        """Return joint positions and jaw openings, (k, 14), in the order of the action."""
        return self.rig.agent_pos(ids)

    @abc.abstractmethod
    def environment_state(self, ids: np.ndarray) -> np.ndarray:
        """Return the task's state observation, (k, D)."""

    @abc.abstractmethod
    def progress(self, ids: np.ndarray) -> np.ndarray:
        """Return the progress within each stage, (k, S) in [0, 1]; for plots and triggers only."""

    @abc.abstractmethod
    def hazards(self, ids: np.ndarray) -> dict[str, np.ndarray]:
        """Return named predicates of imminent failure, name -> (k,) bool; for triggers only."""

    @abc.abstractmethod
    def make_oracle(self) -> Oracle:
        """Return a new scripted expert for all n simulations."""

    @abc.abstractmethod
    def refresh_visuals(self, ids: np.ndarray) -> None:
        """Write what only the cameras see (liquid level, puck height) into the model fields."""
